import type { DatabaseSync } from 'node:sqlite'
import { requireSpending, type RunLimits, type Spending, type SpendingChange } from '../../core/index.ts'
import { type OwnedRow, SELECT_OWNED } from './run-row.ts'

/** What a change comes to: the run's own columns, in the order of {@link SPENDING_COLUMNS}, and the writing of its ancestors. */
export interface Spent {
  readonly own: readonly number[]
  readonly writeAncestors: () => void
}

/** Applies a change to a run and to its ancestors, each under its own limits, or, when one refuses it, to none. */
export type Spend = (row: OwnedRow, change: SpendingChange) => Spent

/** For the UPDATE of a run. */
export const SPENDING_COLUMNS =
  'used_steps = ?, used_tokens = ?, used_cost = ?, reserved_steps = ?, reserved_tokens = ?, reserved_cost = ?, unreported = ?'

/** So many parsed limits are kept; most runs have one of a few. */
const KNOWN_LIMITS = 100

/**
 * Prepares spending. The returned function checks and refuses, and writes nothing: the run's own columns go along with the
 * row's other changes, one statement for both.
 *
 * @throws OpspawnError `BUDGET_EXCEEDED` with the name of the limit and the id of the run whose limit it is.
 */
export function prepareSpend(db: DatabaseSync): Spend {
  const byId = db.prepare(SELECT_OWNED)
  const update = db.prepare(`UPDATE runs SET ${SPENDING_COLUMNS} WHERE ordinal = ?`)
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
    let own: readonly number[] = []
    const ancestors: (readonly [ordinal: number, columns: readonly number[]])[] = []
    for (let member: OwnedRow | undefined = row; member !== undefined;) {
      const columns = columnsOf(requireSpending(member.run_id, spendingOf(member), change, limitsOf(member.limits)))
      if (member === row) own = columns
      else ancestors.push([member.ordinal, columns])
      member = member.parent_id === null ? undefined : (byId.get(member.parent_id) as unknown as OwnedRow | undefined)
    }
    return {
      own,
      writeAncestors() {
        for (const [ordinal, columns] of ancestors) update.run(...columns, ordinal)
      },
    }
  }
}

function columnsOf({ used, reserved, unreported }: Spending): readonly number[] {
  return [used.steps, used.tokens, used.cost, reserved.steps, reserved.tokens, reserved.cost, unreported]
}

function spendingOf(row: OwnedRow): Spending {
  return {
    used: { steps: row.used_steps, tokens: row.used_tokens, cost: row.used_cost },
    reserved: { steps: row.reserved_steps, tokens: row.reserved_tokens, cost: row.reserved_cost },
    unreported: row.unreported,
  }
}
