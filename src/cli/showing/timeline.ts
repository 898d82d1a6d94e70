import {
  type EffectRecord,
  foldHistory,
  modelAnswer,
  type Outcome,
  type RunEvent,
  type RunRecord,
  type RunView,
} from '../../core/index.ts'
import type { LocalOptions } from '../../index.ts'
import { effectText, outcomeText } from './event-text.ts'
import { oneLine } from '../terminal/visible.ts'

/** One effect of a run, for people and programs. */
export interface Step {
  readonly key: string
  readonly kind: EffectRecord['effect']['kind']
  readonly what: string
  /** `open` until it settles; `approval` while a person is asked. */
  readonly status: Outcome['status'] | 'open' | 'approval'
  /** Executions so far; 0 where none began. */
  readonly attempts: number
  /** Epoch milliseconds at which it was asked for. */
  readonly askedAt: number
  /** Epoch milliseconds at which it settled. */
  readonly endedAt?: number
  /** Of the last execution. */
  readonly durationMs?: number
  readonly inputTokens?: number
  readonly outputTokens?: number
  /** By the prices of the configuration. */
  readonly cost?: number
  /** What the rules said of it that are only tried. */
  readonly dryRun?: { readonly verdict: 'ask' | 'deny'; readonly rule: string }
  /** What it came to, in a few words. */
  readonly result?: string
}

/** A view of a history that needs no definition. */
export function viewOf(events: readonly RunEvent[]): RunView {
  return foldHistory({ tools: [], models: [], memories: [] }, events)
}

/** The effects of a run in the order asked for. */
export function stepsOf(events: readonly RunEvent[], prices: LocalOptions['prices'] = {}): readonly Step[] {
  const asked = new Map<string, number>()
  const ended = new Map<string, { readonly at: number; readonly durationMs: number }>()
  const tried = new Map<string, Pick<Step, 'dryRun'>>()
  for (const event of events) {
    if (event.type === 'policy-verdict' && event.dryRun === true)
      tried.set(event.key, { dryRun: { verdict: event.verdict, rule: event.rule } })
    if (event.type === 'decision') for (const { key } of event.effects) asked.set(key, event.at)
    if (event.type === 'effect-end') ended.set(event.key, event)
  }
  return [...viewOf(events).effects.values()].map((record) => {
    const { effect, outcome, approval } = record
    const end = ended.get(effect.key)
    const wasMade = record.started || (outcome !== undefined && outcome.status !== 'denied' && effect.kind !== 'wait')
    return {
      key: effect.key,
      kind: effect.kind,
      what: record.routed === undefined ? effectText(effect) : `${effectText(effect)} as ${oneLine(record.routed.tool)}`,
      status: outcome?.status ?? (approval === 'requested' ? 'approval' : 'open'),
      attempts: record.failures + (wasMade ? 1 : 0),
      askedAt: asked.get(effect.key) ?? 0,
      ...(end === undefined ? undefined : { endedAt: end.at, durationMs: end.durationMs }),
      ...tokensOf(record, prices),
      ...tried.get(effect.key),
      ...(outcome === undefined ? undefined : { result: outcomeText(outcome) }),
    }
  })
}

function tokensOf(record: EffectRecord, prices: NonNullable<LocalOptions['prices']>): Partial<Step> | undefined {
  const answer = modelAnswer(record)
  if (answer === undefined) return undefined
  const { input, output, cacheRead = 0 } = answer.usage
  const { provider = '', modelId = '' } = answer
  const name = [`${provider}/${modelId}`, modelId, '*'].find((candidate) => Object.hasOwn(prices, candidate))
  const price = name === undefined ? undefined : prices[name]
  const counted = {
    ...(input === undefined ? undefined : { inputTokens: input }),
    ...(output === undefined ? undefined : { outputTokens: output }),
  }
  if (price === undefined || input === undefined || output === undefined) return counted
  const cached = Math.min(cacheRead, input)
  const cost = ((input - cached) * price.input + cached * (price.cacheRead ?? price.input) + output * price.output) / 1_000_000
  return { ...counted, cost }
}

/** A run as commands print it. Times are epoch milliseconds. */
export interface RunSummary {
  readonly runId: string
  readonly agent: string
  /** That it is pinned to. */
  readonly definition: string
  readonly status: RunRecord['status']
  readonly tenant: string
  readonly session?: string
  /** Who is behind it. */
  readonly caller?: RunRecord['caller']
  readonly parent?: RunRecord['parent']
  readonly rootId: string
  readonly forkOf?: RunRecord['forkOf']
  readonly createdAt: number
  readonly updatedAt: number
  readonly dueAt?: number
  /** That it waits at. */
  readonly gate?: string
  readonly deliveries: number
  readonly seq: number
  /** Of the run with all its children. */
  readonly used: RunRecord['spending']['used']
  readonly outcome?: RunRecord['outcome']
  /** The run in whose place it goes on. */
  readonly continues?: string
  /** The run that goes on in its place. */
  readonly successor?: string
  /** The run that it makes good; the `details` of that one's error name this one. */
  readonly compensates?: string
}

/** What a run came to. */
export interface RunResult extends RunSummary {
  /** From its acceptance to its last change, in milliseconds. */
  readonly durationMs: number
}

/** The part of a record that commands print. */
export function summaryOf(record: RunRecord): RunSummary {
  const { runId, agent, definition, status, tenant, session, caller, parent, rootId, forkOf, continues, successor, compensates } =
    record
  const { createdAt, updatedAt, dueAt, gate, deliveries, seq, outcome } = record
  return {
    runId,
    agent,
    definition,
    status,
    tenant,
    ...(session === undefined ? undefined : { session }),
    ...(caller === undefined ? undefined : { caller }),
    ...(parent === undefined ? undefined : { parent }),
    rootId,
    ...(forkOf === undefined ? undefined : { forkOf }),
    createdAt,
    updatedAt,
    ...(dueAt === undefined ? undefined : { dueAt }),
    ...(gate === undefined ? undefined : { gate }),
    deliveries,
    seq,
    used: record.spending.used,
    ...(outcome === undefined ? undefined : { outcome }),
    ...(continues === undefined ? undefined : { continues }),
    ...(successor === undefined ? undefined : { successor }),
    ...(compensates === undefined ? undefined : { compensates }),
  }
}
