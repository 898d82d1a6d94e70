import { requireSpending, type Spending, type SpendingChange } from '../../core/index.ts'
import type { Catalog } from './catalog.ts'
import type { MemoryRun } from './memory-run.ts'

/**
 * Applies a change of spending to a run and to its ancestors, each under its own limits, or, when one of them refuses
 * it, to none. Ancestors that the store has forgotten have ended long since and hold no limit any more.
 *
 * @throws OpspawnError `BUDGET_EXCEEDED` with the name of the limit and the id of the run whose limit it is.
 */
export function spend(run: MemoryRun, change: SpendingChange, catalog: Catalog): void {
  const own = changed(run, change)
  if (run.origin.parent === undefined) {
    run.spending = own
    return
  }
  const above: [MemoryRun, Spending][] = []
  for (let member = parentOf(run, catalog); member !== undefined; member = parentOf(member, catalog)) {
    above.push([member, changed(member, change)])
  }
  run.spending = own
  for (const [member, spending] of above) member.spending = spending
}

function parentOf(run: MemoryRun, catalog: Catalog): MemoryRun | undefined {
  const { parent } = run.origin
  return parent === undefined ? undefined : catalog.get(parent.runId)
}

function changed(run: MemoryRun, change: SpendingChange): Spending {
  return requireSpending(run.origin.runId, run.spending, change, run.origin.limits)
}
