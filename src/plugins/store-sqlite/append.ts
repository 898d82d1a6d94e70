import type { DatabaseSync } from 'node:sqlite'
import { OpspawnError, RUN_TRANSITIONS, requireTransition, type RunStatus, type TaskRef } from '../../core/index.ts'
import type { Gates } from './gates.ts'
import type { WriteEvents } from './history.ts'
import type { Changing, Sent, WriterCalls } from './message.ts'
import { type OwnedRow, requireOwner, SELECT_OWNED } from './run-row.ts'
import type { Signals } from './signals.ts'
import { prepareSpend, SPENDING_COLUMNS } from './spend.ts'

const NOTHING: Changing = { consume: undefined, spending: undefined, end: undefined, signals: undefined }

/** Prepares appending. All that can be refused is checked before anything is written. */
export function prepareAppend(db: DatabaseSync, write: WriteEvents, signals: Signals, gates: Gates): WriterCalls['append'] {
  const byId = db.prepare(SELECT_OWNED)
  const goOn = db.prepare('UPDATE runs SET seq = ?, updated_at = ?, deliveries = ? WHERE ordinal = ?')
  const goOnSpending = db.prepare(
    `UPDATE runs SET seq = ?, updated_at = ?, deliveries = ?, ${SPENDING_COLUMNS} WHERE ordinal = ?`,
  )
  const end = db.prepare(`
    UPDATE runs SET status = ?, ended_at = ?, worker_id = NULL, owner = NULL, lease_until = NULL, ready = 0, hint_at = NULL
    WHERE ordinal = ?`)
  const endDetails = db.prepare('UPDATE details SET ended = ? WHERE ordinal = ?')
  const spend = prepareSpend(db)

  function change(row: OwnedRow, { consume, end: ending, signals: sent }: Changing, now: number): readonly TaskRef[] | undefined {
    const { ordinal } = row
    let passed: readonly TaskRef[] | undefined
    if (consume !== undefined) signals.consume(ordinal, consume)
    let left: readonly Sent[] = []
    if (ending !== undefined) {
      const [status, details, successor] = ending
      end.run(status, now, ordinal)
      endDetails.run(details, ordinal)
      if (successor !== undefined) left = signals.leftFor(successor, ordinal)
      signals.forget(ordinal)
      if (row.gates !== null) passed = gates.free(row, now)
    }
    if (sent === undefined && left.length === 0) return passed
    return [...(passed ?? []), ...signals.send([...left, ...(sent ?? [])], now)]
  }

  return (now, runId, epoch, workerId, expectedSeq, count, events, hasProgress, changes) => {
    const row = byId.get(runId) as unknown as OwnedRow | undefined
    requireOwner(row, runId, epoch, workerId)
    const { end: ending, spending } = changes ?? NOTHING
    if (row.seq !== expectedSeq)
      throw new OpspawnError('SEQUENCE_CONFLICT', `run ${runId} is at event ${row.seq}, not ${expectedSeq}; read it again`)
    if (ending !== undefined) requireTransition(RUN_TRANSITIONS, row.status, ending[0] as RunStatus, `run ${runId}`)
    const spent = spending === undefined ? undefined : spend(row, spending)
    const { ordinal } = row
    const seq = expectedSeq + count
    if (count > 0) write(ordinal, seq, events)
    // A run that gets on is no poison, however often its workers change.
    const deliveries = hasProgress ? Math.min(row.deliveries, 1) : row.deliveries
    if (spent === undefined) goOn.run(seq, now, deliveries, ordinal)
    else {
      goOnSpending.run(seq, now, deliveries, ...spent.own, ordinal)
      spent.writeAncestors()
    }
    return changes === undefined ? undefined : change(row, changes, now)
  }
}
