import { DEFAULT_LIMITS, type RunLimits, type RunUsage } from './budget.ts'
import { type Effect, type EffectRecord, modelAnswer, type Outcome } from './effect.ts'
import { OpspawnError } from './errors.ts'
import type { RunEvent } from './event.ts'
import type { Failure } from './failure.ts'
import type { Json, JsonObject } from './json.ts'
import type { Message } from './message.ts'
import type { ModelAnswer, TokenUsage } from './model.ts'
import type { RunOrigin, RunOutcome, SessionRun } from './run.ts'
import type { Issue } from './schema.ts'
import type { Signal } from './store.ts'
import type { ToolEffectClass, ToolLabel } from './tool.ts'

/** A tool as a planner sees it: an ordinary one, or another agent that runs as a child. */
export interface OfferedTool {
  /** The registered name, used in effects. */
  readonly name: string
  /** The name that models see: dots become `_`. */
  readonly alias: string
  /** What it does, as models are told. */
  readonly description: string
  /** JSON Schema of the arguments. */
  readonly inputSchema: JsonObject
  /** `idempotent` for an agent. */
  readonly effect: ToolEffectClass
  /** Empty for an agent. */
  readonly labels: readonly ToolLabel[]
  /**
   * Set when calling it starts a child run: a handoff's output is the whole run's output; with `text` the child takes the
   * text of `input.input`.
   *
   * @property agent Name of the other agent.
   * @property handoff It takes over.
   * @property text It takes a text and not data.
   */
  readonly delegate?: { readonly agent: string; readonly handoff: boolean; readonly text: boolean }
}

/** The part of a definition that planners see; the rest of a view comes from the history. */
export interface RunDefinition {
  /** The system prompt of the agent; planners put it before the rest. */
  readonly instructions?: string | undefined
  /** After policy: what this agent may never use is not here. */
  readonly tools: readonly OfferedTool[]
  /** Names of the agent's models. */
  readonly models: readonly string[]
  /** Names of the agent's memories, the default one first. */
  readonly memories: readonly string[]
  /** JSON Schema that the output must fit. */
  readonly output?: JsonObject | undefined
}

/**
 * An output that did not fit the schema.
 *
 * @property output What the planner finished with.
 * @property issues Why it did not fit.
 */
export type RejectedOutput = { readonly output: Json; readonly issues: readonly Issue[] }

/**
 * A run as its history tells it: everything a planner may know. The arrays and maps grow as the history does and must
 * not be changed by readers.
 *
 * @property open Effects asked for and not settled.
 * @property decisions Decisions that asked for effects, so far.
 * @property now Recorded time of the last event (epoch milliseconds of the store's clock): the only clock a planner has.
 * @property seq Sequence number of the last event.
 * @property id The run's.
 * @property agent Name of the agent.
 * @property tenant Whose run it is.
 * @property session If it belongs to one.
 * @property compensates The run that it makes good, if that is what it is for; see `compensate` of planners.
 * @property cancelReason Why the run is to be cancelled, once somebody asked.
 */
export interface RunView
  extends
    RunDefinition,
    Readonly<Record<'open' | 'decisions' | 'now' | 'seq', number>>,
    Readonly<Record<'id' | 'agent' | 'tenant', string>>,
    Readonly<Record<'session' | 'compensates' | 'cancelReason', string | undefined>> {
  /** What the run was started with. */
  readonly input: Json
  /** Conversation before the input. */
  readonly messages: readonly Message[]
  /** The runs of the session that the first of these messages come from, oldest first; known to agents with a memory. */
  readonly past: readonly SessionRun[]
  /** With the defaults filled in. */
  readonly limits: RunLimits & typeof DEFAULT_LIMITS
  /** Every effect by its key, in the order asked for. */
  readonly effects: ReadonlyMap<string, EffectRecord>
  /** The settled ones, in the order in which they settled. */
  readonly settled: readonly EffectRecord[]
  /** The effects of the last decision that asked for any. */
  readonly latest: readonly EffectRecord[]
  /** The planner's own state, as its last decision left it. */
  readonly state: Json | undefined
  /** Outputs that did not fit, oldest first. When the last decision was one of them, `rejectedNow` holds. */
  readonly rejected: readonly RejectedOutput[]
  /** The last decision was a `finish` whose output did not fit. */
  readonly rejectedNow: boolean
  /** Of this run, without its children. */
  readonly usage: RunUsage
  /** Labels of the data that the run has seen. */
  readonly labels: ReadonlySet<string>
  /** Signals that wait to be consumed, in order of arrival. */
  readonly signals: readonly Signal[]
  /** It is to be cancelled because its time is up. */
  readonly timedOut: boolean
  /** Once the run has ended. */
  readonly outcome: RunOutcome | undefined
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }
type RecordInWork = Writable<EffectRecord>

/** A view while it is being folded. */
interface ViewInWork extends Writable<
  Omit<RunView, 'effects' | 'settled' | 'latest' | 'rejected' | 'labels' | 'signals' | 'usage'>
> {
  readonly effects: Map<string, RecordInWork>
  readonly settled: RecordInWork[]
  latest: RecordInWork[]
  readonly rejected: RejectedOutput[]
  readonly labels: Set<string>
  readonly signals: Signal[]
  readonly usage: Writable<RunUsage>
}

/** What a run has done before its first event. */
const NOTHING_YET = { past: [], open: 0, decisions: 0, rejectedNow: false, timedOut: false, now: 0, seq: 0 }
const NOTHING_SAID = { state: undefined, cancelReason: undefined, outcome: undefined }

