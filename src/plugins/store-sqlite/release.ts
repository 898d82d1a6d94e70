import type { DatabaseSync } from 'node:sqlite'
import type { RunStatus } from '../../core/index.ts'
import { HINT_GRACE_MS } from './accept.ts'
import type { WriterCalls } from './message.ts'
import { requireOwner, taskOf, type RunRow } from './run-row.ts'
import type { Signals } from './signals.ts'

const STATUS = { wait: 'waiting', drain: 'queued', park: 'paused', quarantine: 'quarantined' } as const

/** Prepares the giving up of runs. */
export function prepareRelease(db: DatabaseSync, signals: Signals): WriterCalls['release'] {
  const byId = db.prepare('SELECT * FROM runs WHERE run_id = ?')
  const give = db.prepare(`
    UPDATE runs SET status = ?, deliveries = ?, due_at = ?, updated_at = ?, worker_id = NULL, owner = NULL,
      lease_until = NULL, ready = ?, hint_at = ?, hints = 1 WHERE ordinal = ?`)
  return ({ now }, { runId, epoch, workerId }, reason) => {
    const row = byId.get(runId) as unknown as RunRow | undefined
    requireOwner(row, runId, epoch, workerId)
    const dueAt = reason.how === 'wait' ? reason.dueAt : undefined
    const isAside = reason.how === 'park' || reason.how === 'quarantine'
    const isReady =
      reason.how === 'drain' ||
      (isAside && signals.hasUrgent(row.ordinal)) ||
      (reason.how === 'wait' && ((dueAt ?? Infinity) <= now || signals.hasUnread(row.ordinal)))
    const status: RunStatus = isReady ? 'queued' : STATUS[reason.how]
    const charged = reason.how === 'quarantine' ? row.deliveries : row.deliveries - 1
    const deliveries = reason.how === 'wait' || (reason.how === 'quarantine' && isReady) ? 0 : charged
    const hintAt = isReady ? now + HINT_GRACE_MS : null
    give.run(status, deliveries, isReady ? null : (dueAt ?? null), now, isReady ? 1 : 0, hintAt, row.ordinal)
    return isReady ? taskOf(row) : undefined
  }
}
