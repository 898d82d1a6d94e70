import type { Clock } from '../../../core/index.ts'

/** A signal that fires with `reason()` after `ms`, or with the outer signal's reason before. To be ended in any case. */
export function deadline(
  clock: Clock,
  ms: number,
  outer: AbortSignal | undefined,
  reason: () => unknown,
): { readonly signal: AbortSignal; readonly end: () => void } {
  const controller = new AbortController()
  const stop = (): void => controller.abort(outer!.reason)
  const cancel = clock.setTimer(ms, () => controller.abort(reason()))
  if (outer?.aborted) stop()
  else outer?.addEventListener('abort', stop, { once: true })
  return {
    signal: controller.signal,
    end() {
      cancel()
      outer?.removeEventListener('abort', stop)
    },
  }
}

/** What `work` gives, or the signal's reason, whichever comes first; the work goes on for whoever else waits for it. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  signal.throwIfAborted()
  let stop: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', stop!)
    work.catch(() => undefined)
  }
}
