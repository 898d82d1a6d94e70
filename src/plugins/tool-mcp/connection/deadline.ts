import type { Clock } from '../../../core/index.ts'
import { untilAborted } from '../../../remembering/index.ts'

/** A limit of time, as a signal. */
export interface Deadline {
  /** Fires with the deadline's reason, or with the outer signal's before. */
  readonly signal: AbortSignal
  /** While `work` goes on, no time passes. */
  untimed<T>(work: () => Promise<T>): Promise<T>
  /** To be called in any case. */
  end(): void
}

/** A deadline in `ms`, or at once when the outer signal fires. */
export function deadline(clock: Clock, ms: number, outer: AbortSignal | undefined, reason: () => unknown): Deadline {
  const controller = new AbortController()
  let left = ms
  let began = clock.now()
  let cancel: (() => void) | undefined
  let pauses = 0
  let isOver = false
  const stop = (): void => controller.abort(outer!.reason)
  const run = (): void => {
    began = clock.now()
    cancel = clock.setTimer(left, () => controller.abort(reason()))
  }
  const halt = (): void => {
    cancel?.()
    left = Math.max(1, left - (clock.now() - began))
  }
  run()
  if (outer?.aborted) stop()
  else outer?.addEventListener('abort', stop, { once: true })
  return {
    signal: controller.signal,
    async untimed(work) {
      if (pauses++ === 0) halt()
      try {
        return await work()
      } finally {
        if (--pauses === 0 && !isOver) run()
      }
    },
    end() {
      isOver = true
      cancel?.()
      outer?.removeEventListener('abort', stop)
    },
  }
}

/** What `work` gives, or the signal's reason, whichever comes first; the work goes on for whoever else waits for it. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  work.catch(() => undefined) // Told to whoever else waits for it.
  return untilAborted(work, signal)
}
