import type { DatabaseSync } from 'node:sqlite'
import type { Gates } from './gates.ts'
import { prepareShortHistory, type WriteEvents } from './history.ts'
import type { At, Claimed, Claiming, WriterCalls } from './message.ts'
import { BEGUN, type Called, noteCall, prepareMostUrgent } from './order.ts'
import { prepareReadiness } from './readiness.ts'
import { isReady, recordText, type RunRow, type WholeRow } from './run-row.ts'
import { prepareInbox } from './signals.ts'

/** So many runs that have fallen due are made ready with a claim that names none. */
const DUE_BATCH = 100

/** Prepares the claiming of runs. */
export function prepareClaim(db: DatabaseSync, write: WriteEvents, called: Called, gates: Gates): WriterCalls['claim'] {
  const whole = 'SELECT r.*, d.origin, d.ended FROM runs r JOIN details d USING (ordinal)'
  const byId = db.prepare(`${whole} WHERE r.run_id = ?`)
  const mostUrgent = prepareMostUrgent(db)
  const take = db.prepare(`
    UPDATE runs SET status = 'running', seq = ?, epoch = ?, deliveries = ?, updated_at = ?, due_at = NULL, worker_id = ?,
      owner = ?, lease_until = ?, ready = 0, hint_at = NULL, hints = 0, place = ${BEGUN} WHERE ordinal = ?`)
  const inboxOf = prepareInbox(db)
  const shortHistory = prepareShortHistory(db)
  const { makeReady } = prepareReadiness(db, called, gates)

  function named(at: At, { runId, queues, definitions }: Claiming): WholeRow | undefined {
    let row = byId.get(runId ?? null) as unknown as WholeRow | undefined
    if (row !== undefined && row.gates !== null && (row.due_at ?? Infinity) <= at.now) {
      // What has fallen due asks its gates first.
      makeReady(at, DUE_BATCH)
      row = byId.get(row.run_id) as unknown as WholeRow
    }
    return row !== undefined && isReady(row, at) && isWanted(row, queues, definitions) ? row : undefined
  }

  /** Gives runs one after the other, each as it is when those before it are claimed. */
  function* candidates(at: At, query: Claiming): Generator<WholeRow> {
    if (query.runId !== undefined) {
      const row = named(at, query)
      if (row !== undefined) yield row
      return
    }
    makeReady(at, DUE_BATCH)
    const queues = list(query.queues)
    const definitions = list(query.definitions)
    for (let count = 0; count < query.max; count += 1) {
      const row = mostUrgent(at, queues, definitions)
      if (row === undefined) return
      noteCall(called, row)
      yield row
    }
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
      claimed.push([runId, epoch, recordText(taken), inboxOf(ordinal), shortHistory(ordinal, seq)])
    }
    return claimed
  }
}

function isWanted(row: RunRow, queues: Claiming['queues'], definitions: Claiming['definitions']): boolean {
  return (queues?.includes(row.queue) ?? true) && (definitions?.includes(row.definition) ?? true)
}

/** A list as a parameter; NULL where there is none. */
export function list(names: readonly string[] | undefined): string | null {
  return names === undefined ? null : JSON.stringify(names)
}
