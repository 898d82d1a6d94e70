import type { Decision, MemoryFilter, RecallEffect, RunView } from '../../core/index.ts'
import { act } from '../decision.ts'
import { contextOf, turnIds } from './context.ts'
import { FORM_FIELD, KEYS, LEVEL_FIELD, valueAt } from './keys.ts'
import type { MemorySettings } from './options.ts'
import { type Compaction, extract, summarize, summaryEntry, summaryOf, writtenSummary } from './summary.ts'
import { conversationOf, newest } from './window.ts'

/** Longest text that is looked for, in characters. */
const QUERY_LENGTH = 4_000

/** What is to be done before the first model call, one decision after the other; nothing when all is done. */
export function prelude(run: RunView, memory: MemorySettings): Decision | undefined {
  const last = run.latest[0]?.effect.key
  if (last === undefined) {
    const effects = recalls(run, memory)
    if (effects.length > 0) return { type: 'act', effects }
  }
  if (last === KEYS.compact || memory.compaction === undefined) return undefined
  const compaction = whatToCompact(run, memory)
  if (compaction === undefined) return undefined
  const { model, tokens } = memory.compaction
  if (model !== undefined && last !== KEYS.summarize) return act(summarize(memory, model, compaction))
  // What the model failed to write is not made up for: the summary before holds, and the history says why.
  const text = model === undefined ? extract(compaction, tokens, memory) : writtenSummary(run, memory)
  if (text === undefined || text === '') return undefined
  return act({ kind: 'remember', key: KEYS.compact, ...named(memory), entries: [summaryEntry(run, text, compaction)] })
}

/** The questions to the memory: what fits the input, the working memory, the summary of the session. */
function recalls(run: RunView, memory: MemorySettings): readonly RecallEffect[] {
  const { recall, working, compaction } = memory
  const effects: RecallEffect[] = []
  if (recall !== undefined) {
    const { tokens, items, across } = recall
    effects.push({
      kind: 'recall',
      key: KEYS.recall,
      ...named(memory),
      query: queryOf(run),
      budget: { tokens, items },
      ...(across.length === 0 ? undefined : { across }),
      filter: ordinary(shownAnyway(run, memory)),
    })
  }
  if (working !== undefined) effects.push(latest(memory, KEYS.working, form('working', working.level), working.level === 'agent'))
  if (compaction !== undefined && run.past.length > 0) effects.push(latest(memory, KEYS.summary, form('summary'), false))
  return effects
}

function queryOf({ input }: RunView): string {
  const text = typeof input === 'string' ? input : JSON.stringify(input)
  return text.slice(0, QUERY_LENGTH).toWellFormed()
}

/** The latest record of a form. It may take what it needs: the planner cuts it to its place in the prompt. */
function latest(memory: MemorySettings, key: string, filter: MemoryFilter, isAcross: boolean): RecallEffect {
  const budget = { items: 1, tokens: 100_000 }
  return { kind: 'recall', key, ...named(memory), query: '', budget, filter, ...(isAcross ? { across: ['session'] } : undefined) }
}

function named({ name }: MemorySettings): { readonly memory?: string } {
  return name === undefined ? {} : { memory: name }
}

function form(value: string, level?: string): MemoryFilter {
  const is: MemoryFilter = { op: 'eq', field: `metadata.${FORM_FIELD}`, value }
  return level === undefined ? is : { op: 'and', filters: [is, { op: 'eq', field: `metadata.${LEVEL_FIELD}`, value: level }] }
}

/** Neither working memory nor summaries of a conversation, nor what the model is shown in any case. */
function ordinary(shown: readonly string[]): MemoryFilter {
  const plain: MemoryFilter = { op: 'not', filter: { op: 'exists', field: `metadata.${FORM_FIELD}` } }
  if (shown.length === 0) return plain
  return { op: 'and', filters: [plain, { op: 'not', filter: { op: 'in', field: 'id', values: shown } }] }
}

/** Ids of what the newest half of the conversation was kept as: no summary ever covers it. */
function shownAnyway(run: RunView, memory: MemorySettings): readonly string[] {
  if (run.past.length === 0) return []
  const { recall, working, compaction, tokens } = memory
  const rest = tokens - (recall?.tokens ?? 0) - (working?.tokens ?? 0) - (compaction?.tokens ?? 0)
  const { segments } = conversationOf(run)
  const shown = segments.slice(newest(segments, rest / 2, memory.count))
  return shown.flatMap(({ runId }) => (runId === undefined ? [] : turnIds(run, runId)))
}

/**
 * The older part of the session's conversation, once it does not fit any more: all but the newest half of the room, so that
 * the next runs have nothing to sum up.
 */
function whatToCompact(run: RunView, memory: MemorySettings): Compaction | undefined {
  // Without an answer nobody knows what is summed up already.
  if (valueAt(run, KEYS.summary) === undefined) return undefined
  const { shown, dropped, room } = contextOf(run, memory)
  if (!dropped.some(({ runId }) => runId !== undefined)) return undefined
  const kept = newest(shown, room / 2, memory.count)
  const segments = [...dropped, ...shown.slice(0, kept)].filter(({ runId }) => runId !== undefined)
  const ids = segments.flatMap(({ runId }) => (runId === undefined ? [] : turnIds(run, runId)))
  return { before: summaryOf(run), segments, ids }
}
