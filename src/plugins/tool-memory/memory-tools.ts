import {
  type Memory,
  type MemoryEntry,
  type MemoryHandle,
  type MemoryScope,
  type RecallItem,
  type Tool,
  type ToolContext,
  defineTool,
  jsonSchema,
} from '../../core/index.ts'
import { type MemoryToolsOptions, type Settings, settingsOf } from './options.ts'
import { LABELS_FIELD, ORDINARY } from './fields.ts'
import { workingMemoryTool } from './working-memory.ts'

/**
 * Makes tools of a memory, for an agent that decides itself what to look for and what to keep: `memory_search`,
 * `memory_remember`, `memory_update`, `memory_forget`, and with `working` also `working_memory_update`. Each call is bound to
 * tenant, agent and session of the run that makes it; no argument can name another.
 *
 * An update supersedes: the record as it was stays, closed, until the one in its place is forgotten. A call that is made again
 * after a crash changes nothing twice.
 * What cannot be found is `MEMORY_RECORD_UNKNOWN`, what was changed meanwhile `MEMORY_CONFLICT`; the model is told.
 *
 * @throws OpspawnError `OPTIONS_INVALID`
 */
export function memoryTools(memory: Memory, options: MemoryToolsOptions = {}): readonly Tool[] {
  const settings = settingsOf(memory, options)
  return [
    search(settings),
    remember(settings),
    update(settings),
    ...(settings.forget === false ? [] : [forget(settings, settings.forget)]),
    ...(settings.working === undefined ? [] : [workingMemoryTool(settings, settings.working)]),
  ] as readonly Tool[]
}

/** The memory in the scope of the run that calls. */
function bind({ memory }: Settings, { tenant, agent, session }: ToolContext, across?: readonly 'session'[]): MemoryHandle {
  const scope: MemoryScope = session === undefined ? { tenant, agent } : { tenant, agent, session }
  return across === undefined ? memory.bind(scope) : memory.bind(scope, { across })
}

function search(settings: Settings): Tool<{ query: string; items?: number }> {
  return defineTool({
    name: `${settings.prefix}_search`,
    description: 'Searches your memory of earlier conversations and documents. Gives records with ids; best first.',
    input: jsonSchema<{ query: string; items?: number }>({
      type: 'object',
      properties: {
        query: { type: 'string', maxLength: 4_000, description: 'What to look for, in words. Empty: the latest records.' },
        items: { type: 'integer', minimum: 1, maximum: 50, description: 'How many records at most; 10 if left out.' },
      },
      required: ['query'],
      additionalProperties: false,
    }),
    effect: 'pure',
    labels: settings.labels,
    async execute({ query, items = 10 }, context) {
      const across = settings.acrossSessions ? (['session'] as const) : undefined
      const found = await bind(settings, context, across).recall(query, {
        budget: { tokens: settings.tokens, items },
        filter: ORDINARY,
        signal: context.signal,
        ...(across === undefined ? undefined : { across }),
      })
      return { records: found.items.map(told), omitted: found.omitted, degraded: found.degraded }
    },
  })
}

function told({ record, score }: RecallItem): object {
  const { id, kind, role, text, source, occurredAt, createdAt } = record
  const at = new Date(occurredAt ?? createdAt).toISOString()
  return {
    id,
    kind,
    ...(role === undefined ? undefined : { role }),
    at,
    score: Math.round(score * 1_000) / 1_000,
    ...(kind === 'document' && source !== undefined ? { source } : undefined),
    text,
  }
}

function remember(settings: Settings): Tool<{ text: string }> {
  return defineTool({
    name: `${settings.prefix}_remember`,
    description: 'Keeps a fact in your memory, for later conversations. Gives the id of the record.',
    input: jsonSchema<{ text: string }>({
      type: 'object',
      properties: { text: { type: 'string', minLength: 1, maxLength: 8_000, description: 'The fact, in full sentences.' } },
      required: ['text'],
      additionalProperties: false,
    }),
    effect: 'idempotent',
    execute: ({ text }, context) => keep(settings, context, { kind: 'fact', text }),
  })
}

function update(settings: Settings): Tool<{ id: string; text: string }> {
  return defineTool({
    name: `${settings.prefix}_update`,
    description: 'Corrects a record of your memory: the new text takes its place. Gives the id of the new record.',
    input: jsonSchema<{ id: string; text: string }>({
      type: 'object',
      properties: {
        id: { type: 'string', minLength: 1, maxLength: 1_024, description: 'Id of the record that is wrong or out of date.' },
        text: { type: 'string', minLength: 1, maxLength: 8_000, description: 'What holds from now on, in full.' },
      },
      required: ['id', 'text'],
      additionalProperties: false,
    }),
    effect: 'idempotent',
    execute: ({ id, text }, context) => keep(settings, context, { kind: 'fact', text, supersedes: id }),
  })
}

/** Keeps one entry under an id of the call's own, so that the same call writes it once. */
async function keep(settings: Settings, context: ToolContext, entry: MemoryEntry): Promise<{ id: string }> {
  const whole: MemoryEntry = {
    ...entry,
    id: context.idempotencyKey,
    source: { run: context.runId, agent: context.agent },
    metadata: { [LABELS_FIELD]: settings.labels.join(' ') },
  }
  await bind(settings, context).append([whole], { signal: context.signal })
  return { id: context.idempotencyKey }
}

function forget(settings: Settings, mode: 'soft' | 'erase'): Tool<{ ids: readonly string[] }> {
  return defineTool({
    name: `${settings.prefix}_forget`,
    description:
      'Forgets records of your memory, what they took the place of, and summaries made of them. Gives how many were forgotten.',
    input: jsonSchema<{ ids: readonly string[] }>({
      type: 'object',
      properties: {
        ids: { type: 'array', minItems: 1, maxItems: 100, items: { type: 'string', minLength: 1, maxLength: 1_024 } },
      },
      required: ['ids'],
      additionalProperties: false,
    }),
    effect: 'idempotent',
    async execute({ ids }, context) {
      const handle = bind(settings, context)
      return handle.forget({ ids: await withEarlier(handle, ids, context.signal) }, mode, { signal: context.signal })
    },
  })
}

/** Searching shows no record that was superseded, so a model that forgets a fact could never name what the fact was before. */
async function withEarlier(handle: MemoryHandle, ids: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  const all = new Set(ids)
  for (let next: readonly string[] = ids; next.length > 0;) {
    const records = await handle.get(next, { signal })
    next = records.flatMap(({ supersedes }) => (supersedes === undefined || all.has(supersedes) ? [] : [supersedes]))
    for (const id of next) all.add(id)
  }
  return [...all]
}
