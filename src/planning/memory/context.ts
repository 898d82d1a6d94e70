import { type Message, type Recall, type RunView, userMessage } from '../../core/index.ts'
import { KEYS, answerId, inputId, valueAt } from './keys.ts'
import type { MemorySettings } from './options.ts'
import { type Summary, summaryOf } from './summary.ts'
import type { MemoryBlock, RecalledText } from './texts.ts'
import { fitText } from './tokens.ts'
import { type Segment, conversationOf, newest } from './window.ts'

/** What stands between instructions and input. */
export interface Context {
  /** System messages that the conversation had. */
  readonly system: readonly Message[]
  /** The newest part of the conversation. */
  readonly shown: readonly Segment[]
  /** What is older and summed up nowhere. */
  readonly dropped: readonly Segment[]
  /** What is remembered, as one message. */
  readonly block: Message | undefined
  /** Tokens that the conversation may take. */
  readonly room: number
}

/** Whether the past is bounded in this run: its agent has a memory, or its planner was told how much to show. */
export function hasContext(run: RunView, memory: MemorySettings | undefined): memory is MemorySettings {
  return memory !== undefined && (run.memories.length > 0 || memory.isBounded)
}

/** The messages between the instructions and the input: the conversation as it is, or what there is room for. */
export function pastMessages(run: RunView, memory: MemorySettings | undefined): readonly Message[] {
  if (!hasContext(run, memory)) return run.messages
  const { system, shown, block } = contextOf(run, memory)
  return [...system, ...shown.flatMap(({ messages }) => messages), ...(block === undefined ? [] : [block])]
}

/**
 * Shares the budget out: working memory and summary first, then what was recalled, the newest part of the conversation has
 * the rest. Follows from the history alone.
 */
export function contextOf(run: RunView, memory: MemorySettings): Context {
  const { system, segments } = conversationOf(run)
  const summary = summaryOf(run)
  const covered = new Set(summary?.runs)
  const open = segments.filter(({ runId }) => runId === undefined || !covered.has(runId))
  const all = run.messages.length - system.length
  // As long as it can get: what is left out in the end is told with no more digits.
  const widest = blockWithin(run, memory, { ...partsOf(run, memory, summary), leftOut: all })
  const reserved = reserveFor(run, memory, summary)
  const room = Math.max(0, memory.tokens - (widest === undefined ? 0 : memory.count(widest.text)) - reserved)
  const first = newest(open, room, memory.count)
  const shown = open.slice(first)
  const leftOut = all - shown.reduce((sum, { messages }) => sum + messages.length, 0)
  const recalled = notShown(widest?.parts.recalled ?? [], run, shown)
  const block = widest === undefined ? undefined : blockWithin(run, memory, { ...widest.parts, recalled, leftOut })
  const message = block === undefined ? undefined : userMessage(block.text)
  return { system, shown, dropped: open.slice(0, first), block: message, room }
}

/** What a summary that is still to be written may take more than the present one: the room is the same before and after. */
function reserveFor(run: RunView, { compaction, count }: MemorySettings, summary: Summary | undefined): number {
  if (compaction === undefined || run.past.length === 0 || run.memories.length === 0) return 0
  return Math.max(0, compaction.tokens - (summary === undefined ? 0 : count(summary.text)))
}

function partsOf(run: RunView, memory: MemorySettings, summary: Summary | undefined): MemoryBlock {
  const working = recalledAt(run, KEYS.working)[0]
  return {
    ...(working === undefined || memory.working === undefined
      ? undefined
      : { working: fitText(working.text, memory.working.tokens, memory.count) }),
    ...(summary === undefined ? undefined : { summary: summary.text }),
    leftOut: 0,
    recalled: recalledAt(run, KEYS.recall),
    problems: problemsOf(run),
  }
}

interface Block {
  readonly parts: MemoryBlock
  readonly text: string
}

/** The block within the whole budget: what was recalled last goes first, then the block as a whole. */
function blockWithin(run: RunView, memory: MemorySettings, wanted: MemoryBlock): Block | undefined {
  let parts = wanted
  while (!isEmpty(parts)) {
    const text = memory.texts.block(parts)
    if (text.trim() === '') return undefined
    if (memory.count(text) <= memory.tokens) return { parts, text }
    if (parts.recalled.length === 0) return undefined
    parts = { ...parts, recalled: parts.recalled.slice(0, -1) }
  }
  return undefined
}

function isEmpty({ working, summary, leftOut, recalled, problems }: MemoryBlock): boolean {
  return working === undefined && summary === undefined && leftOut === 0 && recalled.length === 0 && problems.length === 0
}

/** Without what the model reads in the conversation itself. */
function notShown(recalled: readonly RecalledText[], run: RunView, shown: readonly Segment[]): readonly RecalledText[] {
  const ids = new Set(shown.flatMap(({ runId }) => (runId === undefined ? [] : turnIds(run, runId))))
  return recalled.filter(({ id }) => !ids.has(id))
}

/** The ids under which an earlier run may have kept what was said. */
export function turnIds(run: RunView, runId: string): readonly string[] {
  const refusals = Math.min(run.limits.repairs, 10)
  return [inputId(runId), ...Array.from({ length: refusals + 1 }, (_, refused) => answerId(runId, refused))]
}

function recalledAt(run: RunView, key: string): readonly RecalledText[] {
  const found = valueAt(run, key) as unknown as Recall | undefined
  return (found?.items ?? []).map(({ record }) => {
    const { id, kind, role, text, source, occurredAt, createdAt } = record
    const at = isoTime(occurredAt ?? createdAt)
    return {
      id,
      kind,
      ...(role === undefined ? undefined : { role }),
      ...(at === undefined ? undefined : { at }),
      ...(kind === 'document' && source !== undefined ? { source } : undefined),
      text,
    }
  })
}

function isoTime(ms: unknown): string | undefined {
  return typeof ms === 'number' && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : undefined
}

/** What went wrong while looking: effects that failed, and ways of searching that a memory had to leave out. */
function problemsOf(run: RunView): readonly string[] {
  const problems = [KEYS.recall, KEYS.working, KEYS.summary].flatMap((key) => {
    const outcome = run.effects.get(key)?.outcome
    if (outcome === undefined) return []
    if (outcome.status !== 'completed') return [outcome.error.code]
    const { degraded } = outcome.value as unknown as Recall
    return Array.isArray(degraded) ? degraded.map((leg) => `no search by ${String(leg)}`) : []
  })
  return [...new Set(problems)]
}
