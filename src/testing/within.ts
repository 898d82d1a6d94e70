import { getEventListeners } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Waits for a promise in real time; throws when it takes longer. */
export async function within<T>(promise: PromiseLike<T>, ms: number, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not settle within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What a promise came to. */
export type Settled<T> = { readonly value: T; readonly thrown?: undefined } | { readonly thrown: { readonly reason: unknown } }

/** Waits for a promise whatever it comes to; throws only when it takes too long. */
export function settled<T>(promise: PromiseLike<T>, ms: number, what: string): Promise<Settled<T>> {
  return within(
    promise.then(
      (value): Settled<T> => ({ value }),
      (reason: unknown): Settled<T> => ({ thrown: { reason } }),
    ),
    ms,
    what,
  )
}

/**
 * Throws when something still listens to a signal after a while. Garbage is collected first: the platform's `fetch` takes
 * its listener back only when its request is collected, which is no leak.
 */
export async function assertNoListener(signal: AbortSignal, ms: number): Promise<void> {
  const end = Date.now() + ms
  for (let turn = 0; getEventListeners(signal, 'abort').length > 0; turn += 1) {
    if (Date.now() > end) throw new Error(`${getEventListeners(signal, 'abort').length} listeners were left on the signal`)
    // Most let go within a turn or two; collecting takes long.
    if (turn >= 3) collectGarbage()
    await new Promise((resolve) => void setTimeout(resolve, 5))
  }
}

/** Node offers this to new contexts only once the flag is set, so nothing of the test's own world changes. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
}
