import type { DatabaseSync } from 'node:sqlite'
import type { ReleaseReason, RunStatus } from '../../core/index.ts'
import { HINT_GRACE_MS } from './accept.ts'
import type { Gates } from './gates.ts'
import type { WriterCalls } from './message.ts'
import { requireOwner, taskOf, type RunRow } from './run-row.ts'
import type { Signals } from './signals.ts'

const STATUS = { wait: 'waiting', drain: 'queued', park: 'paused', quarantine: 'quarantined' } as const

/** Prepares the giving up of runs. */
export function prepareRelease(db: DatabaseSync, signals: Signals, gates: Gates): WriterCalls['release'] {
  const byId = db.prepare('SELECT * FROM runs WHERE run_id = ?')
  const give = db.prepare(`
    UPDATE runs SET status = ?, deliveries = ?, due_at = ?, updated_at = ?, worker_id = NULL, owner = NULL,
      lease_until = NULL, ready = ?, hint_at = ?, hints = 1, ready_since = ? WHERE ordinal = ?`)
  function isReadyAgain(how: ReleaseReason['how'], isDue: boolean, run: number): boolean {
    if (how === 'drain') return true
    return how === 'wait' ? isDue || signals.hasUnread(run) : signals.hasUrgent(run)
  }

  return ({ now }, { runId, epoch, workerId }, reason) => {
    const row = byId.get(runId) as unknown as RunRow | undefined
    requireOwner(row, runId, epoch, workerId)
    const dueAt = reason.how === 'wait' ? (reason.dueAt ?? Infinity) : Infinity
    const isReady = isReadyAgain(reason.how, dueAt <= now, row.ordinal)
    const status: RunStatus = isReady ? 'queued' : STATUS[reason.how]
    const when = isReady ? ([null, now, 1, now + HINT_GRACE_MS] as const) : ([finite(dueAt), now, 0, null] as const)
    const deliveries = reason.how === 'quarantine' && isReady ? 0 : deliveriesAfter(row.deliveries, reason.how)
    give.run(status, deliveries, ...when, now, row.ordinal)
    if (row.gates === null) return isReady ? taskOf(row) : undefined
    const [passed] = isReady ? gates.ask(row.ordinal, now) : gates.free(row, now)
    return passed
  }
}

function deliveriesAfter(deliveries: number, how: ReleaseReason['how']): number {
  if (how === 'wait') return 0
  return how === 'quarantine' ? deliveries : deliveries - 1
}

function finite(time: number): number | null {
  return time === Infinity ? null : time
}
