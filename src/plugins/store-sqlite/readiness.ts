import type { DatabaseSync } from 'node:sqlite'
import type { Gates } from './gates.ts'
import type { At } from './message.ts'
import { BEGUN, type Called, preparePlaces, type Waiting } from './order.ts'

type DueRow = Waiting & { readonly ordinal: number; readonly epoch: number; readonly gates: string | null }

/** Prepares the making ready of runs whose time has come. */
export interface Readiness {
  /** Makes ready what has fallen due, as far as its gates let it pass, and whose lease has run out; at most so many of each. */
  readonly makeReady: (at: At, limit: number) => void
  /** Makes ready all runs of a store that is gone. */
  readonly orphan: (owner: string, at: At) => void
}

/** See {@link Readiness}. */
export function prepareReadiness(db: DatabaseSync, called: Called, gates: Gates): Readiness {
  const next = db.prepare(`
    SELECT (SELECT min(due_at) FROM runs WHERE ready = 0 AND due_at IS NOT NULL) AS due,
      (SELECT min(lease_until) FROM runs WHERE ready = 0 AND status = 'running') AS lease`)
  const due = db.prepare(`
    SELECT ordinal, epoch, queue, definition, priority, tenant, gates FROM runs WHERE ready = 0 AND due_at <= ? ORDER BY due_at LIMIT ?`)
  const wake = db.prepare(`
    UPDATE runs SET ready = 1, hint_at = :now, hints = 0, ready_since = :now, place = :place,
      updated_at = CASE status WHEN 'waiting' THEN :now ELSE updated_at END,
      status = CASE status WHEN 'waiting' THEN 'queued' ELSE status END
    WHERE ordinal = :ordinal`)
  const queue = db.prepare(`
    UPDATE runs SET due_at = NULL, ready_since = :now, status = 'queued', updated_at = CASE status WHEN 'waiting' THEN :now ELSE updated_at END
    WHERE ordinal = :ordinal`)
  const placeOf = preparePlaces(db, called)
  const expired = db.prepare(`
    UPDATE runs SET ready = 1, hint_at = :now, hints = 0, ready_since = :now WHERE ordinal IN (
      SELECT ordinal FROM runs WHERE ready = 0 AND status = 'running' AND lease_until <= :mono ORDER BY lease_until LIMIT :limit)`)
  const orphaned = db.prepare(`
    UPDATE runs SET ready = 1, hint_at = :now, hints = 0, ready_since = :now, owner = NULL
    WHERE status = 'running' AND owner = :owner`)

  function wakeDue(now: number, limit: number): void {
    for (const row of due.all(now, limit) as unknown as DueRow[]) {
      const { ordinal } = row
      if (row.gates === null) wake.run({ now, ordinal, place: row.epoch === 0 ? placeOf(row) : BEGUN })
      else {
        queue.run({ now, ordinal })
        gates.ask(ordinal, now)
      }
    }
  }

  return {
    makeReady({ now, mono }, limit) {
      // Mostly there is nothing: one look costs a quarter of what both statements do.
      const first = next.get() as { readonly due: number | null; readonly lease: number | null }
      if (first.due !== null && first.due <= now) wakeDue(now, limit)
      if (first.lease !== null && first.lease <= mono) expired.run({ now, mono, limit })
    },
    orphan(owner, { now }) {
      orphaned.run({ now, owner })
    },
  }
}
