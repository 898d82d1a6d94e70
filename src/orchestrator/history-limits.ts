import { OpspawnError, toFailure } from '../core/index.ts'
import { finishRun } from './finishing.ts'
import type { Progress } from './progress.ts'

/** From so many events on somebody is told. */
export const LONG_HISTORY = 5_000
/** With so many events a run decides nothing more. */
export const MAX_HISTORY = 20_000

/** Every start over reads the whole history, so it must end: says so early, and ends the run where nobody listened (S17). */
export function isTooLong(progress: Progress): boolean {
  const { log, context } = progress
  const { seq, id } = log.view
  if (seq < LONG_HISTORY) return false
  const advice = `end the run and go on in a new one: ctx.continueAsNew(input) of a workflow in code, or a decision { type: 'continue', input }`
  const details = { events: seq, limit: MAX_HISTORY }
  if (seq >= MAX_HISTORY) {
    const text = `the history of run ${id} has ${seq} events, and ${MAX_HISTORY} are allowed; ${advice}`
    finishRun(progress, {
      status: 'failed',
      error: toFailure(new OpspawnError('BUDGET_EXCEEDED', text, { details }), 'INTERNAL'),
    })
    return true
  }
  if (!progress.hasWarned) {
    const text = `the history of run ${id} has ${seq} events; at ${MAX_HISTORY} the run will fail. In good time, ${advice}`
    context.engine.hub.fault(toFailure(new OpspawnError('BUDGET_EXCEEDED', text, { details }), 'INTERNAL'), {
      where: 'history',
      runId: id,
    })
  }
  progress.hasWarned = true
  return false
}
