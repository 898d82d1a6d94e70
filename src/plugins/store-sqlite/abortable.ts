import type { OperationOptions } from '../../core/index.ts'

/** Calls, unless the signal has fired; rejects with its reason when it does before the answer comes. */
export async function abortable<T>(options: OperationOptions | undefined, call: () => Promise<T>): Promise<T> {
  const signal = options?.signal
  if (signal === undefined) return call()
  if (signal.aborted) throw signal.reason
  let onAbort: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([call(), aborted])
  } finally {
    signal.removeEventListener('abort', onAbort as () => void)
  }
}
