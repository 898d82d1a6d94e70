import type { DatabaseSync } from 'node:sqlite'
import { OpspawnError, RUN_TRANSITIONS, requireTransition, type RunStatus } from '../../core/index.ts'
import type { WriteEvents } from './history.ts'
import type { WriterCalls } from './message.ts'
import { requireOwner, type RunRow } from './run-row.ts'
import type { Signals } from './signals.ts'
import { prepareSpend } from './spend.ts'

/** Prepares appending. All that can be refused is checked before anything is written. */
export function prepareAppend(db: DatabaseSync, write: WriteEvents, signals: Signals): WriterCalls['append'] {
  const byId = db.prepare('SELECT * FROM runs WHERE run_id = ?')
  const goOn = db.prepare('UPDATE runs SET seq = ?, updated_at = ?, deliveries = ? WHERE ordinal = ?')
  const end = db.prepare(`
    UPDATE runs SET status = ?, ended_at = ?, worker_id = NULL, owner = NULL, lease_until = NULL, ready = 0, hint_at = NULL
    WHERE ordinal = ?`)
  const endDetails = db.prepare('UPDATE details SET ended = ? WHERE ordinal = ?')
  const spend = prepareSpend(db)

  return (now, runId, epoch, workerId, expectedSeq, count, events, hasProgress, changes) => {
    const row = byId.get(runId) as unknown as RunRow | undefined
    requireOwner(row, runId, epoch, workerId)
    if (row.seq !== expectedSeq)
      throw new OpspawnError('SEQUENCE_CONFLICT', `run ${runId} is at event ${row.seq}, not ${expectedSeq}; read it again`)
    if (changes?.end !== undefined) requireTransition(RUN_TRANSITIONS, row.status, changes.end[0] as RunStatus, `run ${runId}`)
    const writeSpending = changes?.spending === undefined ? undefined : spend(row, changes.spending)
    const { ordinal } = row
    const seq = expectedSeq + count
    if (count > 0) write(ordinal, seq, events)
    // A run that gets on is no poison, however often its workers change.
    goOn.run(seq, now, hasProgress ? Math.min(row.deliveries, 1) : row.deliveries, ordinal)
    writeSpending?.()
    if (changes === undefined) return undefined
    if (changes.consume !== undefined) signals.consume(ordinal, changes.consume)
    if (changes.end !== undefined) {
      end.run(changes.end[0], now, ordinal)
      endDetails.run(changes.end[1], ordinal)
      signals.forget(ordinal)
    }
    return changes.signals === undefined ? undefined : signals.send(changes.signals, now)
  }
}
