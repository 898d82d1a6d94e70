import type { DatabaseSync } from 'node:sqlite'
import type { WriteEvents } from './history.ts'
import type { At, Claimed, Claiming, WriterCalls } from './message.ts'
import { prepareReadiness } from './readiness.ts'
import { isReady, recordText, type WholeRow } from './run-row.ts'
import { prepareInbox } from './signals.ts'

/** So many runs that have fallen due are made ready with a claim that names none. */
const DUE_BATCH = 100

/** Prepares the claiming of runs. */
export function prepareClaim(db: DatabaseSync, write: WriteEvents): WriterCalls['claim'] {
  const whole = 'SELECT r.*, d.origin, d.ended FROM runs r JOIN details d USING (ordinal)'
  const byId = db.prepare(`${whole} WHERE r.run_id = ?`)
  const mostUrgent = db.prepare(MOST_URGENT.replace('*', 'r.*, d.origin, d.ended'))
  const take = db.prepare(`
    UPDATE runs SET status = 'running', seq = ?, epoch = ?, deliveries = ?, updated_at = ?, due_at = NULL, worker_id = ?,
      owner = ?, lease_until = ?, ready = 0, hint_at = NULL, hints = 0 WHERE ordinal = ?`)
  const inboxOf = prepareInbox(db)
  const { makeReady } = prepareReadiness(db)

  function candidates(at: At, { runId, queues, definitions, max }: Claiming): readonly WholeRow[] {
    if (runId === undefined) {
      makeReady(at, DUE_BATCH)
      return mostUrgent.all({ queues: list(queues), definitions: list(definitions), max }) as unknown as WholeRow[]
    }
    const row = byId.get(runId) as unknown as WholeRow | undefined
    const isWanted =
      row !== undefined &&
      isReady(row, at) &&
      (queues === undefined || queues.includes(row.queue)) &&
      (definitions === undefined || definitions.includes(row.definition))
    return isWanted ? [row] : []
  }

  return (at, query) => {
    const claimed: Claimed[] = []
    for (const row of candidates(at, query)) {
      const { ordinal, run_id: runId } = row
      const taken: WholeRow = {
        ...row,
        status: 'running',
        seq: row.seq + 1,
        epoch: row.epoch + 1,
        deliveries: row.deliveries + 1,
        updated_at: at.now,
        due_at: null,
      }
      const { seq, epoch, deliveries } = taken
      take.run(seq, epoch, deliveries, at.now, query.workerId, query.owner, at.mono + query.leaseMs, ordinal)
      const event = { type: 'run-claim', epoch, worker: query.workerId, version: 1, seq, at: at.now }
      write(ordinal, seq, JSON.stringify([event]))
      claimed.push([runId, epoch, recordText(taken), inboxOf(ordinal)])
    }
    return claimed
  }
}

/** Ready runs, the most urgent first; an index has them in this order. */
export const MOST_URGENT = `
  SELECT * FROM runs r JOIN details d USING (ordinal) WHERE r.ready = 1
    AND (:queues IS NULL OR r.queue IN (SELECT value FROM json_each(:queues)))
    AND (:definitions IS NULL OR r.definition IN (SELECT value FROM json_each(:definitions)))
  ORDER BY r.priority DESC, r.created_at, r.ordinal LIMIT :max`

/** A list as a parameter; NULL where there is none. */
export function list(names: readonly string[] | undefined): string | null {
  return names === undefined ? null : JSON.stringify(names)
}
