import type { OperationOptions } from '../../core/index.ts'
import { untilAborted } from '../../remembering/index.ts'

/** What waits for its turn: a part of a batch, with its size, or work that is done alone. */
export type Task<P> = Readonly<{ part: P; size: number }> | Readonly<{ work: () => Promise<unknown> }>

/** Does one thing after the other, in the order of asking: what can be done together is one batch. */
export interface Turns<P> {
  /** Done when it was its turn. Who aborts is rejected at once; what has not begun by then never is. */
  ask<T>(task: Task<P>, options?: OperationOptions): Promise<T>
  readonly isIdle: boolean
  /** Done when nothing waits or is under way. */
  idle(): Promise<void>
}

/** How turns are taken. */
export interface TurnsOptions<P> {
  /** The most that goes into a batch. */
  readonly most: number
  /** Does a batch; gives what each asker is told, in order. */
  readonly batch: (parts: readonly P[]) => Promise<readonly (() => unknown)[]>
  /** Does what is done alone. */
  readonly alone: (work: () => Promise<unknown>) => Promise<unknown>
  /** Nothing waits any more. */
  readonly onIdle: () => void
}

type Job<P> = {
  readonly task: Task<P>
  readonly start: () => boolean
  readonly settle: (outcome: () => unknown) => void
}

/** Makes turns. */
export function createTurns<P>({ most, batch, alone, onIdle }: TurnsOptions<P>): Turns<P> {
  const waiting: Job<P>[] = []
  let running: Promise<void> | undefined

  async function drain(): Promise<void> {
    do {
      // Who asks in the same moment comes along; who asks while a batch is under way comes with the next.
      await new Promise<void>((resolve) => void setImmediate(resolve))
      const jobs = take(waiting, most).filter((job) => job.start())
      if (jobs.length > 0) await perform(jobs)
    } while (waiting.length > 0)
    running = undefined
    onIdle()
  }
  async function perform(jobs: readonly Job<P>[]): Promise<void> {
    try {
      const outcomes = await outcomesOf(jobs)
      jobs.forEach((job, at) => job.settle(outcomes[at] as () => unknown))
    } catch (error) {
      for (const job of jobs)
        job.settle(() => {
          throw error
        })
    }
  }
  async function outcomesOf(jobs: readonly Job<P>[]): Promise<readonly (() => unknown)[]> {
    const [{ task }] = jobs as [Job<P>]
    if (!('work' in task)) return batch(jobs.map((job) => (job.task as typeof task).part))
    const result = await alone(task.work)
    return [() => result]
  }

  return {
    ask<T>(task: Task<P>, { signal }: OperationOptions = {}) {
      const result = new Promise<T>((resolve, reject) => {
        waiting.push({
          task,
          start() {
            if (signal?.aborted === true) reject(signal.reason as Error)
            return signal?.aborted !== true
          },
          settle: (outcome) => resolve((async () => outcome() as T)()),
        })
      })
      running ??= drain()
      // Who has aborted by now hears it from the signal, and not from the job.
      result.catch(() => {})
      return untilAborted(result, signal)
    },
    get isIdle() {
      return running === undefined
    },
    async idle() {
      while (running !== undefined) await running
    },
  }
}

/** Takes the parts at the head, as many as go into a batch, or one piece of work. */
function take<P>(waiting: Job<P>[], most: number): readonly Job<P>[] {
  let [count, size] = [0, 0]
  for (const { task } of waiting) {
    size += 'work' in task ? most : task.size
    if (count > 0 && ('work' in task || size > most)) break
    count += 1
    if ('work' in task) break
  }
  return waiting.splice(0, count)
}
