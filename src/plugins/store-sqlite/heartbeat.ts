import type { DatabaseSync } from 'node:sqlite'
import type { Fence } from '../../core/index.ts'
import type { At, Beaten } from './message.ts'
import { prepareInbox } from './signals.ts'

/** Keeps leases. Both run within a transaction. */
export interface Heart {
  beat(at: At, fences: readonly Fence[], leaseMs: number): Beaten
  /** Extends all leases of this store that have not run out. */
  extend(mono: number, leaseMs: number): void
}

/** Prepares the keeping of leases. @param owner this store, whose claims they are. */
export function prepareHeart(db: DatabaseSync, owner: string): Heart {
  const beat = db.prepare(`
    UPDATE runs SET lease_until = ?, owner = ?, ready = 0, hint_at = NULL, hints = 0
    WHERE run_id = ? AND epoch = ? AND worker_id = ? AND status = 'running' RETURNING ordinal`)
  const extend = db.prepare(`
    UPDATE runs SET lease_until = :until WHERE status = 'running' AND owner = :owner AND ready = 0 AND lease_until > :mono AND lease_until < :until`)
  const inboxOf = prepareInbox(db)
  return {
    beat({ mono }, fences, leaseMs) {
      const lost: number[] = []
      const inbox: [string, string][] = []
      for (const [index, { runId, epoch, workerId }] of fences.entries()) {
        const row = beat.get(mono + leaseMs, owner, runId, epoch, workerId)
        if (row === undefined) {
          lost.push(index)
          continue
        }
        const signals = inboxOf(Number(row['ordinal']))
        if (signals !== '[]') inbox.push([runId, signals])
      }
      return { lost, inbox }
    },
    extend(mono, leaseMs) {
      extend.run({ until: mono + leaseMs, owner, mono })
    },
  }
}
