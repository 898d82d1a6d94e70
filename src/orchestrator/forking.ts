// A new run that takes the history of another one along, up to a point.
import {
  type ForkOptions,
  type Json,
  type JsonObject,
  type NewRun,
  OpspawnError,
  type RunEvent,
  type RunOrigin,
  toJson,
} from '../core/index.ts'
import { requireCaller } from './checks/caller.ts'
import { requireLimits } from './checks/limits.ts'
import { requireShape, type Shape } from './checks/shape.ts'
import type { ReadyAgent } from './definition.ts'
import type { Engine } from './engine.ts'
import { gatesOf } from './gates.ts'
import { checkInput } from './perform-run.ts'
import { requireReady, requireTexts } from './prepare-run.ts'
import { agentsBelow, requirePrices, tightenLimits } from './spending.ts'
import { takenAlong } from './taken-along.ts'

const OPTIONS: Shape = {
  afterSeq: 'count?',
  input: 'any?',
  agent: 'any?',
  repeatUnknown: 'flag?',
  runId: 'text?',
  caller: 'object?',
  limits: 'any?',
  idempotencyKey: 'text?',
  dueAt: 'number?',
  priority: 'number?',
  metadata: 'object?',
  signal: 'object?',
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * Checks a fork and makes the run of it.
 *
 * @throws OpspawnError see `Orchestrator.fork`
 */
export async function prepareFork(engine: Engine, runId: string, options: ForkOptions, ids: () => string): Promise<NewRun> {
  requireShape('fork', options, OPTIONS)
  requireTexts('fork', options)
  const events = await engine.store.read(runId, 1, undefined, { signal: options.signal })
  const first = events[0]
  if (first?.type !== 'run-start') throw new OpspawnError('STORE_FAILED', `the history of run ${runId} has no beginning`)
  const ready = requireReady(engine, options.agent ?? first.origin.agent)
  const { seq, history } = takenAlong(events, cutOf(runId, events, options, ready), options.repeatUnknown === true)
  const origin = await forkedOrigin(engine, ready, first.origin, options, ids)
  const run: Writable<NewRun> = { origin: { ...origin, forkOf: { runId, seq } } }
  if (history.length > 0) run.history = history
  if (options.idempotencyKey !== undefined) run.idempotencyKey = options.idempotencyKey
  if (options.dueAt !== undefined) run.dueAt = options.dueAt
  if (options.priority !== undefined) run.priority = options.priority
  return run
}

/** How much is taken along: what was asked for, or all before what failed. */
function cutOf(runId: string, events: readonly RunEvent[], options: ForkOptions, ready: ReadyAgent): number | undefined {
  const { afterSeq = options.input === undefined ? undefined : 1 } = options
  if (afterSeq === undefined) {
    requireUndone(runId, events)
    // What a run keeps in a memory at its end is no work of its own: what comes before it is done once more.
    const decided = events.findLast(
      (event) => event.type === 'decision' && event.effects.some((effect) => effect.kind !== 'remember'),
    )
    if (decided === undefined) return 1
    const ends = events.slice(decided.seq).filter((event) => event.type === 'effect-end')
    if (!wasDecided(events) || ends.some(({ outcome }) => outcome.status !== 'completed')) return undefined
    // Nothing is left to be asked anew: the last decision is made once more.
    if (ready.planner.reactive !== true) return decided.seq - 1
    throw new OpspawnError(
      'OPTIONS_INVALID',
      `fork: no effect of run ${runId} failed after its last decision, so say with afterSeq what is to be taken along`,
    )
  }
  if (afterSeq <= events.length) return afterSeq
  throw new OpspawnError(
    'OPTIONS_INVALID',
    `fork: afterSeq is ${afterSeq}, but the last event of run ${runId} is ${events.length}`,
  )
}

/** What was made good is not there any more, though the history says that it was done. */
function requireUndone(runId: string, events: readonly RunEvent[]): void {
  const end = events.at(-1)
  if (end?.type !== 'run-end' || end.outcome.status === 'completed') return
  const { code, details } = end.outcome.error
  const compensation = (details as { readonly compensation?: Json } | undefined)?.compensation
  if ((code !== 'RUN_CANCELLED' && code !== 'RUN_TIMEOUT') || typeof compensation !== 'string') return
  throw new OpspawnError(
    'OPTIONS_INVALID',
    `fork: what run ${runId} did is made good by run ${compensation}, so it cannot be gone on from: begin anew with afterSeq: 1, or say with afterSeq what still holds`,
  )
}

/** Whether the run's end was its planner's word, so that the same planner would say so again. */
function wasDecided(events: readonly RunEvent[]): boolean {
  const end = events.at(-1)
  if (end?.type !== 'run-end') return false
  return end.outcome.status === 'completed' || !ENDED_BY_ENGINE.includes(end.outcome.error.code)
}

const ENDED_BY_ENGINE: readonly string[] = [
  'BUDGET_EXCEEDED',
  'INTERNAL',
  'PLANNER_DECISION_INVALID',
  'PLANNER_FAILED',
  'PLANNER_STALLED',
  'RUN_CANCELLED',
  'RUN_TIMEOUT',
]

async function forkedOrigin(
  engine: Engine,
  ready: ReadyAgent,
  forked: RunOrigin,
  options: ForkOptions,
  ids: () => string,
): Promise<RunOrigin> {
  const { agent, hash } = ready
  const { parent: _, continues: _continues, gates: _gates, compensates, ...old } = forked
  const gates = gatesOf(agent, old.tenant, old.session)
  if (options.limits !== undefined) requireLimits('fork', options.limits)
  const limits = tightenLimits(agent.limits, options.limits ?? old.limits)
  requirePrices(`the run of agent "${agent.name}"`, limits, agentsBelow(agent, engine.agents), engine.prices)
  const { runId = ids(), input, metadata } = options
  const given = input === undefined ? old.input : toJson(input, limits.payload === undefined ? {} : { maxSize: limits.payload })
  // What the schema made of the input is on record already.
  const isChecked = input === undefined && agent.name === old.agent
  const origin: Writable<RunOrigin> = {
    ...old,
    ...givenCaller(options),
    runId,
    agent: agent.name,
    definition: hash,
    input: isChecked ? given : await checkInput(ready, given),
    rootId: runId,
    depth: 0,
    limits,
    ...(gates === undefined ? undefined : { gates }),
  }
  // With another input, or by another agent, it is an ordinary run.
  if (isChecked && compensates !== undefined) origin.compensates = compensates
  if (metadata !== undefined) origin.metadata = toJson(metadata) as JsonObject
  return origin
}

/** In the place of the other run's. */
function givenCaller({ caller }: ForkOptions): Pick<RunOrigin, 'caller'> {
  return caller === undefined ? {} : { caller: requireCaller('fork', caller) }
}
