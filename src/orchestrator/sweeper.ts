import type { TaskRef } from '../core/index.ts'
import type { Engine } from './engine.ts'

/** So many forgotten runs are taken up at one sweep at most; more follow at the next. */
const SWEEP_BATCH = 500
/** The least time between two sweeps, in milliseconds, whatever the clocks say. */
const SWEEP_PAUSE_MS = 20

/** What a sweeper looks for, and whom it tells. */
export interface SweeperOptions {
  readonly queues: readonly string[]
  readonly definitions: readonly string[]
  /** For how many more runs there is room here: what is taken up beyond it would be lost to the others with this worker. */
  readonly room: () => number
  readonly publish: (tasks: readonly TaskRef[]) => void
  readonly onFault: (error: unknown) => void
  /** Told with every sweep by how many milliseconds its timer was late. */
  readonly onLate: (ms: number) => void
}

/** Asks the store from time to time, and when something falls due, what is ready and forgotten. */
export class Sweeper {
  readonly #engine: Engine
  readonly #options: SweeperOptions
  /** What the store's clock is ahead of this worker's, as it was last told. */
  #skewMs = 0
  #nextAt = Infinity
  /** By what has elapsed here. */
  #lastAt = -Infinity
  #isStopped = false
  /** The last sweep left something, for want of room. */
  #leftSome = false
  #cancel: (() => void) | undefined

  constructor(engine: Engine, options: SweeperOptions) {
    this.#engine = engine
    this.#options = options
  }

  start(): void {
    this.wakeAt(this.#engine.clock.now() + this.#engine.timing.sweepMs)
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  /** There is room again: what was left is looked for at once. */
  roomAgain(): void {
    if (this.#leftSome) this.wakeAt(this.#engine.clock.now() + this.#skewMs)
  }

  /** The store's clock says so now. */
  learnClock(storeNow: number): void {
    this.#skewMs = storeNow - this.#engine.clock.now()
  }

  /** Sweeps at a time of the store's clock, as well as this worker knows it; never without a pause. */
  wakeAt(at: number): void {
    if (this.#isStopped || at >= this.#nextAt) return
    this.#cancel?.()
    this.#nextAt = at
    const { clock, elapsed } = this.#engine
    const pauseMs = Math.max(0, this.#lastAt + SWEEP_PAUSE_MS - elapsed())
    const waitMs = Math.max(pauseMs, at - this.#skewMs - clock.now())
    const dueAt = elapsed() + waitMs
    this.#cancel = clock.setTimer(waitMs, () => {
      this.#options.onLate(elapsed() - dueAt)
      void this.#sweep()
    })
  }

  async #sweep(): Promise<void> {
    const { clock, elapsed, store, timing } = this.#engine
    const { queues, definitions, room, publish, onFault } = this.#options
    this.#nextAt = Infinity
    this.#lastAt = elapsed()
    try {
      const limit = Math.min(SWEEP_BATCH, room())
      this.#leftSome = limit === 0
      if (limit > 0) {
        const { tasks, nextDueAt } = await store.sweep(limit, { queues, definitions })
        publish(tasks)
        this.#leftSome = tasks.length === limit && limit < SWEEP_BATCH
        if (nextDueAt !== undefined && !this.#leftSome) this.wakeAt(nextDueAt)
      }
    } catch (error) {
      onFault(error)
    }
    this.wakeAt(clock.now() + this.#skewMs + timing.sweepMs)
  }
}
