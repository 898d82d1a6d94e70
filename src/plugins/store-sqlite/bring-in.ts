import type { DatabaseSync } from 'node:sqlite'
import { isFinal, OpspawnError } from '../../core/index.ts'
import type { WriteEvents } from './history.ts'
import type { WriterCalls } from './message.ts'

/** Prepares the writing of runs that another store has had. All that can be refused is checked before anything is written. */
export function prepareBringIn(db: DatabaseSync, write: WriteEvents): WriterCalls['bringIn'] {
  const byId = db.prepare('SELECT 1 FROM runs WHERE run_id = ?')
  const byKey = db.prepare('SELECT run_id FROM runs WHERE tenant = ? AND idempotency_key = ?')
  const insert = db.prepare(`
    INSERT INTO runs (run_id, status, seq, epoch, deliveries, created_at, updated_at, priority, queue, agent, definition,
      tenant, session, parent_id, root_id, idempotency_key, ready, hints, limits, used_steps, used_tokens, used_cost,
      reserved_steps, reserved_tokens, reserved_cost, unreported, gates)
    VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
  const insertDetails = db.prepare('INSERT INTO details (ordinal, origin, ended) VALUES (?, ?, ?)')
  const settle = db.prepare('UPDATE runs SET status = ?, ended_at = ? WHERE ordinal = ?')

  function requireFree(runId: string, tenant: string, key: string | undefined): void {
    if (byId.get(runId) !== undefined) throw new OpspawnError('RUN_EXISTS', `a run with id ${runId} exists`)
    const other = key === undefined ? undefined : byKey.get(tenant, key)
    if (other !== undefined) {
      const text = `idempotency key ${JSON.stringify(key)} of run ${runId} belongs to run ${String(other['run_id'])} here`
      throw new OpspawnError('RUN_EXISTS', text, { details: { runId: other['run_id'] as string } })
    }
  }

  return ({ run, status, seq, epoch, deliveries, createdAt, updatedAt, spending, ended, parts }) => {
    requireFree(run.runId, run.tenant, run.idempotencyKey)
    const { used, reserved, unreported } = spending
    const { lastInsertRowid } = insert.run(
      run.runId,
      seq,
      epoch,
      deliveries,
      createdAt,
      updatedAt,
      run.priority,
      run.queue,
      run.agent,
      run.definition,
      run.tenant,
      run.session ?? null,
      run.parentId ?? null,
      run.rootId,
      run.idempotencyKey ?? null,
      run.limits,
      used.steps,
      used.tokens,
      used.cost,
      reserved.steps,
      reserved.tokens,
      reserved.cost,
      unreported,
      run.gates ?? null,
    )
    const ordinal = Number(lastInsertRowid)
    insertDetails.run(ordinal, run.summary, ended ?? null)
    for (const [last, body] of parts) write(ordinal, last, body)
    // By way of `queued`, for the queues count what comes and goes there.
    settle.run(status, isFinal(status) ? updatedAt : null, ordinal)
  }
}
