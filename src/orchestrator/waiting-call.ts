// What a tool's call waits for before its body is entered.
import type { Execution } from './execution.ts'
import type { Limiter } from './limiter.ts'
import type { RunContext } from './run-context.ts'

/**
 * Asks the run's driver for a transaction, and waits for it; its body says when it is done. A call that is over before its
 * turn waits for ever.
 */
export function takeTransaction(
  context: RunContext,
  execution: Execution,
): Promise<{ readonly tx: unknown; readonly done: () => void }> {
  return new Promise((enter) => {
    context.transactions = [...(context.transactions ?? []), { execution, enter }]
    context.wake()
  })
}

/** Waits for a place under the concurrency of a tool; a promise only where there is none. */
export function takePlace(limiter: Limiter, execution: Execution): Promise<void> | void {
  if (limiter.tryTake()) return
  return new Promise<void>((resolve, reject) => {
    const { signal } = execution
    const giveUp = (): void => {
      leave()
      reject(signal.reason)
    }
    const leave = limiter.take(() => {
      signal.removeEventListener('abort', giveUp)
      resolve()
    })
    if (signal.aborted) giveUp()
    else signal.addEventListener('abort', giveUp, { once: true })
  })
}
