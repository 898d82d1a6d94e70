import { availableParallelism } from 'node:os'

/** A gap between two looks that only another thread's turn on this processor explains. */
const INTERRUPTED_MS = 1
/** So long nobody stays awake then: on a busy machine that takes the processor from the very thread that is waited for. */
const PAUSE_MS = 1_000

/**
 * Staying awake for a moment instead of sleeping: a thread that has gone to sleep wakes up as late as a commit takes. Only
 * where there is a processor to spare.
 */
export class Wakefulness {
  readonly #ms: number
  #until = 0
  #last = 0
  #pausedUntil = availableParallelism() < 2 ? Infinity : 0

  /** @param ms how long to stay awake at most. */
  constructor(ms: number) {
    this.#ms = ms
  }

  /** Starts, or starts anew; gives whether it is worth it. */
  begin(): boolean {
    const now = performance.now()
    if (now < this.#pausedUntil) return false
    this.#until = now + this.#ms
    this.#last = now
    return true
  }

  /** Whether to look once more. */
  goesOn(): boolean {
    const now = performance.now()
    if (now - this.#last > INTERRUPTED_MS) {
      this.#pausedUntil = now + PAUSE_MS
      return false
    }
    this.#last = now
    return now < this.#until
  }
}
