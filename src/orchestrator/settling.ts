import {
  type Effect,
  type EffectRecord,
  type Failure,
  type ModelEffect,
  OpspawnError,
  type Outcome,
  type RetryPolicy,
  toFailure,
  type Tool,
} from '../core/index.ts'
import type { ReadyAgent, ReadyTool } from './definition.ts'
import type { Execution, Performed } from './execution.ts'
import { endEffect, type Progress, watchTime } from './progress.ts'
import { toolOf } from './routing.ts'
import type { RunContext } from './run-context.ts'
import { settleUnknown } from './unknown-outcomes.ts'
import { DEFAULT_RETRY, type Fault, modelFault, ownFault, retryDelay, toolFault } from './retry.ts'

/** Records what the executions that are over came to: an outcome, or another try. */
export function takeSettlements(progress: Progress): void {
  const { over } = progress
  if (over.length > 1) over.reverse()
  for (let execution = over.pop(); execution !== undefined; execution = over.pop()) {
    remove(progress, execution)
    takeSettlement(progress, execution)
  }
}

/** It is not under way any more. */
export function remove({ inFlight }: Progress, execution: Execution): void {
  const place = inFlight.indexOf(execution)
  if (place === inFlight.length - 1) inFlight.pop()
  else if (place >= 0) inFlight.splice(place, 1)
}

function takeSettlement(progress: Progress, execution: Execution): void {
  const { effect, end, result } = execution
  const record = progress.log.view.effects.get(effect.key)
  if (record === undefined || record.outcome !== undefined) return
  if (end === 'performed') {
    const performed = result as Performed
    if (performed === 'later') return
    const { retryBudget } = progress.context.engine
    if (!retryBudget.isWhole) retryBudget.earn(retryKey(progress, effect))
    endEffect(progress, effect.key, { status: 'completed', value: performed.value }, execution, performed.labels)
    return
  }
  const failure = end === 'aborted' ? toFailure(result, 'INTERNAL') : undefined
  if (failure?.code === 'RUN_CANCELLED' || failure?.code === 'RUN_TIMEOUT') {
    const outcome = cancelled(record, failure, record.started && execution.stage === 'entered')
    endEffect(progress, effect.key, outcome, execution)
  } else {
    takeFailure(progress, execution, record, result)
  }
}

/** What a call comes to that is not waited for any more: one that was under way may have happened. */
export function cancelled(record: EffectRecord, failure: Failure, wasUnderWay: boolean = record.started): Outcome {
  if (!wasUnderWay) return { status: 'cancelled', error: failure }
  return { status: 'unknown', error: asUnknown(failure, `${failure.message}; the call was under way and may have happened`) }
}

/** It was under way, and nobody waits for it any more (S5). */
function asUnknown(failure: Failure, message: string = failure.message): Failure {
  return { ...failure, code: 'EFFECT_UNKNOWN', message, retryable: false }
}

/** A failure leads to another try where it may pass, a repetition does no harm, and tries are left. */
function takeFailure(progress: Progress, execution: Execution, record: EffectRecord, thrown: unknown): void {
  const { context, log } = progress
  const { engine, ready } = context
  const { effect } = execution
  const { failure, retryAfterMs } = understand(ready, effect, thrown, engine.clock.now())
  if (failure.code === 'EFFECT_UNKNOWN') {
    settleUnknown(progress, record, failure, execution)
    return
  }
  const used = effect.kind === 'tool' ? toolOf(context, effect) : undefined
  const policy = retryOf(ready, effect, used)
  const attempt = record.failures + 1
  const mayHaveHappened = leftUnsafe(execution, used?.tool)
  const isLast = attempt >= mostAttempts(effect, policy) || log.view.cancelReason !== undefined
  if (isLast || !mayRepeat(execution, failure, used?.tool)) {
    if (mayHaveHappened) settleUnknown(progress, record, asUnknown(failure), execution)
    // The text of a failure is data too: what the tool had read stands in it.
    else endEffect(progress, effect.key, { status: 'failed', error: failure }, execution, used?.brings)
    return
  }
  // Whoever allows a repetition and can tell whether it happened is asked before.
  if (mayHaveHappened) context.interrupted.add(effect.key)
  const putOffMs = engine.retryBudget.take(retryKey(progress, effect))
  const delay = Math.max(putOffMs, retryDelay(policy, attempt, retryAfterMs, engine.random))
  log.record({ type: 'effect-retry', key: effect.key, attempt, error: failure, dueAt: log.now() + delay })
  watchTime(progress, effect.key, log.now() + delay)
  if (execution.hasEmitted) engine.hub.live(log.view.id, { type: 'delta-reset', key: effect.key })
}

/** Whose call it is, and of what: retries of one tenant at one thing share a budget (S12). */
function retryKey({ context }: Progress, effect: Effect): string {
  return JSON.stringify([context.view.tenant, effect.kind, targetOf(context, effect)])
}

function targetOf(context: RunContext, effect: Effect): string | undefined {
  if (effect.kind === 'model') {
    const model = context.ready.agent.models[effect.model ?? 'default']
    return model && `${model.provider}/${model.modelId}`
  }
  if (effect.kind === 'tool') return toolOf(context, effect)?.tool.name
  if (effect.kind === 'run') return effect.agent
  return effect.kind === 'wait' ? undefined : effect.memory
}

function retryOf({ agent }: ReadyAgent, { kind }: Effect, used: ReadyTool | undefined): RetryPolicy {
  return (kind === 'model' ? agent.retry : used?.tool.retry) ?? DEFAULT_RETRY
}

function mostAttempts(effect: Effect, policy: RetryPolicy): number {
  return (effect.kind === 'tool' ? effect.attempts : undefined) ?? policy.attempts ?? DEFAULT_RETRY.attempts
}

/** Its time was up while an unsafe body was under way: the same uncertainty as after a crash. */
function leftUnsafe({ end, stage }: Execution, tool: Tool | undefined): boolean {
  return end === 'aborted' && stage === 'entered' && tool?.effect === 'unsafe'
}

function mayRepeat({ end, stage }: Execution, failure: Failure, tool: Tool | undefined): boolean {
  const wasNotBegun = end === 'aborted' && stage !== 'entered'
  return failure.retryable && (tool?.effect !== 'unsafe' || tool.retry !== undefined || wasNotBegun)
}

function understand(ready: ReadyAgent, effect: Effect, thrown: unknown, now: number): Fault {
  const { kind } = effect
  if (kind === 'model') return withModel(ready, effect, thrown, modelFault(thrown, now))
  if (kind === 'tool') return toolFault(thrown)
  return ownFault(thrown, kind === 'run' ? 'INTERNAL' : 'MEMORY_FAILED')
}

/** A provider's error names neither the model nor, mostly, the status: both are said with it. */
function withModel({ agent }: ReadyAgent, effect: ModelEffect, thrown: unknown, fault: Fault): Fault {
  const name = effect.model ?? 'default'
  const model = Object.hasOwn(agent.models, name) ? agent.models[name] : undefined
  if (model === undefined || OpspawnError.is(thrown)) return fault
  const { failure } = fault
  const { status } = (failure.details ?? {}) as { readonly status?: number }
  const failed = status === undefined ? 'failed' : `failed with status ${status}`
  return { ...fault, failure: { ...failure, message: `model ${model.provider}/${model.modelId} ${failed}: ${failure.message}` } }
}
