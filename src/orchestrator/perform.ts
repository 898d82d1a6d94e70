import {
  type Effect,
  type EffectContext,
  type Json,
  OpspawnError,
  type RecallEffect,
  type RememberEffect,
  toJson,
} from '../core/index.ts'
import type { ReadyAgent } from './definition.ts'
import type { Execution, Performed } from './execution.ts'
import { performModel } from './perform-model.ts'
import { performRun } from './perform-run.ts'
import { performTool } from './perform-tool.ts'
import type { RunContext } from './run-context.ts'

/** Performs one execution of an effect, through the middleware if there is any. Rejects when it failed. */
export function perform(context: RunContext, execution: Execution): Promise<Performed> {
  const { middleware } = context.engine
  return middleware.length === 0 ? performPlain(context, execution) : performWrapped(context, execution)
}

function performPlain(context: RunContext, execution: Execution): Promise<Performed> {
  const { effect } = execution
  // Middleware may have held it back until it was too late.
  if (execution.isOver) throw execution.signal.reason
  switch (effect.kind) {
    case 'model':
      return performModel(context, effect, execution)
    case 'tool':
      return performTool(context, effect, execution)
    case 'run':
      return performRun(context, effect, execution)
    case 'recall':
      return performRecall(context, effect, execution)
    case 'remember':
      return performRemember(context, effect, execution)
    default:
      throw new OpspawnError('INTERNAL', `effects of kind ${effect.kind} are not performed`)
  }
}

/** Child runs are left out: they are not performed here but started, and their own effects pass through the middleware. */
async function performWrapped(context: RunContext, execution: Execution): Promise<Performed> {
  const { effect } = execution
  if (effect.kind === 'run') return performPlain(context, execution)
  const { engine, view } = context
  let labels: readonly string[] | undefined
  const effectContext: EffectContext = {
    runId: view.id,
    agent: view.agent,
    tenant: view.tenant,
    session: view.session,
    attempt: execution.attempt,
    signal: execution.signal,
  }
  const call = async (index: number): Promise<Json> => {
    const layer = engine.middleware[index]
    if (layer !== undefined) return layer(effect as Effect, effectContext, () => call(index + 1))
    const performed = await performPlain(context, execution)
    if (performed === 'later') throw new OpspawnError('INTERNAL', 'only child runs settle later')
    labels = performed.labels
    return performed.value
  }
  const value = await call(0)
  return { value: toJson(value, { maxSize: view.limits.payload }), labels }
}

async function performRecall(context: RunContext, effect: RecallEffect, execution: Execution): Promise<Performed> {
  const handle = memoryOf(context, effect.memory)
  const found = await handle.recall(effect.query, {
    signal: execution.signal,
    ...(effect.budget === undefined ? undefined : { budget: effect.budget }),
  })
  return { value: toJson(found, { maxSize: context.view.limits.payload }) }
}

async function performRemember(context: RunContext, effect: RememberEffect, execution: Execution): Promise<Performed> {
  const handle = memoryOf(context, effect.memory)
  return { value: toJson(await handle.append(effect.entries, { signal: execution.signal })) }
}

function memoryOf(
  context: RunContext,
  name: string | undefined,
): ReturnType<NonNullable<ReturnType<ReadyAgent['memories']['get']>>['bind']> {
  const { memories, agent } = context.ready
  const memory = name === undefined ? memories.values().next().value : memories.get(name)
  if (memory === undefined)
    throw new OpspawnError('MEMORY_UNKNOWN', `agent "${agent.name}" has no memory${name === undefined ? '' : ` "${name}"`}`)
  const { tenant, session } = context.view
  return memory.bind(session === undefined ? { tenant, agent: agent.name } : { tenant, agent: agent.name, session })
}
