import {
  assistantMessage,
  type Json,
  type Message,
  modelAnswer,
  type NewRun,
  OpspawnError,
  type Outcome,
  promptOf,
  type RunEffect,
  type RunOrigin,
  type RunOutcome,
  type RunRecord,
  type RunView,
  type Signal,
  toFailure,
  toJson,
  type Validation,
} from '../core/index.ts'
import { requireApproved } from './approved.ts'
import type { ReadyAgent } from './definition.ts'
import { CANCEL, CHILD_END, type Engine } from './engine.ts'
import type { Execution, Performed } from './execution.ts'
import { gatesOf } from './gates.ts'
import { currentRecord } from './look-up.ts'
import type { RunContext } from './run-context.ts'
import { idempotencyKey } from './perform-tool.ts'
import { describeIssues } from './schema.ts'
import { childLimits } from './spending.ts'
import { taskPath } from './task-path.ts'

/**
 * Starts a child run. Its id follows from the parent's and the effect's key, so a second try finds the first one's child.
 * The outcome comes back as a signal in the transaction that ends the child.
 *
 * @throws OpspawnError `AGENT_UNKNOWN`, `INPUT_INVALID`, `BUDGET_EXCEEDED` for too deep a tree, `QUEUE_FULL`
 */
export async function performRun(context: RunContext, effect: RunEffect, execution: Execution): Promise<Performed> {
  const { engine, origin, view } = context
  const ready = engine.agents.get(effect.agent)
  if (ready === undefined)
    throw new OpspawnError('AGENT_UNKNOWN', `run ${view.id} asks for agent "${effect.agent}", which is not registered`)
  if (view.limits.depth < 1) {
    throw new OpspawnError(
      'BUDGET_EXCEEDED',
      `run ${view.id} may have no child runs: limits.depth of its tree is used up, ${origin.depth} levels deep`,
    )
  }
  const input = await checkInput(ready, effect.input)
  requireApproved(context, effect, input)
  const runId = childId(view.id, effect.key)
  const gates = gatesOf(ready.agent, origin.tenant, origin.session)
  const child: RunOrigin = {
    runId,
    agent: effect.agent,
    definition: ready.hash,
    tenant: origin.tenant,
    ...(origin.session === undefined ? undefined : { session: origin.session }),
    ...(origin.caller === undefined ? undefined : { caller: origin.caller }),
    ...partOf(origin, effect),
    ...(ready.agent.asCaller === true ? { actsFor: [view.agent, ...(origin.actsFor ?? [])] } : undefined),
    input,
    ...(effect.continues === undefined ? undefined : { messages: handedOver(view, effect.continues) }),
    parent: { runId: view.id, key: effect.key },
    rootId: origin.rootId,
    depth: origin.depth + 1,
    ...(gates === undefined ? undefined : { gates }),
    limits: childLimits(ready.agent.limits, view.limits, view.now - context.startedAt, effect.timeoutMs),
    ...(view.labels.size === 0 ? undefined : { labels: [...view.labels] }),
  }
  const run: NewRun = { origin: child, idempotencyKey: `opspawn.child:${runId}` }
  const { run: record, task, created } = await engine.store.create(run)
  if (created) engine.publish([task])
  else await hearAgain(engine, record, view.id, effect.key)
  // The run was stopped while its child was being accepted: nobody else knows of the child.
  if (execution.isOver) await cancelChildRun(engine, runId, 'the parent run ended')
  return 'later'
}

/** The tasks that a child is part of, and their rules: those of the run, and that of the effect. */
function partOf(origin: RunOrigin, effect: RunEffect): Pick<RunOrigin, 'task' | 'rules'> {
  const rules = [...(origin.rules ?? []), ...(effect.rules ?? [])]
  return { ...taskPath(origin, effect), ...(rules.length === 0 ? undefined : { rules }) }
}

/**
 * A child that was there and has ended told so, but not to this store where both were brought in from another one: it is
 * told once more. Where the parent has it in its inbox, or took it, that changes nothing.
 */
async function hearAgain(engine: Engine, child: RunRecord, parentId: string, key: string): Promise<void> {
  if (child.outcome === undefined) return
  const { runId, outcome, labels = [] } = child.successor === undefined ? child : await currentRecord(engine, child.successor)
  if (outcome === undefined) return
  await engine.store.signal(parentId, childEndSignal(runId, key, outcome, labels))
  engine.poke(parentId)
}

/** What a run tells its parent with its end. */
export function childEndSignal(runId: string, key: string, outcome: RunOutcome, labels: readonly string[]): Signal {
  const result: Outcome = outcome.status === 'completed' ? { status: 'completed', value: outcome.output } : outcome
  return {
    id: `opspawn.child-end:${runId}`,
    name: CHILD_END,
    payload: { key, outcome: result as unknown as Json, labels: [...labels] },
  }
}

/** Asks for a child's end. One that has ended has told so already; one that never was needs no end: gives false then. */
export async function cancelChildRun(engine: Engine, runId: string, reason: string): Promise<boolean> {
  try {
    const { task } = await engine.store.signal(runId, cancelSignal(reason))
    if (task !== undefined) engine.publish([task])
    engine.hurry(runId)
    return true
  } catch (error) {
    if (OpspawnError.is(error, 'RUN_UNKNOWN')) return false
    if (OpspawnError.is(error, 'RUN_FINISHED')) return true
    throw error
  }
}

/** The request to end a run. */
export function cancelSignal(reason: string): Signal {
  return { id: CANCEL, name: CANCEL, payload: { reason } }
}

/** The id of the child run that an effect starts. */
export function childId(runId: string, key: string): string {
  return idempotencyKey(runId, `child:${key}`)
}

/** The id of the run that goes on in the place of another one. */
export function successorId(runId: string): string {
  return idempotencyKey(runId, 'continue')
}

/** Checks the input of a run against its agent's schema. @throws OpspawnError `INPUT_INVALID` */
export async function checkInput(ready: ReadyAgent, input: Json): Promise<Json> {
  if (ready.input === undefined) return input
  const where = `the input of agent "${ready.agent.name}"`
  let checked: Validation
  try {
    checked = await ready.input.validate(input)
  } catch (error) {
    throw new OpspawnError(
      'INPUT_INVALID',
      `${where} could not be checked, its schema failed: ${toFailure(error, 'INTERNAL').message}`,
      { cause: error },
    )
  }
  // The run gets what the schema made of it: defaults and transforms count.
  if (checked.issues === undefined) return checked.value === input ? input : toJson(checked.value)
  throw new OpspawnError('INPUT_INVALID', `${where} does not fit its schema: ${describeIssues(checked.issues)}`, {
    details: { issues: checked.issues } as unknown as Json,
  })
}

/** The conversation that a handoff passes on: everything but system messages, tool calls that nobody will answer left out. */
function handedOver(view: RunView, key: string): readonly Message[] {
  const record = view.effects.get(key)
  if (record?.effect.kind !== 'model')
    throw new OpspawnError('PLANNER_DECISION_INVALID', `"${key}" is not a model effect that a run could continue`)
  const answer = modelAnswer(record)
  const last = answer === undefined ? [] : [withoutCalls(assistantMessage(answer))]
  return [...promptOf(view, record.effect), ...last].filter((message) => message.role !== 'system' && message.content.length > 0)
}

function withoutCalls(message: Message): Message {
  if (message.role !== 'assistant') return message
  return { ...message, content: message.content.filter((part) => part.type !== 'tool-call') }
}
