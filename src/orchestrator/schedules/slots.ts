import { OpspawnError, toFailure, type Schedule } from '../../core/index.ts'
import { durationMs } from './duration.ts'

/** The times at which a schedule starts runs: the same on every worker, in epoch milliseconds. */
export interface Slots {
  /** The first one after a time. `known` is any slot of the schedule, or where its intervals are counted from. */
  next(known: number, after: number): number
  /** Those from `first`, which is a slot, up to a time, oldest first; of more than `limit` the last ones. */
  due(first: number, until: number, limit: number): readonly number[]
}

/** Makes the slots of a sound schedule. */
export async function slotsOf({ name, cron, zone = 'UTC', every }: Schedule): Promise<Slots> {
  return cron === undefined ? intervalSlots(durationMs(every) as number) : cronSlots(name, cron, zone)
}

function intervalSlots(everyMs: number): Slots {
  return {
    next: (known, after) => known + Math.max(1, Math.floor((after - known) / everyMs) + 1) * everyMs,
    due(first, until, limit) {
      const count = until < first ? 0 : Math.floor((until - first) / everyMs) + 1
      const skipped = Math.max(0, count - limit)
      return Array.from({ length: count - skipped }, (_, index) => first + (skipped + index) * everyMs)
    },
  }
}

/** Five or six parts, or a nickname. croner also takes dates, and `?` for the time at which it is called: no two workers would agree. */
const PATTERN = /^(@[a-z]+|[^\s?]+(\s+[^\s?]+){4,5})$/

/**
 * Slots of a cron expression. Where clocks are put forward, a slot of fixed hours and minutes that falls into the gap comes
 * right after it, and one with a wildcard or a step in them falls out; where they are put back, the first comes once, at
 * the first of the two times, and the other comes at both.
 *
 * @throws OpspawnError `SCHEDULE_INVALID`
 */
async function cronSlots(name: string, cron: string, zone: string): Promise<Slots> {
  // The parser is loaded by those who have a use for it.
  const { Cron } = await import('croner')
  const refuse = (text: string, cause?: unknown): OpspawnError =>
    new OpspawnError('SCHEDULE_INVALID', `schedule "${name}": cron ${JSON.stringify(cron)} in zone "${zone}" ${text}`, {
      cause,
      details: { name, cron, zone },
    })
  if (!PATTERN.test(cron))
    throw refuse(
      'must have five parts (minute, hour, day of month, month, day of week), or six with seconds before them, without "?"',
    )
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
  } catch (error) {
    throw refuse('names no time zone; give one such as Europe/Oslo', error)
  }
  let pattern: InstanceType<typeof Cron>
  try {
    pattern = new Cron(cron, { timezone: zone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard', paused: true })
  } catch (error) {
    throw refuse(`cannot be read: ${toFailure(error, 'SCHEDULE_INVALID').message}`, error)
  }
  if (pattern.nextRun(new Date(0)) === null) throw refuse('never comes')
  return {
    next: (_, after) => pattern.nextRun(new Date(after))?.getTime() ?? Number.MAX_SAFE_INTEGER,
    due: (first, until, limit) =>
      pattern
        .previousRuns(limit, new Date(until + 1))
        .map((slot) => slot.getTime())
        .filter((slot) => slot >= first && slot <= until)
        .toReversed(),
  }
}
