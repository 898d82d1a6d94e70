import {
  type JsonObject,
  type MemoryEntry,
  type MemoryFilter,
  type MemoryHandle,
  OpspawnError,
  type Tool,
  type ToolContext,
  defineTool,
  jsonSchema,
} from '../../core/index.ts'
import { FORM_FIELD, LABELS_FIELD, LEVEL_FIELD } from './fields.ts'
import type { Settings } from './options.ts'

/** How often a document is written again that somebody else wrote meanwhile. */
const MOST_TRIES = 5

/** Makes the tool that replaces the document of the working memory; each version supersedes the one before. */
export function workingMemoryTool(settings: Settings, working: NonNullable<Settings['working']>): Tool<{ document: JsonObject }> {
  const { schema, maxLength } = working
  return defineTool({
    name: `working_${settings.prefix}_update`,
    description: 'Replaces your working memory: one document that you are shown in every prompt. Give it in full.',
    input: jsonSchema<{ document: JsonObject }>({
      type: 'object',
      properties: { document: schema },
      required: ['document'],
      additionalProperties: false,
    }),
    effect: 'idempotent',
    async execute({ document }, context) {
      const text = JSON.stringify(document)
      if (text.length > maxLength) {
        throw new OpspawnError(
          'TOOL_INPUT_INVALID',
          `the document is ${text.length} characters of JSON long; at most ${maxLength} are kept. Leave out what matters least`,
          { details: { limit: maxLength } },
        )
      }
      await replace(settings, working.level, context, { document, text })
      return { kept: text.length }
    },
  })
}

async function replace(
  { memory, labels }: Settings,
  level: 'session' | 'agent',
  { tenant, agent, session, runId, idempotencyKey: id, signal }: ToolContext,
  { document, text }: { readonly document: JsonObject; readonly text: string },
): Promise<void> {
  const isShared = level === 'agent' || session === undefined
  const handle = memory.bind(isShared ? { tenant, agent } : { tenant, agent, session })
  for (let tries = 1; ; tries += 1) {
    // The same call was made before: what it wrote may have been replaced since then, and must not come back.
    if ((await handle.get([id], { signal })).length > 0) return
    const before = await current(handle, level, signal)
    const entry: MemoryEntry = {
      id,
      kind: 'fact',
      text,
      content: document,
      source: { run: runId, agent },
      metadata: { [FORM_FIELD]: 'working', [LEVEL_FIELD]: level, [LABELS_FIELD]: labels.join(' ') },
      ...(before === undefined ? undefined : { supersedes: before }),
    }
    try {
      await handle.append([entry], { signal })
      return
    } catch (error) {
      if (!OpspawnError.is(error, 'MEMORY_CONFLICT') || tries >= MOST_TRIES) throw error
    }
  }
}

async function current(handle: MemoryHandle, level: string, signal: AbortSignal): Promise<string | undefined> {
  const filter: MemoryFilter = {
    op: 'and',
    filters: [
      { op: 'eq', field: `metadata.${FORM_FIELD}`, value: 'working' },
      { op: 'eq', field: `metadata.${LEVEL_FIELD}`, value: level },
    ],
  }
  const found = await handle.recall('', { filter, budget: { items: 1, tokens: 100_000 }, signal })
  return found.items[0]?.record.id
}
