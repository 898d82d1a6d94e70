import { URGENT_SIGNALS, type Signal } from '../../core/index.ts'
import { makeQueued, type MemoryRun } from './memory-run.ts'

/** Puts a signal into the inbox; gives false for an id that came before. */
export function addSignal(run: MemoryRun, signal: Signal): boolean {
  run.signalIds ??= new Set()
  if (run.signalIds.has(signal.id)) return false
  run.signalIds.add(signal.id)
  run.inbox.push(signal)
  return true
}

/** Takes signals out of the inbox; ids that are not in it are passed over. */
export function removeSignals(run: MemoryRun, ids: readonly string[]): void {
  const told = run.inbox.slice(0, run.told).filter((signal) => !ids.includes(signal.id))
  const news = run.inbox.slice(run.told).filter((signal) => !ids.includes(signal.id))
  run.told = told.length
  run.inbox = news.length === 0 ? told : [...told, ...news]
}

/** What came since the owner was told last. */
export function takeNews(run: MemoryRun): readonly Signal[] | undefined {
  if (run.inbox.length === run.told) return undefined
  const news = run.inbox.slice(run.told)
  run.told = run.inbox.length
  return news
}

/** Forgets all signals of a run that has ended. */
export function dropSignals(run: MemoryRun): void {
  run.inbox = []
  run.signalIds = undefined
}

/**
 * Makes a waiting run ready; for the engine's own requests also one that is due later or set aside. Gives false for a run
 * that stays as it is.
 */
export function wakeUp(run: MemoryRun, signal: Signal, now: number): boolean {
  const isLater = run.status === 'queued' && run.dueAt !== undefined && run.dueAt > now
  const isAside = run.status === 'paused' || run.status === 'quarantined'
  if (run.status !== 'waiting' && !((isLater || isAside) && URGENT_SIGNALS.includes(signal.name))) return false
  if (run.status === 'quarantined') run.deliveries = 0
  if (!isLater) makeQueued(run, now)
  run.dueAt = undefined
  return true
}
