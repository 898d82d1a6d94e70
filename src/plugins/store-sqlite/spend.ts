import type { DatabaseSync } from 'node:sqlite'
import { requireSpending, type RunLimits, type Spending, type SpendingChange } from '../../core/index.ts'
import type { RunRow } from './run-row.ts'

/** Applies a change to a run and to its ancestors, each under its own limits, or, when one refuses it, to none. */
export type Spend = (row: RunRow, change: SpendingChange) => () => void

/** So many parsed limits are kept; most runs have one of a few. */
const KNOWN_LIMITS = 100

/**
 * Prepares spending. The returned function checks and refuses; what it gives back writes, so that nothing is half done.
 *
 * @throws OpspawnError `BUDGET_EXCEEDED` with the name of the limit and the id of the run whose limit it is.
 */
export function prepareSpend(db: DatabaseSync): Spend {
  const byId = db.prepare('SELECT * FROM runs WHERE run_id = ?')
  const update = db.prepare(`
    UPDATE runs SET used_steps = ?, used_tokens = ?, used_cost = ?, reserved_steps = ?, reserved_tokens = ?,
      reserved_cost = ?, unreported = ? WHERE ordinal = ?`)
  const known = new Map<string, RunLimits>()

  function limitsOf(text: string): RunLimits {
    let limits = known.get(text)
    if (limits === undefined) {
      if (known.size >= KNOWN_LIMITS) known.clear()
      known.set(text, (limits = JSON.parse(text) as RunLimits))
    }
    return limits
  }

  return (row, change) => {
    const changed: [ordinal: number, spending: Spending][] = []
    for (let member: RunRow | undefined = row; member !== undefined;) {
      const spending = requireSpending(member.run_id, spendingOf(member), change, limitsOf(member.limits))
      changed.push([member.ordinal, spending])
      member = member.parent_id === null ? undefined : (byId.get(member.parent_id) as unknown as RunRow | undefined)
    }
    return () => {
      for (const [ordinal, { used, reserved, unreported }] of changed)
        update.run(used.steps, used.tokens, used.cost, reserved.steps, reserved.tokens, reserved.cost, unreported, ordinal)
    }
  }
}

function spendingOf(row: RunRow): Spending {
  return {
    used: { steps: row.used_steps, tokens: row.used_tokens, cost: row.used_cost },
    reserved: { steps: row.reserved_steps, tokens: row.reserved_tokens, cost: row.reserved_cost },
    unreported: row.unreported,
  }
}
