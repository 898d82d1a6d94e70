import { type Fence, OpspawnError } from '../core/index.ts'
import type { Engine } from './engine.ts'
import type { RunDriver } from './run-driver.ts'

/** A timer that fires so much too late was not held up by other work alone. */
const LATE_MS = 1_000

/** A run that is worked on here. */
export interface Driving {
  readonly driver: RunDriver
  readonly fence: Fence
  readonly done: Promise<void>
  /** By what has elapsed here (S9); moved on by every heartbeat that arrives. `Infinity` once it was given up. */
  aliveUntil: number
}

/** Looks after the leases of the runs that are worked on here: shows that they are alive, and gives up those that are not. */
export class Leases {
  readonly #engine: Engine
  readonly #onFault: (error: unknown, where: string, runId?: string) => void
  readonly #drivings = new Map<string, Driving>()
  #isStopped = false
  #cancelBeat: (() => void) | undefined
  #cancelWatch: (() => void) | undefined

  constructor(engine: Engine, onFault: (error: unknown, where: string, runId?: string) => void) {
    this.#engine = engine
    this.#onFault = onFault
  }

  /** The runs worked on here, by id. */
  get drivings(): ReadonlyMap<string, Driving> {
    return this.#drivings
  }

  /** Looks after a run from now on; its lease was asked for when so much had elapsed here. */
  add(driver: RunDriver, fence: Fence, done: Promise<void>, sentAt: number): void {
    this.#drivings.set(fence.runId, { driver, fence, done, aliveUntil: this.#limitOf(sentAt) })
  }

  remove(runId: string): void {
    this.#drivings.delete(runId)
    if (this.#drivings.size > 0) return
    this.#cancelWatch?.()
    this.#cancelWatch = undefined
  }

  /** Beats from time to time, until it is stopped. */
  start(): void {
    if (this.#isStopped) return
    this.#cancelBeat = this.#engine.clock.setTimer(this.#engine.timing.heartbeatMs, () => {
      // A beat that hangs holds up neither the next one nor the limit.
      void this.#keepAlive()
      this.start()
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelBeat?.()
    this.#cancelWatch?.()
  }

  /** Asks at once what came for a run that is worked on here. */
  poke(runId: string): void {
    const driving = this.#drivings.get(runId)
    if (driving !== undefined) this.#beat([driving.fence]).catch((error: unknown) => this.#onFault(error, 'heartbeat', runId))
  }

  async #beat(fences: readonly Fence[]): Promise<void> {
    const { lost, inbox } = await this.#engine.store.heartbeat(fences, this.#engine.timing.leaseMs)
    for (const { runId } of lost)
      this.#drivings.get(runId)?.driver.lose(new OpspawnError('LEASE_LOST', `run ${runId} is worked on elsewhere now`))
    for (const [runId, signals] of inbox) this.#drivings.get(runId)?.driver.deliver(signals)
  }

  async #keepAlive(): Promise<void> {
    const sentAt = this.#engine.elapsed()
    const beating = [...this.#drivings.values()]
    if (beating.length === 0) return
    // Beats come more often than leases end, so it is enough to look after the leases from beat to beat.
    this.#watch()
    try {
      await this.#beat(beating.map((driving) => driving.fence))
      for (const driving of beating) driving.aliveUntil = this.#limitOf(sentAt)
    } catch (error) {
      this.#onFault(error, 'heartbeat')
    }
  }

  /** Until when a worker that hears nothing may believe in a lease that it asked for then. */
  #limitOf(sentAt: number): number {
    return sentAt + this.#engine.timing.leaseMs - this.#marginMs()
  }

  #marginMs(): number {
    return Math.min(2_000, this.#engine.timing.leaseMs / 4)
  }

  /** A worker that cannot reach its store stops by itself before its leases run out (S7). */
  #watch(): void {
    if (this.#cancelWatch !== undefined || this.#drivings.size === 0) return
    const { clock, elapsed } = this.#engine
    let first = Infinity
    for (const { aliveUntil } of this.#drivings.values()) first = Math.min(first, aliveUntil)
    if (first === Infinity) return
    this.#cancelWatch = clock.setTimer(Math.max(0, first - elapsed()), () => {
      this.#cancelWatch = undefined
      const now = elapsed()
      if (now - first > LATE_MS) this.#askAfterPause(now)
      else this.#giveUpLate(now)
    })
  }

  #giveUpLate(now: number): void {
    for (const driving of this.#drivings.values()) {
      if (driving.aliveUntil > now) continue
      driving.driver.lose(new OpspawnError('LEASE_LOST', 'the store could not be reached before the lease ran out'))
      // It ends by itself, which may take as long as the store does: there is nothing more to look at.
      driving.aliveUntil = Infinity
    }
    // The others are looked at again when it is their time.
    this.#watch()
  }

  /** The event loop was blocked. A store may have kept the leases meanwhile, so it is asked first. */
  #askAfterPause(now: number): void {
    const patience = now + this.#marginMs()
    for (const driving of this.#drivings.values()) driving.aliveUntil = Math.max(driving.aliveUntil, patience)
    void this.#keepAlive()
  }
}
