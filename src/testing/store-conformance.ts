import type { Store } from '../core/index.ts'
import type { ManualClock } from './clock.ts'
import { acceptanceCases } from './store-acceptance.ts'
import { appendCases } from './store-appends.ts'
import { asideCases } from './store-aside.ts'
import { claimCases } from './store-claims.ts'
import { documentCases } from './store-documents.ts'
import { gateCases, LONG_GATES, NO_GATES } from './store-gates.ts'
import { leaseCases } from './store-leases.ts'
import { lifetimeCases } from './store-lifetime.ts'
import { listingCases } from './store-listings.ts'
import { signalCases } from './store-signals.ts'
import { spendingCases } from './store-spending.ts'
import { turnCases } from './store-turns.ts'
import { successorCases } from './store-successors.ts'
import { NO_TRANSACTIONS, transactionCases } from './store-transactions.ts'
import type { StoreCase, StoreLimits, TransactionProbe } from './store-world.ts'
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
  /** For a store with transactions: how the cases write through one and look what is there. Without it they are skipped. */
  readonly transactions?: TransactionProbe
  /** `false` for a store whose capabilities say that it keeps no gates: their cases are skipped. @default true */
  readonly gates?: boolean
  /** Cases to leave out, by name, each with the reason. */
  readonly skip?: Readonly<Record<string, string>>
}

const CASES: readonly StoreCase[] = [
  ...acceptanceCases,
  ...claimCases,
  ...turnCases,
  ...gateCases,
  ...leaseCases,
  ...appendCases,
  ...spendingCases,
  ...signalCases,
  ...asideCases,
  ...listingCases,
  ...documentCases,
  ...lifetimeCases,
  ...transactionCases,
  ...successorCases,
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
  const { test, createStore, clock, transactions, gates = true } = options
  const skip = {
    ...(transactions === undefined && NO_TRANSACTIONS),
    ...(gates ? clock === undefined && LONG_GATES : NO_GATES),
    ...options.skip,
  }
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
      await run({ store: await open({}), limited: open, pass, ...(transactions && { transactions }) })
    } finally {
      for (const store of stores) await store[Symbol.asyncDispose]?.()
    }
  })
}
