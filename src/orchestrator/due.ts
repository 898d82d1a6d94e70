import { dueOutcome } from './inbox.ts'
import { endEffect, type Progress } from './progress.ts'

/** Ends waits whose time is up, lets retries start, and cancels a run that took too long. */
export function takeDue(progress: Progress): void {
  const { log, timed, context } = progress
  const { durationMs } = log.view.limits
  if (durationMs === undefined && timed.size === 0) return
  const now = log.steady()
  if (durationMs !== undefined && now >= context.startedAt + durationMs && log.view.cancelReason === undefined) {
    log.record({ type: 'cancel-request', reason: 'its time is up', timeout: true })
  }
  for (const [key, at] of timed) {
    const record = log.view.effects.get(key)
    // A call that waits for a person's word on what became of it has no time any more.
    if (record?.dueAt === undefined || record.outcome !== undefined) timed.delete(key)
    else if (at <= now) {
      timed.delete(key)
      const outcome = dueOutcome(record)
      if (outcome === undefined) progress.startable.push(key)
      else endEffect(progress, key, outcome)
    }
  }
}

/**
 * When time alone will change something: a retry, a timer, an approval that expires, the end of the run's own time. By
 * {@link RunLog.steady}.
 */
export function nextDue({ log, timed, context, cancelBy }: Progress): number | undefined {
  const { view } = log
  let due: number | undefined
  for (const at of timed.values()) if (due === undefined || at < due) due = at
  const { durationMs } = view.limits
  if (durationMs !== undefined && view.cancelReason === undefined) due = Math.min(due ?? Infinity, context.startedAt + durationMs)
  if (cancelBy !== undefined) due = Math.min(due ?? Infinity, cancelBy)
  return due
}

/** Whether the run is better given back than kept: nothing runs here, and nothing will for a while or before somebody else acts. */
export function mayPark({ context, inFlight, startable, timed, log }: Progress, dueAt: number | undefined): boolean {
  if (inFlight.length > 0 || startable.length > 0) return false
  if (dueAt === undefined || dueAt - log.steady() > context.engine.timing.parkMs) return true
  for (const key of timed.keys()) {
    const record = log.view.effects.get(key)
    if (record?.effect.kind !== 'wait' && record?.approval !== 'requested') return false
  }
  return true
}
