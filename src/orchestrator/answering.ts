// What waits for a person's answer, and whether an answer to it may be given.
import {
  type EffectRecord,
  type Json,
  type OperationOptions,
  OpspawnError,
  type PendingApproval,
  type RunEvent,
  type RunEventType,
  type RunView,
} from '../core/index.ts'
import type { Engine } from './engine.ts'
import { awaitsApproval } from './inbox.ts'
import { readRun } from './look-up.ts'
import { awaitsResolution } from './unknown-outcomes.ts'

/** @throws OpspawnError `OPTIONS_INVALID` */
export function requireAnswerer(by: string): void {
  if (by === '') throw new OpspawnError('OPTIONS_INVALID', 'the answer to an approval needs `by`: who gives it')
}

/** The error for a second answer. */
export function answered(runId: string, key: string): OpspawnError {
  return new OpspawnError('APPROVAL_DECIDED', `approval "${key}" of run ${runId} has been answered already`)
}

/**
 * Looks for what is to be answered: the hash that the answer is bound to, and where it was asked.
 *
 * @throws OpspawnError `APPROVAL_UNKNOWN`, `APPROVAL_DECIDED`, `RUN_FINISHED`
 */
export async function requirePending(
  engine: Engine,
  runId: string,
  key: string,
  kind: PendingApproval['kind'],
  options: OperationOptions,
): Promise<{ readonly hash: string; readonly seq: number }> {
  const { events, view } = await readRun(engine, runId, options)
  const record = view.effects.get(key)
  const request = lastOf(events, 'approval-request', key)
  if (record === undefined || request === undefined)
    throw new OpspawnError(
      'APPROVAL_UNKNOWN',
      `run ${runId} asked for no approval "${key}"${openOnes(view)}; what a run below it asked is answered there, by its id: pending.runId`,
    )
  if (view.outcome !== undefined && lastOf(events, 'approval-response', key) === undefined)
    throw new OpspawnError('RUN_FINISHED', `run ${runId} has ended`)
  if (!awaitsApproval(record))
    throw new OpspawnError('APPROVAL_DECIDED', `approval "${key}" of run ${runId} has been answered already, or expired`)
  if (record.dueAt !== undefined && record.dueAt <= engine.clock.now())
    throw new OpspawnError('APPROVAL_DECIDED', `approval "${key}" of run ${runId} has expired`)
  if (kindOf(record) !== kind) {
    const wanted = kind === 'approval' ? 'was interrupted; say by `resolve` whether it happened' : 'waits for `approve` or `deny`'
    throw new OpspawnError('APPROVAL_UNKNOWN', `call "${key}" of run ${runId} ${wanted}`)
  }
  return request
}

/** The keys that could have been meant. */
function openOnes({ effects }: RunView): string {
  const keys = [...effects.values()].filter(awaitsApproval).map(({ effect }) => `"${effect.key}"`)
  return keys.length === 0 ? '' : `, but ${keys.slice(0, 5).join(', ')}`
}

/** What a person is shown. */
export function describePending(view: RunView, record: EffectRecord, events: readonly RunEvent[]): PendingApproval {
  const { effect, dueAt } = record
  const request = lastOf(events, 'approval-request', effect.key)
  const pending: Writable<PendingApproval> = {
    kind: kindOf(record),
    runId: view.id,
    key: effect.key,
    agent: view.agent,
    question: request?.question ?? '',
    ...called(record, request?.input),
  }
  if (dueAt !== undefined) pending.expiresAt = dueAt
  return pending
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** What is asked about: the call as it is made, or what a planner lays before a person. */
function called({ effect, routed }: EffectRecord, made: Json | undefined): Partial<PendingApproval> | undefined {
  if (effect.kind === 'run') return { tool: effect.agent, input: made ?? effect.input }
  if (effect.kind === 'tool') {
    const name = routed === undefined ? { tool: effect.tool } : { tool: routed.tool, through: effect.tool }
    return { ...name, input: made ?? effect.input }
  }
  if (effect.kind !== 'wait' || effect.for.type !== 'approval' || effect.for.details === undefined) return undefined
  return { input: effect.for.details }
}

function kindOf(record: EffectRecord): PendingApproval['kind'] {
  return awaitsResolution(record) ? 'outcome' : 'approval'
}

function lastOf<T extends RunEventType>(events: readonly RunEvent[], type: T, key: string): (RunEvent & { type: T }) | undefined {
  return events.findLast(
    (event): event is RunEvent & { type: T } => event.type === type && (event as { readonly key?: string }).key === key,
  )
}
