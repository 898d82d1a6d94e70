import { inputMessage, type Json, type Message, OpspawnError, type Outcome, type RunOutcome, toFailure } from '../core/index.ts'
import { CHILD_END } from './engine.ts'
import { openRecords } from './inbox.ts'
import { cancelChildRun, cancelSignal, childId } from './perform-run.ts'
import { endEffect, type Progress } from './progress.ts'
import { cancelled, takeSettlements } from './settling.ts'

/** Ends the run: what is still open is stopped, the parent is told, the session gets its messages. */
export function finishRun(progress: Progress, outcome: RunOutcome, messages?: readonly Message[]): void {
  const { log } = progress
  const { view, origin } = log
  if (view.open > 0) stopOpen(progress)
  if (origin.parent !== undefined) {
    const { runId, key } = origin.parent
    const result: Outcome = outcome.status === 'completed' ? { status: 'completed', value: outcome.output } : outcome
    log.send(runId, {
      id: `opspawn.child-end:${view.id}`,
      name: CHILD_END,
      payload: { key, outcome: result as unknown as Json, labels: [...view.labels] },
    })
  }
  const inSession = origin.depth === 0 && view.session !== undefined && outcome.status === 'completed'
  log.end(outcome, inSession ? (messages ?? defaultTranscript(view.input, outcome)) : undefined)
}

/** Ends a run that the engine itself, or a part that it trusted, cannot go on with: better a typed end than a run that hangs. */
export function failRun(progress: Progress, error: unknown): void {
  const failure = toFailure(error, 'INTERNAL')
  progress.context.engine.hub.fault(failure, { where: 'driver', runId: progress.log.view.id })
  if (progress.log.view.outcome === undefined) finishRun(progress, { status: 'failed', error: failure })
}

function stopOpen(progress: Progress): void {
  const { log, inFlight } = progress
  const error = new OpspawnError('RUN_CANCELLED', 'the run ended before this was done')
  for (const execution of inFlight) execution.abort(error)
  takeSettlements(progress)
  const failure = toFailure(error, 'RUN_CANCELLED')
  for (const record of openRecords(log.view)) {
    const { effect } = record
    if (effect.kind === 'run') log.send(childId(log.view.id, effect.key), cancelSignal('the parent run ended'))
    endEffect(progress, effect.key, cancelled(record, failure))
  }
}

/** Stops everything, children first, then ends the run; called again whenever something settles, until it has ended. */
export async function cancelRun(progress: Progress): Promise<void> {
  const { log, context } = progress
  const { view } = log
  const reason = view.timedOut
    ? new OpspawnError('RUN_TIMEOUT', `the run took longer than its limit of ${view.limits.durationMs} ms`, { retryable: false })
    : new OpspawnError(
        'RUN_CANCELLED',
        view.cancelReason === '' ? 'the run was cancelled' : `the run was cancelled: ${view.cancelReason}`,
      )
  const error = toFailure(reason, 'RUN_CANCELLED')
  if (!progress.cancelling) {
    progress.cancelling = true
    progress.cancelBy ??= log.now() + context.engine.timing.cancelMs
    progress.startable = []
    // A child that is being accepted is waited for: only then can it be told.
    for (const execution of progress.inFlight) if (execution.effect.kind !== 'run') execution.abort(reason)
    takeSettlements(progress)
  }
  for (const record of openRecords(view)) {
    const { effect } = record
    if (effect.kind !== 'run') endEffect(progress, effect.key, cancelled(record, error))
    else if (!progress.toldChildren.has(effect.key) && !progress.inFlight.some((execution) => execution.effect === effect)) {
      progress.toldChildren.add(effect.key)
      const exists = await cancelChildRun(context.engine, childId(view.id, effect.key), view.cancelReason ?? '')
      if (!exists) endEffect(progress, effect.key, { status: 'cancelled', error })
    }
  }
  if (view.open > 0 && log.now() >= (progress.cancelBy ?? 0)) {
    for (const { effect } of openRecords(view)) endEffect(progress, effect.key, { status: 'cancelled', error })
  }
  if (view.open === 0) finishRun(progress, view.timedOut ? { status: 'failed', error } : { status: 'cancelled', error })
}

function defaultTranscript(input: Json, outcome: RunOutcome & { status: 'completed' }): readonly Message[] {
  const { output } = outcome
  const text = typeof output === 'string' ? output : JSON.stringify(output)
  return [inputMessage(input), { role: 'assistant', content: [{ type: 'text', text }] }]
}
