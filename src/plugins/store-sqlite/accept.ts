import type { DatabaseSync } from 'node:sqlite'
import { OpspawnError, canonicalJson, type Json } from '../../core/index.ts'
import type { WriteEvents } from './history.ts'
import type { Accepted, AcceptedRun, WriterCalls } from './message.ts'
import type { Gates } from './gates.ts'
import { BEGUN, type Called, preparePlaces } from './order.ts'
import { recordText, type WholeRow } from './run-row.ts'

/** How long after a hint a ready run is told of again; doubled with every further hint. */
export const HINT_GRACE_MS = 1_000

/** Prepares the acceptance of runs. */
export function prepareAccept(db: DatabaseSync, write: WriteEvents, called: Called, gates: Gates): WriterCalls['create'] {
  const whole = 'SELECT r.*, d.origin, d.ended FROM runs r JOIN details d USING (ordinal)'
  const byKey = db.prepare(`${whole} WHERE r.tenant = ? AND r.idempotency_key = ?`)
  const byId = db.prepare('SELECT 1 FROM runs WHERE run_id = ?')
  const countOf = db.prepare('SELECT unclaimed FROM queues WHERE name = ?')
  const insert = db.prepare(`
    INSERT INTO runs (run_id, status, seq, epoch, deliveries, created_at, updated_at, due_at, priority, queue, agent,
      definition, tenant, session, parent_id, root_id, idempotency_key, ready, hint_at, hints, limits, place, ready_since, gates)
    VALUES (?, 'queued', ?, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
  const insertDetails = db.prepare('INSERT INTO details (ordinal, origin) VALUES (?, ?)')
  const askGates = prepareAsking(db, gates)

  const placeOf = preparePlaces(db, called)

  function requireRoom(queue: string, capacity: number): void {
    if (Number(countOf.get(queue)?.['unclaimed'] ?? 0) < capacity) return
    throw new OpspawnError('QUEUE_FULL', `queue ${queue} holds ${capacity} runs that nobody works on; try again later`, {
      details: { queue, capacity },
    })
  }

  function add(run: AcceptedRun, isReady: boolean, now: number): number {
    const readiness = isReady ? ([1, now + HINT_GRACE_MS, 1] as const) : ([0, null, 0] as const)
    const turn = isReady ? ([placeOf(run), now] as const) : ([BEGUN, null] as const)
    const seq = 1 + run.events
    const { lastInsertRowid } = insert.run(
      run.runId,
      seq,
      now,
      now,
      run.dueAt ?? null,
      run.priority,
      run.queue,
      run.agent,
      run.definition,
      run.tenant,
      run.session ?? null,
      run.parentId ?? null,
      run.rootId,
      run.idempotencyKey ?? null,
      ...readiness,
      run.limits,
      ...turn,
      run.gates ?? null,
    )
    const ordinal = Number(lastInsertRowid)
    insertDetails.run(ordinal, run.summary)
    const first = `{"type":"run-start","origin":${run.origin ?? run.summary},"version":1,"seq":1,"at":${now}}`
    write(ordinal, seq, `[${first}${run.history}]`)
    return ordinal
  }

  return ({ now }, capacity, run) => {
    const known = run.idempotencyKey === undefined ? undefined : byKey.get(run.tenant, run.idempotencyKey)
    if (known !== undefined) return { created: false, record: sameRun(known as unknown as WholeRow, run) }
    if (byId.get(run.runId) !== undefined) throw new OpspawnError('RUN_EXISTS', `a run with id ${run.runId} exists`)
    requireRoom(run.queue, capacity)
    const isLater = run.dueAt !== undefined && run.dueAt > now
    const isReady = !isLater && run.gates === undefined
    const ordinal = add(run, isReady, now)
    return isLater || isReady ? { created: true } : askGates(ordinal, now)
  }
}

function prepareAsking(db: DatabaseSync, gates: Gates): (ordinal: number, now: number) => Accepted {
  const gateOf = db.prepare('SELECT gate FROM runs WHERE ordinal = ?')
  return (ordinal, now) => {
    gates.ask(ordinal, now)
    const gate = gateOf.get(ordinal)?.['gate']
    return typeof gate === 'string' ? { created: true, gate } : { created: true }
  }
}

/** The record of the run that has the key. @throws OpspawnError `RUN_EXISTS` when it is another agent's or input's. */
function sameRun(known: WholeRow, run: AcceptedRun): string {
  if (known.agent !== run.agent || inputOf(known.origin) !== inputOf(run.summary)) {
    throw new OpspawnError(
      'RUN_EXISTS',
      `idempotency key ${JSON.stringify(run.idempotencyKey)} belongs to run ${known.run_id} with another agent or input`,
    )
  }
  return recordText(known)
}

function inputOf(origin: string): string {
  return canonicalJson((JSON.parse(origin) as { readonly input: Json }).input)
}
