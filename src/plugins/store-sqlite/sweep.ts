import type { DatabaseSync } from 'node:sqlite'
import type { Swept } from '../../core/index.ts'
import { HINT_GRACE_MS } from './accept.ts'
import { list } from './claim.ts'
import { prepareGates } from './gates.ts'
import type { At, Sweeping } from './message.ts'
import { prepareReadiness } from './readiness.ts'
import { taskOf, type RunRow } from './run-row.ts'

const HINT_GRACE_LIMIT_MS = 60_000
/** How soon to look again while runs are owned by other processes, which may die. */
const WATCH_MS = 250

/** Looks for ready runs. Both run within a transaction. */
export interface Sweeper {
  /** Stores other than this one that own running runs. */
  readonly owners: (self: string) => readonly string[]
  readonly sweep: (at: At, sweeping: Sweeping, dead: readonly string[], isWatching: boolean) => Swept
}

/** See {@link Sweeper}. */
export function prepareSweep(db: DatabaseSync): Sweeper {
  const owners = db.prepare("SELECT DISTINCT owner FROM runs WHERE status = 'running' AND owner <> ?")
  const gates = prepareGates(db, new Map())
  const { makeReady, orphan } = prepareReadiness(db, new Map(), gates)
  // A time too far ahead was written before the machine's clock was set back.
  const wanted = `ready = 1 AND (:queues IS NULL OR queue IN (SELECT value FROM json_each(:queues)))
    AND (:definitions IS NULL OR definition IN (SELECT value FROM json_each(:definitions)))`
  const untold = db.prepare(
    `SELECT * FROM runs WHERE ${wanted} AND (hint_at <= :now OR hint_at > :now + ${HINT_GRACE_LIMIT_MS + 1_000}) ORDER BY hint_at LIMIT :limit`,
  )
  const tell = db.prepare('UPDATE runs SET hint_at = ?, hints = hints + 1 WHERE ordinal = ?')
  const nextHint = db.prepare(`SELECT min(hint_at) AS at FROM runs WHERE ${wanted}`)
  const nextDue = db.prepare('SELECT min(due_at) AS at FROM runs WHERE ready = 0 AND due_at IS NOT NULL')
  const nextLease = db.prepare("SELECT min(lease_until) AS at FROM runs WHERE ready = 0 AND status = 'running'")

  function nextAt({ now, mono }: At, sweeping: Sweeping, isWatching: boolean): number {
    const hint = timeOf(nextHint.get(filters(sweeping)))
    const lease = timeOf(nextLease.get())
    return Math.min(hint, timeOf(nextDue.get()), now + (lease - mono), gates.nextLookAt(), isWatching ? now + WATCH_MS : Infinity)
  }

  return {
    owners: (self) => (owners.all(self) as unknown as { readonly owner: string }[]).map(({ owner }) => owner),
    sweep(at, sweeping, dead, isWatching) {
      const { limit } = sweeping
      for (const owner of dead) orphan(owner, at)
      makeReady(at, limit)
      gates.look(at.now)
      gates.takeBack(at.now, list(sweeping.queues), list(sweeping.definitions))
      const rows = untold.all({ ...filters(sweeping), now: at.now, limit }) as unknown as (RunRow & { hints: number })[]
      for (const { hints, ordinal } of rows) tell.run(at.now + Math.min(HINT_GRACE_MS * 2 ** hints, HINT_GRACE_LIMIT_MS), ordinal)
      const tasks = rows.map(taskOf)
      const nextDueAt = nextAt(at, sweeping, isWatching)
      return nextDueAt === Infinity ? { tasks } : { tasks, nextDueAt }
    },
  }
}

function filters({ queues, definitions }: Sweeping): { queues: string | null; definitions: string | null } {
  return { queues: list(queues), definitions: list(definitions) }
}

function timeOf(row: Record<string, unknown> | undefined): number {
  return typeof row?.['at'] === 'number' ? row['at'] : Infinity
}
