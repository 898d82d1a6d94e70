import type { DatabaseSync } from 'node:sqlite'
import type { At } from './message.ts'

/** Prepares the making ready of runs whose time has come. */
export interface Readiness {
  /** Makes ready what has fallen due, and whose lease has run out; at most so many of each. */
  readonly makeReady: (at: At, limit: number) => void
  /** Makes ready all runs of a store that is gone. */
  readonly orphan: (owner: string, at: At) => void
}

/** See {@link Readiness}. */
export function prepareReadiness(db: DatabaseSync): Readiness {
  const due = db.prepare(`
    UPDATE runs SET ready = 1, hint_at = :now, hints = 0,
      updated_at = CASE status WHEN 'waiting' THEN :now ELSE updated_at END,
      status = CASE status WHEN 'waiting' THEN 'queued' ELSE status END
    WHERE ordinal IN (SELECT ordinal FROM runs WHERE ready = 0 AND due_at <= :now ORDER BY due_at LIMIT :limit)`)
  const expired = db.prepare(`
    UPDATE runs SET ready = 1, hint_at = ?, hints = 0 WHERE ordinal IN (
      SELECT ordinal FROM runs WHERE ready = 0 AND status = 'running' AND lease_until <= ? ORDER BY lease_until LIMIT ?)`)
  const orphaned = db.prepare(`
    UPDATE runs SET ready = 1, hint_at = ?, hints = 0, owner = NULL WHERE status = 'running' AND owner = ?`)
  return {
    makeReady({ now, mono }, limit) {
      due.run({ now, limit })
      expired.run(now, mono, limit)
    },
    orphan(owner, { now }) {
      orphaned.run(now, owner)
    },
  }
}
