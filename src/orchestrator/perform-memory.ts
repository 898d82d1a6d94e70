import {
  type Json,
  type JsonObject,
  type Memory,
  type MemoryHandle,
  OpspawnError,
  type Recall,
  type RecallEffect,
  type RecallItem,
  type RememberEffect,
  toJson,
} from '../core/index.ts'
import { show } from './checks/show.ts'
import type { Execution, Performed } from './execution.ts'
import { LABELS_FIELD } from './memory-labels.ts'
import { idempotencyKey } from './perform-tool.ts'
import type { RunContext } from './run-context.ts'

/**
 * Asks a memory in the run's scope. What comes back stands in the history with ids, scores and texts; where it is larger
 * than `limits.payload`, the last items are left out and counted as omitted.
 *
 * @throws OpspawnError `MEMORY_UNKNOWN`, `MEMORY_FAILED`; whatever the memory throws
 */
export async function performRecall(context: RunContext, effect: RecallEffect, execution: Execution): Promise<Performed> {
  const memory = memoryOf(context, effect)
  const { kind: _kind, key: _key, memory: _memory, query, ...options } = effect
  const found = await bind(context, memory, effect, execution).recall(query, { ...options, signal: execution.signal })
  const value = recordRecall(memory.name, found, context.view.limits.payload)
  return { value, labels: recalledLabels(value) }
}

/**
 * Writes to a memory in the run's scope. Every entry has an id of its own, so that a repetition after a failure writes
 * nothing twice.
 *
 * @throws OpspawnError `MEMORY_UNKNOWN`, `MEMORY_FAILED`; whatever the memory throws
 */
export async function performRemember(context: RunContext, effect: RememberEffect, execution: Execution): Promise<Performed> {
  const handle = bind(context, memoryOf(context, effect), effect, execution)
  const key = idempotencyKey(context.view.id, effect.key)
  const entries = effect.entries.map((entry, index) => (entry.id === undefined ? { ...entry, id: `${key}-${index}` } : entry))
  return { value: toJson(await handle.append(entries, { signal: execution.signal }), { maxSize: context.view.limits.payload }) }
}

/** The labels of recalled data. What does not say so itself counts as both: nobody knows where it comes from. */
export function recalledLabels(recalled: Json): readonly string[] | undefined {
  const { items } = recalled as unknown as Recall
  if (!Array.isArray(items)) return undefined
  const labels = new Set<string>()
  for (const { record } of items as readonly RecallItem[]) {
    const noted = record?.metadata?.[LABELS_FIELD]
    for (const label of typeof noted === 'string' ? noted.split(' ') : ['private', 'untrusted'])
      if (label !== '') labels.add(label)
  }
  return labels.size === 0 ? undefined : [...labels].toSorted()
}

/** What a memory found, as it is recorded. @throws OpspawnError `MEMORY_FAILED` for what is no recall */
export function recordRecall(name: string, found: unknown, maxSize: number): Json {
  const json = toJson(found, { maxSize: Infinity }) as unknown as Recall | null
  const items: readonly unknown[] = Array.isArray(json?.items) ? json.items : [undefined]
  const odd = items.find((item) => !isItem(item))
  if (json === null || items.includes(undefined) || odd !== undefined)
    throw new OpspawnError(
      'MEMORY_FAILED',
      `memory "${name}" gave ${show(odd ?? found)} for a recall; it needs items with a record of id, kind and text`,
      { retryable: false },
    )
  let size = JSON.stringify({ ...json, items: [] }).length + 8
  const fitting = json.items.findIndex((item) => (size += JSON.stringify(item).length + 1) > maxSize)
  if (fitting < 0) return json as unknown as Json
  const omitted = (json.omitted ?? 0) + json.items.length - fitting
  return { ...json, items: json.items.slice(0, fitting), omitted } as unknown as Json
}

function isItem(item: unknown): boolean {
  const record = (item as { record?: JsonObject | null } | null | undefined)?.record
  return ['id', 'kind', 'text'].every((member) => typeof record?.[member] === 'string')
}

/** @throws OpspawnError `MEMORY_UNKNOWN` */
function memoryOf({ ready }: RunContext, { memory: name }: RecallEffect | RememberEffect): Memory {
  const memory = name === undefined ? ready.memories.values().next().value : ready.memories.get(name)
  if (memory !== undefined) return memory
  const which = name === undefined ? '' : ` "${name}"`
  throw new OpspawnError('MEMORY_UNKNOWN', `agent "${ready.agent.name}" has no memory${which}`)
}

/** A memory in the run's scope, and the time that it may take. A handle reads other sessions only for an effect that asks for it. */
function bind(context: RunContext, memory: Memory, effect: RecallEffect | RememberEffect, execution: Execution): MemoryHandle {
  const limitMs = context.engine.timing.toolMs
  execution.arm(
    limitMs,
    () => new OpspawnError('MEMORY_FAILED', `memory "${memory.name}" did not answer ${effect.kind} within ${limitMs} ms`),
  )
  const { tenant, session } = context.view
  const agent = context.ready.agent.name
  const scope = session === undefined ? { tenant, agent } : { tenant, agent, session }
  return effect.kind === 'recall' && effect.across !== undefined
    ? memory.bind(scope, { across: effect.across })
    : memory.bind(scope)
}
