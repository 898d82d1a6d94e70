import type { Clock, OperationOptions } from '../../core/index.ts'
import { untilAborted } from '../../remembering/index.ts'

/** A limit of time, as a signal. */
export interface Deadline extends Required<Pick<OperationOptions, 'signal'>> {
  /** Fires with the deadline's reason, or with the outer signal's before. */
  readonly signal: AbortSignal
  /** Begins the time anew, up to the hard limit. */
  extend(): void
  /** While `work` goes on, no time passes. */
  untimed<T>(work: () => Promise<T>): Promise<T>
  /** Takes timers and listeners away; to be called in any case. */
  end(): void
}

/** Of a deadline, in milliseconds: until it fires, and until it fires however often it was extended. */
export interface DeadlineLimits {
  readonly ms: number
  /** @default `ms` */
  readonly hardMs?: number
}

/** A signal that fires with `late()` when the time is up, and with the reason of `outer` when that fires. */
export function deadline(
  clock: Clock,
  { ms, hardMs = ms }: DeadlineLimits,
  outer: AbortSignal | undefined,
  late: (ms: number) => unknown,
): Deadline {
  const control = new AbortController()
  const begun = clock.now()
  const left = { ms, hardMs }
  let since = begun
  let disarm: (() => void) | undefined
  let pauses = 0
  let isOver = false
  const stop = (): void => control.abort(outer?.reason)
  const run = (): void => {
    since = clock.now()
    if (isOver || pauses > 0 || control.signal.aborted) return
    const wait = Math.max(0, Math.min(left.ms, left.hardMs))
    disarm = clock.setTimer(wait, () => control.abort(late(clock.now() - begun)))
  }
  const halt = (): void => {
    disarm?.()
    const gone = pauses > 0 ? 0 : clock.now() - since
    left.ms = Math.max(1, left.ms - gone)
    left.hardMs -= gone
  }
  if (outer?.aborted === true) stop()
  outer?.addEventListener('abort', stop, { once: true })
  run()
  return {
    signal: control.signal,
    extend() {
      halt()
      left.ms = ms
      run()
    },
    async untimed(work) {
      halt()
      pauses += 1
      try {
        return await work()
      } finally {
        pauses -= 1
        run()
      }
    },
    end() {
      isOver = true
      disarm?.()
      outer?.removeEventListener('abort', stop)
    },
  }
}

/** What `work` gives, or the signal's reason, whichever comes first; the work goes on for whoever else waits for it. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  work.catch(() => undefined) // Told to whoever else waits for it.
  return untilAborted(work, signal)
}
