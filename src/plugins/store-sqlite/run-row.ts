import { OpspawnError, isFinal, type RunStatus, type TaskRef } from '../../core/index.ts'
import type { At } from './message.ts'

/** A row of `runs`, as SQLite gives it. */
export interface RunRow {
  readonly ordinal: number
  readonly run_id: string
  readonly status: RunStatus
  readonly seq: number
  readonly epoch: number
  readonly deliveries: number
  readonly created_at: number
  readonly updated_at: number
  readonly due_at: number | null
  readonly priority: number
  readonly queue: string
  readonly agent: string
  readonly definition: string
  readonly parent_id: string | null
  readonly idempotency_key: string | null
  readonly worker_id: string | null
  readonly lease_until: number | null
  readonly ready: number
  readonly place: number
  readonly ready_since: number | null
  readonly tenant: string
  readonly gates: string | null
  readonly gate: string | null
  readonly inside: number
  readonly limits: string
  readonly used_steps: number
  readonly used_tokens: number
  readonly used_cost: number
  readonly reserved_steps: number
  readonly reserved_tokens: number
  readonly reserved_cost: number
  readonly unreported: number
}

/** The part of a row that an append looks at: reading the other columns too would take as long again. */
export type OwnedRow = Omit<
  RunRow,
  | 'created_at'
  | 'updated_at'
  | 'due_at'
  | 'priority'
  | 'queue'
  | 'agent'
  | 'definition'
  | 'idempotency_key'
  | 'lease_until'
  | 'ready'
  | 'place'
  | 'ready_since'
  | 'tenant'
  | 'gate'
>

const OWNED: Readonly<Record<keyof OwnedRow, true>> = {
  ordinal: true,
  run_id: true,
  status: true,
  seq: true,
  epoch: true,
  deliveries: true,
  worker_id: true,
  parent_id: true,
  gates: true,
  inside: true,
  limits: true,
  used_steps: true,
  used_tokens: true,
  used_cost: true,
  reserved_steps: true,
  reserved_tokens: true,
  reserved_cost: true,
  unreported: true,
}

/** Finds it by the id of its run. */
export const SELECT_OWNED: string = `SELECT ${Object.keys(OWNED).join(', ')} FROM runs WHERE run_id = ?`

/** A row of `runs` with what stands in `details`. */
export interface WholeRow extends RunRow {
  readonly origin: string
  readonly ended: string | null
}

/** The hint that a run has work to do. */
export function taskOf({ run_id, queue, agent, priority }: RunRow): TaskRef {
  return { runId: run_id, queue, agent, priority }
}

/** A run's record as JSON. Put together from texts: the origin is not parsed to be written again. */
export function recordText(row: WholeRow): string {
  const { due_at: dueAt, idempotency_key: idempotencyKey } = row
  const changing = {
    status: row.status,
    seq: row.seq,
    epoch: row.epoch,
    deliveries: row.deliveries,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    ...(dueAt !== null && { dueAt }),
    priority: row.priority,
    queue: row.queue,
    ...(idempotencyKey !== null && { idempotencyKey }),
    ...(row.gate !== null && { gate: row.gate }),
    spending: {
      used: { steps: row.used_steps, tokens: row.used_tokens, cost: row.used_cost },
      reserved: { steps: row.reserved_steps, tokens: row.reserved_tokens, cost: row.reserved_cost },
      unreported: row.unreported,
    },
  }
  // Of two members of a name the last one counts, so labels of the end stand in for those of the beginning.
  const ended = row.ended === null || row.ended === '{}' ? '' : `,${row.ended.slice(1, -1)}`
  return `${row.origin.slice(0, -1)},${JSON.stringify(changing).slice(1, -1)}${ended}}`
}

/** Whether a claim may have the run now. */
export function isReady(row: RunRow, { now, mono }: At): boolean {
  if (row.ready === 1) return true
  if (row.status === 'running') return row.lease_until !== null && row.lease_until <= mono
  // With gates it has to ask them first.
  if (row.gates !== null) return false
  return (row.status === 'queued' || row.status === 'waiting') && row.due_at !== null && row.due_at <= now
}

/** Refuses a write of anybody but the owner. @throws OpspawnError `LEASE_LOST`, `RUN_FINISHED` */
export function requireOwner<R extends Pick<RunRow, 'status' | 'epoch' | 'worker_id'>>(
  row: R | undefined,
  runId: string,
  epoch: number,
  workerId: string,
): asserts row is R {
  if (row !== undefined && row.status === 'running' && row.epoch === epoch && row.worker_id === workerId) return
  if (row !== undefined && isFinal(row.status)) throw finished(runId)
  throw new OpspawnError(
    'LEASE_LOST',
    `worker ${workerId} no longer owns run ${runId} (its epoch ${epoch}, now ${row?.epoch ?? 'unknown'})`,
  )
}

/** The error for a run that has ended. */
export function finished(runId: string): OpspawnError {
  return new OpspawnError('RUN_FINISHED', `run ${runId} has ended`)
}

/** The error for a run that is not there. */
export function unknown(runId: string): OpspawnError {
  return new OpspawnError('RUN_UNKNOWN', `no run has the id ${runId}`)
}
