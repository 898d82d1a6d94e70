import type { Clock } from '../core/index.ts'

/**
 * Takes what other people's code gave, at once or later, in at the border: a promise of whatever make (another realm's, a
 * library's, an object with `then`) becomes one of ours, so that from here on `instanceof Promise` tells the two apart.
 * What came at once stays as it is and costs no turn of the event loop.
 *
 * @throws whatever reading `then` throws
 */
export function nowOrLater<T>(given: T | PromiseLike<T>): T | Promise<T> {
  return isThenable(given) ? Promise.resolve(given) : given
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  return typeof (value as { then?: unknown }).then === 'function'
}

/** Waits for a promise, but no longer than so: then it rejects, and what the promise comes to later is not heard. */
export function within<T>(clock: Clock, ms: number, awaited: Promise<T>, makeError: () => unknown): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const disarm = clock.setTimer(ms, () => reject(makeError()))
    void awaited.then(resolve, reject).finally(disarm)
  })
}
