import type { Clock } from '../core/index.ts'

/** A clock that stands still until it is told to go on. */
export interface ManualClock extends Clock {
  /** Timers that have not fired yet. */
  readonly pending: number
  /**
   * Goes on by `ms` milliseconds. Timers that fall due on the way fire in the order of their times, each at its own
   * time. Before the first one, after each and at the end the event loop gets a few turns, so that whatever they set
   * going is under way, and timers that it sets fire too if they fall due.
   */
  advance(ms: number): Promise<void>
  /** What has been advanced so far, in milliseconds: {@link leap} does not count. */
  elapsed(): number
  /** Sets the clock forward, or back where `ms` is below 0: `now` shows it at once, timers take as long as before. */
  leap(ms: number): void
}

/** Kept from before anybody replaces it: a faked `setImmediate` would never come back. */
const later: typeof setImmediate = setImmediate

/** How many turns of the event loop the clock gives away at once: enough for a task to be published, taken and worked on. */
const TURNS = 4

interface Timer {
  readonly at: number
  readonly callback: () => void
}

/** Makes a clock for tests. @param startMs its first reading in epoch milliseconds; some day in 2026 if absent. */
export function manualClock(startMs: number = 1_780_000_000_000): ManualClock {
  const timers = new Set<Timer>()
  let now = 0
  let offset = startMs

  function firstDue(until: number): Timer | undefined {
    let first: Timer | undefined
    // A set keeps the order of insertion, so timers of equal times fire in the order in which they were set.
    for (const timer of timers) if (timer.at <= until && (first === undefined || timer.at < first.at)) first = timer
    return first
  }

  return {
    get pending() {
      return timers.size
    },
    now: () => offset + now,
    elapsed: () => now,
    leap(ms) {
      offset += ms
    },
    setTimer(ms, callback) {
      const timer = { at: now + Math.max(ms, 0), callback }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    async advance(ms) {
      const until = now + ms
      await giveTurns()
      for (let timer = firstDue(until); timer !== undefined; timer = firstDue(until)) {
        timers.delete(timer)
        now = Math.max(now, timer.at)
        timer.callback()
        await giveTurns()
      }
      now = Math.max(now, until)
      await giveTurns()
    },
  }
}

async function giveTurns(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise<void>((resolve) => void later(resolve))
}
