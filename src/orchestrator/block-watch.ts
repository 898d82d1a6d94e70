import type { Clock } from '../core/index.ts'

/** How often to look. */
const LOOK_MS = 500
/** What other work alone may make a timer late by, in milliseconds. */
const LATE_MS = 1_000

/** How long the event loop was held up: in all, and the longest time. */
export interface Blocked {
  readonly blockedMs: number
  readonly longestBlockMs: number
}

/** Looks whether the event loop is blocked; a process that was stopped, or a machine that slept, counts as well. */
export interface BlockWatch {
  /** Looks from now on, as long as there is work. */
  start(): void
  stop(): void
  readonly blocked: Blocked
}

/**
 * See {@link BlockWatch}.
 *
 * @param elapsed milliseconds of this process
 * @param isAtWork whether there is anything that could be held up; without it a process that is idle sleeps
 */
export function createBlockWatch(clock: Clock, elapsed: () => number, isAtWork: () => boolean): BlockWatch {
  let blockedMs = 0
  let longestBlockMs = 0
  let cancel: (() => void) | undefined

  function look(): void {
    const dueAt = elapsed() + LOOK_MS
    cancel = clock.setTimer(LOOK_MS, () => {
      cancel = undefined
      const lateMs = Math.round(elapsed() - dueAt)
      if (lateMs >= LATE_MS) {
        blockedMs += lateMs
        longestBlockMs = Math.max(longestBlockMs, lateMs)
      }
      if (isAtWork()) look()
    })
  }

  return {
    start() {
      if (cancel === undefined) look()
    },
    stop() {
      cancel?.()
      cancel = undefined
    },
    get blocked() {
      return { blockedMs, longestBlockMs }
    },
  }
}
