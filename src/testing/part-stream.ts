import type { Clock, ModelPart, ModelStream } from '../core/index.ts'

/** How a stream goes: the parts that come, and what happens behind them. */
export interface Course<Part> {
  readonly parts: readonly Part[]
  readonly end: { readonly how: 'close' | 'hang' } | { readonly how: 'throw'; readonly value: unknown }
}

/** Waits on a clock, or for an abort alone. Rejects with the reason of the first signal that fires, and leaves neither timer nor listener behind. */
export function wait(
  ms: number | undefined,
  clock: Pick<Clock, 'setTimer'>,
  ...signals: readonly (AbortSignal | undefined)[]
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fired = signals.find((signal) => signal?.aborted)
    if (fired !== undefined) return reject(fired.reason)
    const cancel = ms === undefined ? undefined : clock.setTimer(ms, () => settle(resolve))
    function settle(how: () => void): void {
      for (const signal of signals) signal?.removeEventListener('abort', aborted)
      how()
    }
    function aborted(event: Event): void {
      cancel?.()
      settle(() => reject((event.target as AbortSignal).reason))
    }
    for (const signal of signals) signal?.addEventListener('abort', aborted)
  })
}

/** Real time. Unlike an engine's clock it keeps the process alive: somebody waits for this answer. */
export const realTimers: Pick<Clock, 'setTimer'> = {
  setTimer(ms, callback) {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
}

/** Plays a course as an async iterator. Every step looks at the signal first; `return` also ends a wait under way. */
export function playCourse<Part>(
  course: Course<Part>,
  delayMs: number,
  clock: Pick<Clock, 'setTimer'>,
  signal: AbortSignal | undefined,
): AsyncIterableIterator<Part, undefined> {
  const over: IteratorResult<Part, undefined> = { done: true, value: undefined }
  const { parts, end } = course
  let at = 0
  let delayed = delayMs > 0
  let stop: AbortController | undefined
  let finished = false

  async function waitOrStop(ms: number | undefined): Promise<void> {
    stop = new AbortController()
    try {
      await wait(ms, clock, signal, stop.signal)
    } catch (reason) {
      const stopped = finished
      finished = true
      if (!stopped) throw reason
    }
  }
  /** The steps that are not just the next part. */
  async function pause(): Promise<IteratorResult<Part, undefined>> {
    if (signal?.aborted === true) {
      finished = true
      throw signal.reason
    }
    if (delayed) {
      delayed = false
      await waitOrStop(delayMs)
      return player.next()
    }
    if (end.how === 'hang') await waitOrStop(undefined)
    finished = true
    if (end.how === 'throw') throw end.value
    return over
  }
  const player = {
    next(): Promise<IteratorResult<Part, undefined>> {
      if (finished) return Promise.resolve(over)
      const value = parts[at]
      if (delayed || value === undefined || signal?.aborted === true) return pause()
      at += 1
      return Promise.resolve({ done: false, value })
    },
    return(): Promise<IteratorResult<Part, undefined>> {
      finished = true
      stop?.abort()
      return Promise.resolve(over)
    },
    [Symbol.asyncIterator]() {
      return player
    },
  }
  return player
}

/** Changes each part of an iterator. Unlike a generator it passes `return` on at once, even while a part is awaited. */
export function mapParts<From, To>(
  source: AsyncIterator<From, undefined>,
  change: (part: From) => To,
): AsyncIterator<To, undefined> {
  return {
    async next() {
      const { done, value } = await source.next()
      return done === true ? { done, value: undefined } : { done: false, value: change(value) }
    },
    async return() {
      await source.return?.()
      return { done: true, value: undefined }
    },
  }
}

/** Gives an iterator the form of a web stream that makes a part only when one is asked for. */
export function webStream<Part>(source: AsyncIterator<Part, undefined>): ReadableStream<Part> {
  return new ReadableStream<Part>(
    {
      async pull(controller) {
        const { done, value } = await source.next()
        if (done === true) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        await source.return?.()
      },
    },
    { highWaterMark: 0 },
  )
}

/** Reads any stream of a model part by part: a web stream through its reader, so that `return` closes the connection. */
export function partIterator(stream: ModelStream): AsyncIterator<ModelPart, undefined> {
  if (!('getReader' in stream)) {
    const iterator = stream[Symbol.asyncIterator]()
    return {
      next: () => iterator.next() as Promise<IteratorResult<ModelPart, undefined>>,
      async return() {
        await iterator.return?.()
        return { done: true, value: undefined }
      },
    }
  }
  const reader = stream.getReader()
  return {
    async next() {
      const { done, value } = await reader.read()
      return done || value === undefined ? { done: true, value: undefined } : { done: false, value }
    },
    async return() {
      await reader.cancel()
      return { done: true, value: undefined }
    },
  }
}
