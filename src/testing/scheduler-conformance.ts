import type { Scheduler } from '../core/index.ts'
import { assert } from './assert.ts'
import { schedulerCases } from './scheduler-cases.ts'
import { registerCases, type TestFunction } from './suite.ts'

/** What the scheduler suite needs. */
export interface SchedulerConformanceOptions {
  /** The runner's `test`. */
  readonly test: TestFunction
  /**
   * Makes a new, empty scheduler for each case; `capacity` is the number of waiting tasks that a queue of it may hold.
   * The suite disposes what it gets. Queue names are the same in every case, so a broker must be emptied in between.
   */
  readonly createScheduler: (options: { readonly capacity?: number }) => Scheduler | Promise<Scheduler>
  /** How long to wait for a delivery before a case fails. @default 5000 */
  readonly patienceMs?: number
  /** Cases to leave out, by name, each with the reason. */
  readonly skip?: Readonly<Record<string, string>>
}

/** The names of the cases, for `skip`. */
export const SCHEDULER_CASES: readonly string[] = schedulerCases.map((one) => one.name)

/**
 * Registers the conformance cases of `scheduler/1` with a test runner. Repeated and reordered deliveries are allowed
 * unless the scheduler declares otherwise; what a running scheduler over a healthy broker may not do is lose a task.
 *
 * @throws OpspawnError `OPTIONS_INVALID` when `skip` names an unknown case.
 */
export function schedulerConformance(options: SchedulerConformanceOptions): void {
  const { test, createScheduler, patienceMs = 5000, skip = {} } = options
  registerCases(test, schedulerCases, skip, async (run) => {
    const schedulers: Scheduler[] = []
    try {
      await run({
        async open(given = {}) {
          const scheduler = await createScheduler(given)
          schedulers.push(scheduler)
          return scheduler
        },
        async until(holds, what) {
          const start = Date.now()
          for (let turn = 0; !holds(); turn += 1) {
            assert(Date.now() - start < patienceMs, `within ${patienceMs} ms ${what}`)
            // The first turns are short: what happens in this process needs no more.
            await new Promise((resolve) => void setTimeout(resolve, turn < 10 ? 0 : 5))
          }
        },
      })
    } finally {
      for (const scheduler of schedulers) await scheduler[Symbol.asyncDispose]?.()
    }
  })
}
