import {
  assistantMessage,
  type Json,
  type Message,
  modelAnswer,
  type NewRun,
  OpspawnError,
  promptOf,
  type RunEffect,
  type RunOrigin,
  type RunView,
} from '../core/index.ts'
import type { ReadyAgent } from './definition.ts'
import type { Performed } from './execution.ts'
import type { RunContext } from './run-context.ts'
import { idempotencyKey } from './perform-tool.ts'
import { describeIssues } from './schema.ts'
import { childLimits } from './spending.ts'

/**
 * Starts a child run. Its id follows from the parent's and the effect's key, so a second try finds the first one's child.
 * The outcome comes back as a signal in the transaction that ends the child.
 *
 * @throws OpspawnError `AGENT_UNKNOWN`, `INPUT_INVALID`, `BUDGET_EXCEEDED` for too deep a tree, `QUEUE_FULL`
 */
export async function performRun(context: RunContext, effect: RunEffect): Promise<Performed> {
  const { engine, origin, view } = context
  const ready = engine.agents.get(effect.agent)
  if (ready === undefined)
    throw new OpspawnError('AGENT_UNKNOWN', `run ${view.id} asks for agent "${effect.agent}", which is not registered`)
  if (origin.depth + 1 > view.limits.depth) {
    throw new OpspawnError(
      'BUDGET_EXCEEDED',
      `agent "${effect.agent}" would run ${origin.depth + 1} levels deep; the limit is ${view.limits.depth}`,
    )
  }
  const input = await checkInput(ready, effect.input)
  const runId = childId(view.id, effect.key)
  const child: RunOrigin = {
    runId,
    agent: effect.agent,
    definition: ready.hash,
    tenant: origin.tenant,
    ...(origin.session === undefined ? undefined : { session: origin.session }),
    input,
    ...(effect.continues === undefined ? undefined : { messages: handedOver(view, effect.continues) }),
    parent: { runId: view.id, key: effect.key },
    rootId: origin.rootId,
    depth: origin.depth + 1,
    limits: childLimits(ready.agent.limits, view.limits, view.now - context.startedAt),
    ...(view.labels.size === 0 ? undefined : { labels: [...view.labels] }),
  }
  const run: NewRun = { origin: child, idempotencyKey: `child:${runId}` }
  const { task, created } = await engine.store.create(run)
  if (created) engine.publish([task])
  return 'later'
}

/** The id of the child run that an effect starts. */
export function childId(runId: string, key: string): string {
  return idempotencyKey(runId, `child:${key}`)
}

/** Checks the input of a run against its agent's schema. @throws OpspawnError `INPUT_INVALID` */
export async function checkInput(ready: ReadyAgent, input: Json): Promise<Json> {
  if (ready.input === undefined) return input
  const checked = await ready.input.validate(input)
  if (checked.issues === undefined) return input
  throw new OpspawnError(
    'INPUT_INVALID',
    `the input of agent "${ready.agent.name}" does not fit its schema: ${describeIssues(checked.issues)}`,
    {
      details: { issues: checked.issues } as unknown as Json,
    },
  )
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
