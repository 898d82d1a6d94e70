import type { OperationOptions } from '../core/index.ts'
import { untilAborted } from './until-aborted.ts'

/** Does one thing at a time, in the order of asking. */
export type Queue = <T>(task: () => T | Promise<T>, options?: OperationOptions) => Promise<T>

/**
 * Makes a queue. Who aborts while waiting is rejected at once and its task is never begun; a task under way goes on to its end,
 * and the next one begins behind it. A task that throws harms no other.
 */
export function createQueue(): Queue {
  let tail: Promise<unknown> = Promise.resolve()
  return (task, options = {}) => {
    const { signal } = options
    const run = tail.then(() => {
      signal?.throwIfAborted()
      return task()
    })
    tail = run.catch(() => {})
    return untilAborted(run, signal)
  }
}
