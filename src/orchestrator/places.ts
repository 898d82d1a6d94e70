import type { TaskRef } from '../core/index.ts'
import { createLimiter, type Limiter } from './limiter.ts'

/** Places for runs: so many in all, and so many of an agent. */
export class Places {
  readonly #concurrency: number
  readonly #slots: Limiter
  readonly #work: (task: TaskRef) => Promise<void>
  readonly #onFault: (error: unknown, runId: string) => void
  readonly #onFree: () => void
  /** Runs that wait for a place in their agent's limit. */
  readonly #deferred = new Set<string>()
  #taken = 0
  #isStopped = false

  constructor(
    concurrency: number,
    work: (task: TaskRef) => Promise<void>,
    onFault: (error: unknown, runId: string) => void,
    onFree: () => void,
  ) {
    this.#concurrency = concurrency
    this.#onFree = onFree
    this.#slots = createLimiter(concurrency)
    this.#work = work
    this.#onFault = onFault
  }

  /** For how many more runs there is room; those that wait here have theirs. */
  get room(): number {
    return Math.max(0, this.#concurrency - this.#taken - this.#deferred.size)
  }

  /** Works on a run once there is a place; resolves when it is done, or when the run waits for a place of its agent. */
  async take(task: TaskRef, limiter: Limiter | undefined): Promise<void> {
    if (limiter === undefined) await this.#takeSlot(task)
    else if (limiter.tryTake()) await this.#takeBoth(task, limiter)
    else this.#defer(task, limiter)
  }

  /** Runs that wait are not begun any more. */
  stop(): void {
    this.#isStopped = true
  }

  async #takeSlot(task: TaskRef): Promise<void> {
    this.#taken += 1
    // Runs that waited for their agent's place come beside the scheduler's: together they keep the overall limit.
    if (!this.#slots.tryTake()) await new Promise<void>((resolve) => void this.#slots.take(resolve))
    try {
      await this.#work(task)
    } finally {
      this.#slots.give()
      this.#taken -= 1
      this.#onFree()
    }
  }

  async #takeBoth(task: TaskRef, limiter: Limiter): Promise<void> {
    try {
      await this.#takeSlot(task)
    } finally {
      limiter.give()
    }
  }

  /**
   * Without a free place the task waits here, once, and takes up no slot of the scheduler's. It does not go back to the
   * scheduler, which may lose it, and the place with it.
   */
  #defer(task: TaskRef, limiter: Limiter): void {
    if (this.#deferred.has(task.runId)) return
    this.#deferred.add(task.runId)
    limiter.take(() => {
      this.#deferred.delete(task.runId)
      if (this.#isStopped) limiter.give()
      else this.#takeBoth(task, limiter).catch((error: unknown) => this.#onFault(error, task.runId))
    })
  }
}
