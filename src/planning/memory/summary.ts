import {
  type JsonObject,
  type MemoryEntry,
  type Message,
  type ModelEffect,
  type Recall,
  type RunView,
  answerText,
  modelAnswer,
  systemMessage,
  userMessage,
} from '../../core/index.ts'
import { stopFault } from '../answer.ts'
import { FORM_FIELD, KEYS, valueAt } from './keys.ts'
import type { MemorySettings } from './options.ts'
import { quoted } from './texts.ts'
import { contentText, fitText } from './tokens.ts'
import type { Segment } from './window.ts'

/** A summary of the older part of a session's conversation. */
export interface Summary {
  /** Of its record. */
  readonly id: string
  readonly text: string
  /** The runs of the session that it covers. */
  readonly runs: readonly string[]
  /** The records that it covers. */
  readonly ids: readonly string[]
}

/** Ids that a summary names, the newest: the older ones stand in the summary before it, which it names too. */
const MOST_IDS = 5_000

/** The summary that holds in a run: the one that it made, else the one that it found. */
export function summaryOf(run: RunView): Summary | undefined {
  const made = run.effects.get(KEYS.compact)?.effect
  const entry = made?.kind === 'remember' ? made.entries[0] : foundSummary(run)
  if (entry?.id === undefined) return undefined
  const { runs, ids } = entry.source ?? {}
  return { id: entry.id, text: entry.text, runs: texts(runs), ids: texts(ids) }
}

function foundSummary(run: RunView): MemoryEntry | undefined {
  return (valueAt(run, KEYS.summary) as unknown as Recall | undefined)?.items[0]?.record
}

function texts(value: JsonObject[string] | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

/** What is to be summed up. */
export interface Compaction {
  readonly before: Summary | undefined
  readonly segments: readonly Segment[]
  /** The records that these segments were kept as. */
  readonly ids: readonly string[]
}

/** Asks one of the agent's models for a summary. What it is shown is about as long as the conversation may be. */
export function summarize(memory: MemorySettings, model: string, { before, segments }: Compaction): ModelEffect {
  const messages = segments.flatMap((segment) => segment.messages)
  const most = Math.max(200, Math.floor((Math.min(memory.tokens, 1_000_000) * 4) / Math.max(1, messages.length)))
  const lines = messages.map((message) =>
    quoted({ role: message.role, text: contentText(message).slice(0, most).toWellFormed() }),
  )
  const first = before === undefined ? [] : [quoted({ summary: before.text })]
  return {
    kind: 'model',
    key: KEYS.summarize,
    model,
    messages: [
      systemMessage(memory.texts.summarize(memory.compaction?.tokens ?? 0)),
      userMessage([...first, ...lines].join('\n')),
    ],
  }
}

/** What the model wrote, cut to the length of a summary; nothing where it failed, broke off or said nothing. */
export function writtenSummary(run: RunView, memory: MemorySettings): string | undefined {
  const record = run.effects.get(KEYS.summarize)
  const answer = record === undefined ? undefined : modelAnswer(record)
  if (answer === undefined || stopFault(answer, true) !== undefined) return undefined
  const text = fitText(answerText(answer).trim(), memory.compaction?.tokens ?? 0, memory.count)
  return text === '' ? undefined : text
}

/** A summary without a model: the beginning of what users and the agent said, the oldest left out first. */
export function extract({ before, segments }: Compaction, tokens: number, memory: MemorySettings): string {
  const said = segments.flatMap(({ messages }) => messages.flatMap(beginning))
  const lines = [...(before?.text.split('\n') ?? []), ...said]
  let first = 0
  while (first < lines.length - 1 && memory.count(lines.slice(first).join('\n')) > tokens) first += 1
  return fitText(lines.slice(first).join('\n'), tokens, memory.count)
}

function beginning(message: Message): readonly string[] {
  if (message.role !== 'user' && message.role !== 'assistant') return []
  const text = message.content.map((part) => (part.type === 'text' ? part.text : '')).join(' ')
  const [line = ''] = text.trim().split('\n')
  return line === '' ? [] : [`${message.role}: ${line.length > 160 ? `${line.slice(0, 159).toWellFormed()}…` : line}`]
}

/** The record of a summary. It takes the place of the one before, and names everything that it covers. */
export function summaryEntry(run: RunView, text: string, { before, segments, ids }: Compaction): MemoryEntry {
  const covered = [...(before?.runs ?? []), ...segments.flatMap(({ runId }) => (runId === undefined ? [] : [runId]))]
  // Runs that the session does not load any more need not be known by name.
  const runs = covered.filter((runId) => run.past.some((past) => past.runId === runId))
  const all = [...(before?.ids ?? []), ...ids].slice(-MOST_IDS)
  return {
    id: `${run.id}.summary`,
    kind: 'summary',
    text,
    source: { run: run.id, agent: run.agent, runs, ids: before === undefined ? all : [before.id, ...all] },
    metadata: { [FORM_FIELD]: 'summary' },
    ...(before === undefined ? undefined : { supersedes: before.id }),
  }
}