/** The view of a run of which nothing is known but its first event. */
export function createView(definition: RunDefinition, origin: RunOrigin): RunView {
  const { runId, agent, tenant, session, compensates, input, messages = [], limits, labels } = origin
  return {
    ...definition,
    ...NOTHING_YET,
    ...NOTHING_SAID,
    id: runId,
    agent,
    tenant,
    session,
    compensates,
    input,
    messages,
    limits: { ...DEFAULT_LIMITS, ...limits },
    effects: new Map(),
    settled: [],
    latest: [],
    rejected: [],
    usage: { modelCalls: 0, toolCalls: 0, inputTokens: 0, outputTokens: 0, unreported: 0 },
    labels: new Set(labels),
    signals: [],
  } satisfies ViewInWork
}

/**
 * Folds a history into a view; unknown event types are passed over.
 *
 * @throws OpspawnError `OPTIONS_INVALID` for what is no list that begins with a `run-start`
 */
export function foldHistory(definition: RunDefinition, events: readonly RunEvent[]): RunView {
  const first = (events as readonly RunEvent[] | null | undefined)?.[0]
  if (first?.type !== 'run-start') throw new OpspawnError('OPTIONS_INVALID', 'a history begins with a run-start event')
  const view = createView(definition, first.origin)
  for (const event of events) applyEvent(view, event)
  return view
}

/** Brings a view forward by one event, in place and in constant time. */
export function applyEvent(target: RunView, event: RunEvent): void {
  const view = target as ViewInWork
  view.seq = event.seq
  view.now = event.at
  if ('key' in event) changeEffect(view, view.effects.get(event.key), event)
  else if (event.type === 'decision') takeDecision(view, event)
  else if (event.type === 'session-load') takePast(view, event)
  else if (event.type === 'signal') {
    // What people ask of the engine is no concern of planners.
    if (!event.name.startsWith('opspawn.')) view.signals.push({ id: event.id, name: event.name, payload: event.payload })
  } else if (event.type === 'cancel-request') {
    if (view.cancelReason === undefined) view.timedOut = event.timeout === true
    view.cancelReason ??= event.reason
  } else if (event.type === 'output-reject') {
    view.rejected.push({ output: event.output, issues: event.issues })
    view.rejectedNow = true
  } else if (event.type === 'run-end') view.outcome = event.outcome
}

function takeDecision(view: ViewInWork, event: RunEvent & { type: 'decision' }): void {
  view.decisions += 1
  view.rejectedNow = false
  if (event.state !== undefined) view.state = event.state
  view.latest = event.effects.map((effect) => openEffect(view, effect, event))
}

function takePast(view: ViewInWork, { messages, labels, runs = [] }: RunEvent & { type: 'session-load' }): void {
  view.messages = [...messages, ...view.messages]
  view.past = runs
  addLabels(view, labels)
}

function openEffect(view: ViewInWork, effect: Effect, event: RunEvent & { type: 'decision' }): RecordInWork {
  const record: RecordInWork = {
    effect,
    outcome: undefined,
    failures: 0,
    started: false,
    approval: undefined,
    dueAt: undefined,
    reserved: event.reserved?.find(({ key }) => key === effect.key)?.amounts,
    argumentsHash: undefined,
  }
  if (effect.kind === 'wait') {
    const ms = effect.for.type === 'time' ? effect.for.ms : effect.for.deadlineMs
    if (ms !== undefined) record.dueAt = event.at + ms
  }
  view.effects.set(effect.key, record)
  view.open += 1
  return record
}

function addLabels(view: ViewInWork, labels: readonly string[] | undefined): void {
  if (labels !== undefined) for (const label of labels) view.labels.add(label)
}

function changeEffect(view: ViewInWork, record: RecordInWork | undefined, event: RunEvent & { readonly key: string }): void {
  if (record === undefined) return
  if (event.type === 'effect-end') {
    if (record.outcome === undefined) settleEffect(view, record, event.outcome, event.labels)
  } else if (event.type === 'effect-start') {
    record.started = true
  } else if (event.type === 'effect-retry') {
    record.failures = event.attempt
    record.started = false
    record.dueAt = event.dueAt
  } else if (event.type === 'approval-request') {
    record.approval = 'requested'
    record.argumentsHash = event.hash
    record.dueAt = event.expiresAt
  } else if (event.type === 'effect-route') {
    record.routed = { tool: event.tool, hash: event.hash }
  } else if (event.type === 'approval-response') {
    record.dueAt = undefined
    if (event.approved) record.approval = 'approved'
  }
}

function settleEffect(view: ViewInWork, record: RecordInWork, outcome: Outcome, labels?: readonly string[]): void {
  record.outcome = outcome
  record.dueAt = undefined
  view.open -= 1
  view.settled.push(record)
  addLabels(view, labels)
  const { effect } = record
  if (effect.kind === 'tool') view.usage.toolCalls += 1
  else if (effect.kind === 'model') {
    // One that found no budget was never made.
    if ((outcome as { error?: Failure }).error?.code !== 'BUDGET_EXCEEDED') countModelCall(view.usage, modelAnswer(record))
  } else if (effect.kind === 'wait' && effect.for.type === 'signal' && outcome.status === 'completed') {
    const { name } = effect.for
    const index = view.signals.findIndex((signal) => signal.name === name)
    if (index >= 0) view.signals.splice(index, 1)
  }
}

function countModelCall(usage: Writable<RunUsage>, answer: ModelAnswer | undefined): void {
  const { input, output }: TokenUsage = answer?.usage ?? {}
  usage.modelCalls += 1
  usage.inputTokens += input ?? 0
  usage.outputTokens += output ?? 0
  if (input === undefined || output === undefined) usage.unreported += 1
}
