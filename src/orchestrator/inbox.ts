import {
  type EffectRecord,
  type Failure,
  type Json,
  OpspawnError,
  type Outcome,
  type RunView,
  type Signal,
  toFailure,
} from '../core/index.ts'
import { APPROVAL, CANCEL, CHILD_END, RESOLVE } from './engine.ts'
import { pauses } from './pausing.ts'
import type { Progress } from './progress.ts'
import type { RunLog } from './run-log.ts'
import { awaitsResolution, type ResolutionPayload, takeResolution } from './unknown-outcomes.ts'

/** What an approval's signal carries. */
export interface ApprovalPayload {
  readonly key: string
  /** What the person saw; it must still be what would be called. */
  readonly hash: string
  readonly approved: boolean
  readonly by: string
  readonly reason?: string
}

/** What the signal of an ended child carries. */
export interface ChildEndPayload {
  readonly key: string
  readonly outcome: Outcome
  readonly labels: readonly string[]
}

/** Takes up what came from outside, in its order. */
export function takeInbox(progress: Progress, inbox: readonly Signal[]): void {
  const { log } = progress
  for (const signal of inbox) {
    progress.paused = pauses(signal.name) ?? progress.paused
    const approved = takeSignal(progress, signal)
    if (approved === undefined) continue
    progress.timed.delete(approved)
    progress.startable.push(approved)
  }
  // Its end is more urgent than its rest.
  if (log.view.cancelReason !== undefined) progress.paused = false
  progress.askPlanner = true
  matchSignals(log)
}

/**
 * Turns a signal into events of the history; from then on the history is the only place where it stands. Gives the key of
 * an effect that may now be performed, if an approval made one ready.
 */
function takeSignal(progress: Progress, signal: Signal): string | undefined {
  const { log } = progress
  log.consume(signal.id)
  switch (signal.name) {
    case CANCEL:
      log.record({ type: 'cancel-request', reason: reasonOf(signal.payload) })
      return undefined
    case CHILD_END:
      takeChildEnd(log, signal.payload as unknown as ChildEndPayload)
      return undefined
    case RESOLVE:
      takeResolution(progress, signal.payload as unknown as ResolutionPayload)
      return undefined
    case APPROVAL:
      return takeApproval(log, signal.payload as unknown as ApprovalPayload)
    default:
      log.record({ type: 'signal', id: signal.id, name: signal.name, payload: signal.payload })
      return undefined
  }
}

function reasonOf(payload: Json): string {
  const reason = typeof payload === 'object' && payload !== null && 'reason' in payload ? payload.reason : ''
  return typeof reason === 'string' ? reason : ''
}

function takeChildEnd(log: RunLog, { key, outcome, labels }: ChildEndPayload): void {
  const record = log.view.effects.get(key)
  if (record === undefined || record.outcome !== undefined) return
  log.record({ type: 'effect-end', key, outcome, durationMs: 0, ...(labels.length === 0 ? undefined : { labels }) })
}

function takeApproval(log: RunLog, { key, hash, approved, by, reason }: ApprovalPayload): string | undefined {
  const record = log.view.effects.get(key)
  if (record === undefined || !awaitsApproval(record) || awaitsResolution(record) || record.argumentsHash !== hash)
    return undefined
  if (record.dueAt !== undefined && record.dueAt <= log.now()) return undefined
  const because = reason === undefined ? undefined : { reason }
  log.record({ type: 'approval-response', key, approved, by, ...because })
  if (record.effect.kind === 'wait') {
    log.record({ type: 'effect-end', key, outcome: { status: 'completed', value: { approved, by, ...because } }, durationMs: 0 })
    return undefined
  }
  if (approved) return key
  const error = new OpspawnError('APPROVAL_DENIED', `${by} refused the call${reason === undefined ? '' : `: ${reason}`}`)
  log.record({
    type: 'effect-end',
    key,
    outcome: { status: 'denied', error: toFailure(error, 'APPROVAL_DENIED') },
    durationMs: 0,
  })
  return undefined
}

/** Whether an effect waits for a person who has not answered. */
export function awaitsApproval(record: EffectRecord): boolean {
  return record.outcome === undefined && record.approval === 'requested'
}

/** Ends the waits whose signal has come. */
export function matchSignals(log: RunLog): void {
  const { view } = log
  if (view.signals.length === 0 || view.open === 0) return
  for (const [key, record] of view.effects) {
    if (record.outcome !== undefined || record.effect.kind !== 'wait' || record.effect.for.type !== 'signal') continue
    const { name } = record.effect.for
    const signal = view.signals.find((candidate) => candidate.name === name)
    if (signal !== undefined)
      log.record({ type: 'effect-end', key, outcome: { status: 'completed', value: signal.payload }, durationMs: 0 })
  }
}

/** What a wait or an approval comes to when its time is up. */
export function dueOutcome(record: EffectRecord): Outcome | undefined {
  const { effect } = record
  if (awaitsApproval(record)) return expired('APPROVAL_EXPIRED', 'nobody answered the approval in time')
  if (effect.kind !== 'wait') return undefined
  if (effect.for.type === 'time') return { status: 'completed', value: null }
  return expired(
    'WAIT_EXPIRED',
    `"${effect.for.type === 'signal' ? effect.for.name : effect.key}" did not come within ${effect.for.deadlineMs} ms`,
  )
}

function expired(code: 'APPROVAL_EXPIRED' | 'WAIT_EXPIRED', message: string): Outcome {
  const status = code === 'APPROVAL_EXPIRED' ? 'denied' : 'failed'
  const error: Failure = toFailure(new OpspawnError(code, message, { retryable: false }), code)
  return { status, error }
}

/** Effects that are open, in the order asked for. */
export function openRecords(view: RunView): EffectRecord[] {
  return view.open === 0 ? [] : [...view.effects.values()].filter((record) => record.outcome === undefined)
}
