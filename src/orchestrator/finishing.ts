import {
  type Effect,
  type Failure,
  inputMessage,
  type Json,
  type Message,
  OpspawnError,
  type RunOutcome,
  type RunView,
  toFailure,
} from '../core/index.ts'
import { acceptCompensation, compensationOf } from './compensating.ts'
import { openRecords } from './inbox.ts'
import { cancelChildRun, cancelSignal, childEndSignal, childId, successorId } from './perform-run.ts'
import { endEffect, type Progress } from './progress.ts'
import { isTurn } from './session.ts'
import { cancelled, takeSettlements } from './settling.ts'

/**
 * Ends the run: what is still open is stopped, the parent is told, the session gets its messages. With a successor neither
 * hears of it: that run goes on in its place.
 */
export function finishRun(progress: Progress, outcome: RunOutcome, messages?: readonly Message[], successor?: string): void {
  const { log } = progress
  const { view, origin } = log
  if (view.open > 0) stopOpen(progress)
  if (successor !== undefined) {
    // What came early for a wait that it did not have is the successor's.
    for (const signal of view.signals) log.send(successor, signal)
    log.end(outcome, undefined, successor)
    return
  }
  if (origin.parent !== undefined) {
    const { runId, key } = origin.parent
    log.send(runId, childEndSignal(view.id, key, outcome, [...view.labels]))
  }
  const inSession = isTurn(origin) && view.session !== undefined && outcome.status === 'completed'
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
  const { log, turn } = progress
  const { view } = log
  const reason = reasonOf(view)
  const error = toFailure(reason, 'RUN_CANCELLED')
  if (!progress.cancelling) stopBegun(progress, reason)
  for (const { effect } of openRecords(view)) await cancelOpen(progress, effect, error)
  if (view.open > 0 && log.steady() >= (progress.cancelBy ?? 0)) {
    for (const { effect } of openRecords(view)) endEffect(progress, effect.key, { status: 'cancelled', error })
  }
  if (view.open > 0) return
  await stopSuccessor(progress)
  if (progress.turn === turn) await endCancelled(progress, error)
}

function reasonOf({ timedOut, limits, cancelReason }: RunView): OpspawnError {
  if (!timedOut)
    return new OpspawnError(
      'RUN_CANCELLED',
      cancelReason === '' ? 'the run was cancelled' : `the run was cancelled: ${cancelReason}`,
    )
  const text = `the run took longer than its limit of ${limits.durationMs} ms`
  return new OpspawnError('RUN_TIMEOUT', text, { retryable: false })
}

/**
 * Ends a run of which nothing is open any more. What makes it good is accepted before, and named in its end; and before that
 * it is on record what each effect came to, so that whoever does it again after a crash has the same to make good.
 */
async function endCancelled(progress: Progress, error: Failure): Promise<void> {
  const { log, turn } = progress
  let compensation: string | undefined
  try {
    const input = compensationOf(progress)
    if (input !== undefined && !log.isClean) {
      progress.askPlanner = true
      return
    }
    if (input !== undefined) compensation = await acceptCompensation(progress, input)
  } catch (fault) {
    if (progress.turn === turn) failRun(progress, fault)
    return
  }
  if (progress.turn !== turn) return
  const named = compensation === undefined ? error : { ...error, details: { compensation } }
  finishRun(progress, { status: log.view.timedOut ? 'failed' : 'cancelled', error: named })
}

/** Nothing new begins, and what is under way here stops; a child that is being accepted is waited for: only then can it be told. */
function stopBegun(progress: Progress, reason: OpspawnError): void {
  const { log, context } = progress
  progress.cancelling = true
  progress.cancelBy ??= log.steady() + context.engine.timing.cancelMs
  progress.startable = []
  for (const execution of progress.inFlight) if (execution.effect.kind !== 'run') execution.abort(reason)
  takeSettlements(progress)
}

async function cancelOpen(progress: Progress, effect: Effect, error: Failure): Promise<void> {
  const { log, context, toldChildren, inFlight } = progress
  const { view } = log
  const record = view.effects.get(effect.key)
  if (effect.kind !== 'run') {
    if (record !== undefined) endEffect(progress, effect.key, cancelled(record, error))
  } else if (!toldChildren.has(effect.key) && !inFlight.some((execution) => execution.effect === effect)) {
    toldChildren.add(effect.key)
    const exists = await cancelChildRun(context.engine, childId(view.id, effect.key), view.cancelReason ?? '')
    if (!exists) endEffect(progress, effect.key, { status: 'cancelled', error })
  }
}

/** It had begun to continue as new, or another worker had: the successor may be there, and must not go on alone. */
async function stopSuccessor({ context, continuing, log }: Progress): Promise<void> {
  if (continuing === undefined && context.fence.epoch === 1) return
  await continuing
  await cancelChildRun(context.engine, successorId(log.view.id), log.view.cancelReason ?? '')
}

function defaultTranscript(input: Json, outcome: RunOutcome & { status: 'completed' }): readonly Message[] {
  const { output } = outcome
  const text = typeof output === 'string' ? output : JSON.stringify(output)
  return [inputMessage(input), { role: 'assistant', content: [{ type: 'text', text }] }]
}
