import type { Clock } from '../../core/index.ts'
import type { Agenda } from './agenda.ts'
import type { Catalog } from './catalog.ts'

/** Smaller differences between the clock and what has elapsed are no setting of the clock, in milliseconds. */
const LEAP_MS = 1_000
const MACHINE = { now: () => Date.now(), elapsed: () => performance.now() }

/** The store's time. It may be set, forward and back; leases last as long as they would have (S9). */
export class StoreClock {
  readonly now: () => number
  readonly #aheadMs: () => number
  #lastMs: number

  constructor(clock: Pick<Clock, 'now' | 'elapsed'> = MACHINE) {
    this.now = () => clock.now()
    this.#aheadMs = () => clock.now() - (clock.elapsed?.() ?? clock.now())
    this.#lastMs = this.#aheadMs()
  }

  /** Epoch milliseconds, after leases were moved with the clock; to be asked by whatever looks at them. */
  look(catalog: Catalog, agenda: Agenda): number {
    const leapMs = this.#aheadMs() - this.#lastMs
    if (Math.abs(leapMs) < LEAP_MS) return this.now()
    this.#lastMs += leapMs
    for (const run of catalog.running()) {
      run.leaseUntil += leapMs
      agenda.settle(run, this.now(), false)
    }
    return this.now()
  }
}
