import type { Store } from '../core/index.ts'
import type { ManualClock } from './clock.ts'
import { acceptanceCases } from './store-acceptance.ts'
import { appendCases } from './store-appends.ts'
import { asideCases } from './store-aside.ts'
import { claimCases } from './store-claims.ts'
import { leaseCases } from './store-leases.ts'
import { lifetimeCases } from './store-lifetime.ts'
import { listingCases } from './store-listings.ts'
import { signalCases } from './store-signals.ts'
import { spendingCases } from './store-spending.ts'
import type { StoreCase, StoreLimits } from './store-world.ts'
import { registerCases, type TestFunction } from './suite.ts'

/** What the store suite needs. */
export interface StoreConformanceOptions {
  /** The runner's `test`. */
  readonly test: TestFunction
  /**
   * Makes a new, empty store. Called for every case, and once more by cases on limits, with what the store may hold. The
   * suite disposes what it gets.
   */
  readonly createStore: (options: StoreLimits) => Store | Promise<Store>
  /** The clock that the stores go by. Without one real time passes, half a minute in the longest case: set the runner's time limit to that. */
  readonly clock?: ManualClock
  /** Cases to leave out, by name, each with the reason. */
  readonly skip?: Readonly<Record<string, string>>
}

const CASES: readonly StoreCase[] = [
  ...acceptanceCases,
  ...claimCases,
  ...leaseCases,
  ...appendCases,
  ...spendingCases,
  ...signalCases,
  ...asideCases,
  ...listingCases,
  ...lifetimeCases,
]

/** The names of the cases, for `skip`. */
export const STORE_CASES: readonly string[] = CASES.map((one) => one.name)

/**
 * Registers the conformance cases of `store/1` with a test runner. A store that passes them may be used in place of any
 * other. Each case names the guarantee that it checks; what needs a second process, a crash of the machine or a broken
 * disk is not here: a durable store proves that in its own tests.
 *
 * @throws OpspawnError `OPTIONS_INVALID` when `skip` names an unknown case.
 */
export function storeConformance(options: StoreConformanceOptions): void {
  const { test, createStore, clock, skip = {} } = options
  const pass = (ms: number): Promise<void> =>
    clock === undefined ? new Promise((resolve) => void setTimeout(resolve, ms)) : clock.advance(ms)
  registerCases(test, CASES, skip, async (run) => {
    const stores: Store[] = []
    const open = async (given: StoreLimits): Promise<Store> => {
      const store = await createStore(given)
      stores.push(store)
      return store
    }
    try {
      await run({ store: await open({}), limited: open, pass })
    } finally {
      for (const store of stores) await store[Symbol.asyncDispose]?.()
    }
  })
}
