import type { Schedule } from '../../core/index.ts'
import type { Slots } from './slots.ts'

/** A slot that is noticed later than this, in milliseconds, was missed. */
export const MISSED_MS = 60_000
/** So many missed slots are made good at most. */
export const MAX_MISSED = 100

/** What is to be done about slots whose time has come. */
export interface DueSlots {
  /** To be run, oldest first. */
  readonly run: readonly number[]
  /** The last that is passed over because it was missed; absent: none is. */
  readonly passedOver: number | undefined
  /** More were missed than can be made good. */
  readonly isCut: boolean
}

/** Applies the policy for missed slots to those from `first`, which is due, until now. */
export function dueSlots(slots: Slots, first: number, now: number, missed: Schedule['missed'] = 'last'): DueSlots {
  // One more than can be made good, to know whether there are more.
  const due = slots.due(first, now, MAX_MISSED + 1)
  const inTime = due.filter((slot) => now - slot <= MISSED_MS)
  const isCut = missed === 'all' && due.length > MAX_MISSED
  const run = { skip: inTime, last: inTime.length > 0 ? inTime : due.slice(-1), all: due.slice(-MAX_MISSED) }[missed]
  return { run, passedOver: due.findLast((slot) => !run.includes(slot)), isCut }
}
