import { type Effect, type EffectContext, type Json, type ModelAnswer, OpspawnError, toJson } from '../core/index.ts'
import { show } from './checks/show.ts'
import type { ReadyTool } from './definition.ts'
import type { Execution, Performed } from './execution.ts'
import { frozen } from './frozen.ts'
import { performRecall, performRemember, recalledLabels, recordRecall } from './perform-memory.ts'
import { performModel } from './perform-model.ts'
import { performRun } from './perform-run.ts'
import { performTool, toolTimeLimit, toolTimeout, validOutput } from './perform-tool.ts'
import { asMade, toolOf } from './routing.ts'
import type { RunContext } from './run-context.ts'

/** Performs one execution of an effect, through the middleware if there is any. Throws or rejects when it failed. */
export function perform(context: RunContext, execution: Execution): Performed | Promise<Performed> {
  const { middleware } = context.engine
  const effect = context.routes === undefined ? execution.effect : asMade(context, execution.effect)
  return middleware.length === 0 ? performPlain(context, effect, execution) : performWrapped(context, effect, execution)
}

function performPlain(context: RunContext, effect: Effect, execution: Execution): Performed | Promise<Performed> {
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

/** What an effect fails with whose time is up. */
const TIMEOUTS = {
  model: 'MODEL_UNAVAILABLE',
  tool: 'TOOL_TIMEOUT',
  recall: 'MEMORY_FAILED',
  remember: 'MEMORY_FAILED',
  wait: 'INTERNAL',
} as const

/** Child runs are left out: they are not performed here but started, and their own effects pass through the middleware. */
async function performWrapped(context: RunContext, effect: Effect, execution: Execution): Promise<Performed> {
  if (effect.kind === 'run') return performPlain(context, effect, execution)
  const { engine, view } = context
  // Middleware is under the effect's time limit too.
  const limitMs = timeLimit(context, effect)
  const ready = effect.kind === 'tool' ? toolOf(context, effect) : undefined
  execution.stage = 'entered'
  execution.arm(limitMs, () =>
    ready === undefined
      ? new OpspawnError(TIMEOUTS[effect.kind], `"${effect.key}" was not done within ${limitMs} ms`)
      : toolTimeout(ready, limitMs, execution),
  )
  const effectContext: EffectContext = {
    runId: view.id,
    agent: view.agent,
    tenant: view.tenant,
    session: view.session,
    caller: frozen(context.origin.caller),
    attempt: execution.attempt,
    signal: execution.signal,
  }
  let hasGoneOn = false
  const call = async (index: number): Promise<Json> => {
    const layer = engine.middleware[index]
    if (layer !== undefined) return layer(effect as Effect, effectContext, () => heard(call(index + 1)))
    if (hasGoneOn && !isRepeatable(ready)) throw goneOnTwice(effect)
    hasGoneOn = true
    const performed = await performPlain(context, effect, execution)
    if (performed === 'later') throw new OpspawnError('INTERNAL', 'only child runs settle later')
    return performed.value
  }
  const value = await accepted(context, effect, await call(0))
  // Middleware that answers from a cache brings in the same data as the tool or the memory would.
  return { value, labels: effect.kind === 'recall' ? recalledLabels(value) : ready?.brings }
}

/** Middleware need not wait for what it goes on to; that it does not must not end the process. */
function heard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

/** Entering it twice does no harm; of all effects only the tools say that it might. */
function isRepeatable(ready: ReadyTool | undefined): boolean {
  return ready === undefined || ready.tool.effect === 'pure' || ready.tool.effect === 'idempotent'
}

/** One announced attempt is one call: a second one would not be known after a crash (S5). */
function goneOnTwice({ key }: Effect): OpspawnError {
  return new OpspawnError(
    'INTERNAL',
    `middleware called next() twice for "${key}", whose tool is neither pure nor idempotent; the second call was refused. Keep what the first gave; repetitions are for the tool's retry`,
    { details: { key } },
  )
}

/** What middleware gives in place of a value must be one. */
async function accepted(context: RunContext, effect: Effect, value: unknown): Promise<Json> {
  if (effect.kind === 'tool') {
    const ready = toolOf(context, effect)
    if (ready !== undefined) return validOutput(ready, value, context)
  }
  const maxSize = context.view.limits.payload
  if (effect.kind === 'recall') return recordRecall('behind middleware', value, maxSize)
  const json = toJson(value, { maxSize })
  if (effect.kind === 'model' && !isAnswer(json)) {
    throw new OpspawnError(
      'MODEL_ANSWER_INVALID',
      `middleware gave ${show(value)} for model effect "${effect.key}"; it needs content, finishReason and usage`,
    )
  }
  return json
}

function isAnswer(value: Json): boolean {
  const answer = (typeof value === 'object' && value !== null ? value : {}) as Partial<ModelAnswer>
  return (
    Array.isArray(answer.content) &&
    typeof answer.finishReason === 'string' &&
    typeof answer.usage === 'object' &&
    answer.usage !== null
  )
}

function timeLimit(context: RunContext, effect: Effect): number {
  const { ready, engine } = context
  if (effect.kind === 'tool') return toolTimeLimit(context, toolOf(context, effect), effect)
  return effect.kind === 'model' ? (ready.agent.modelTimeoutMs ?? engine.timing.modelMs) : engine.timing.toolMs
}
