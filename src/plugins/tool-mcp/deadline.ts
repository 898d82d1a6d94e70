import type { Clock, OperationOptions } from '../../core/index.ts'

/** A call's own signal, and how its time is given back. */
export interface Deadline extends Required<Pick<OperationOptions, 'signal'>> {
  readonly signal: AbortSignal
  /** Begins the time anew, up to the hard limit. */
  extend(): void
  /** Takes timers and listeners away. */
  end(): void
}

/**
 * A signal that fires with `late()` when the time is up, and with the reason of `outer` when that fires. Each extension gives
 * `ms` again, never more than `hardMs` in all.
 */
export function deadline(
  clock: Clock,
  limits: { readonly ms: number; readonly hardMs: number },
  outer: AbortSignal | undefined,
  late: (ms: number) => Error,
): Deadline {
  const control = new AbortController()
  const begun = clock.now()
  const stop = (): void => control.abort(outer?.reason)
  const arm = (): (() => void) => {
    const left = Math.max(0, Math.min(limits.ms, begun + limits.hardMs - clock.now()))
    return clock.setTimer(left, () => control.abort(late(clock.now() - begun)))
  }
  if (outer?.aborted === true) stop()
  outer?.addEventListener('abort', stop)
  let disarm = arm()
  return {
    signal: control.signal,
    extend() {
      disarm()
      if (!control.signal.aborted) disarm = arm()
    },
    end() {
      disarm()
      outer?.removeEventListener('abort', stop)
    },
  }
}
