import { OpspawnError, URGENT_SIGNALS, type Changes, type ReleaseReason, type RunEvent, type Signal } from '../../core/index.ts'
import { makeQueued, type MemoryRun, type UntakenSignals } from './memory-run.ts'

/** The engine's own signals are few, and without them a run could be neither ended nor approved. */
const OWN_PREFIX = 'opspawn.'

/**
 * Puts a signal into the inbox; gives false for an id that came before.
 *
 * @throws OpspawnError `QUEUE_FULL` when the run has as many signals already that no wait has taken
 */
export function addSignal(run: MemoryRun, signal: Signal, limit: number): boolean {
  run.signalIds ??= new Set()
  if (run.signalIds.has(signal.id)) return false
  // Only a run that ever got so many can keep so many: the others need no counting.
  if (run.signalIds.size >= limit && !signal.name.startsWith(OWN_PREFIX)) requireRoom(run, limit)
  run.signalIds.add(signal.id)
  run.inbox.push(signal)
  if (signal.name === URGENT_SIGNALS[0]) run.isCancelled = true
  return true
}

function requireRoom(run: MemoryRun, limit: number): void {
  if (run.inbox.length + countUntaken(run) < limit) return
  const { runId } = run.origin
  throw new OpspawnError('QUEUE_FULL', `run ${runId} keeps ${limit} signals that it has not waited for; try again later`, {
    details: { runId, limit },
  })
}

/** Goes on counting where it stopped the last time, so that each event is looked at once. */
function countUntaken(run: MemoryRun): number {
  const untaken = (run.untaken ??= { seen: 0, count: 0, waits: new Set() })
  for (; untaken.seen < run.events.length; untaken.seen += 1) countEvent(untaken, run.events[untaken.seen] as RunEvent)
  return untaken.count
}

function countEvent(untaken: UntakenSignals, event: RunEvent): void {
  if (event.type === 'signal') untaken.count += event.name.startsWith(OWN_PREFIX) ? 0 : 1
  else if (event.type === 'decision') {
    for (const effect of event.effects) if (effect.kind === 'wait' && effect.for.type === 'signal') untaken.waits.add(effect.key)
  } else if (event.type === 'effect-end' && untaken.waits.delete(event.key) && event.outcome.status === 'completed')
    untaken.count -= 1
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

/** Forgets all signals of a run that has ended; gives those that are left for its successor. */
export function takeLeft(run: MemoryRun): NonNullable<Changes['signals']> {
  const { successor: runId, inbox } = run
  run.inbox = []
  run.signalIds = undefined
  run.untaken = undefined
  return runId === undefined ? NONE : inbox.filter(isPassedOn).map((signal) => ({ runId, signal }))
}

const NONE: NonNullable<Changes['signals']> = Object.freeze([])

/**
 * Makes a waiting run ready; for the engine's own requests also one that was set aside, and for a cancellation one that is
 * due later, or in line at a gate. Gives false for a run that stays as it is.
 */
export function wakeUp(run: MemoryRun, signal: Signal, now: number): boolean {
  const isLater = run.status === 'queued' && (run.gate !== undefined || (run.dueAt ?? 0) > now)
  const isAside = run.status === 'paused' || run.status === 'quarantined'
  const isWoken = run.status === 'waiting' || (isAside && isUrgent(signal)) || (isLater && signal.name === URGENT_SIGNALS[0])
  if (!isWoken) return false
  if (run.status === 'quarantined') run.deliveries = 0
  if (!isLater) makeQueued(run, now)
  run.dueAt = undefined
  return true
}

/** Whether a run that its worker gives back has something to do at once. */
export function isReadyAfter(reason: ReleaseReason, { inbox }: MemoryRun, now: number): boolean {
  switch (reason.how) {
    case 'drain':
      return true
    case 'wait':
      return inbox.length > 0 || (reason.dueAt ?? Infinity) <= now
    default:
      return inbox.some(isUrgent)
  }
}

/** Whether a signal is also for the run that goes on in the place of an ended one: all but the engine's answers to its calls. */
export function isPassedOn(signal: Signal): boolean {
  return !signal.name.startsWith(OWN_PREFIX) || isUrgent(signal) || signal.name === `${OWN_PREFIX}pause`
}

/** Whether a signal makes a run ready that was set aside. */
function isUrgent({ name }: Signal): boolean {
  return URGENT_SIGNALS.includes(name)
}
