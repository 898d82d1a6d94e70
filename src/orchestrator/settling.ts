import { type EffectRecord, type Failure, type Outcome, toFailure } from '../core/index.ts'
import type { Execution, Performed } from './execution.ts'
import { endEffect, type Progress } from './progress.ts'
import { settleUnknown } from './unknown-outcomes.ts'
import { DEFAULT_RETRY, type Fault, modelFault, retryDelay, toolFault } from './retry.ts'

/** Records what the executions that are over came to: an outcome, or another try. */
export function takeSettlements(progress: Progress): void {
  const { over } = progress
  if (over.length === 0) return
  progress.over = []
  for (const execution of over) {
    remove(progress, execution)
    takeSettlement(progress, execution)
  }
}

function remove(progress: Progress, execution: Execution): void {
  const { inFlight } = progress
  const place = inFlight.indexOf(execution)
  if (place < 0) return
  if (inFlight.length === 1) progress.inFlight = []
  else inFlight.splice(place, 1)
}

function takeSettlement(progress: Progress, execution: Execution): void {
  const { effect, end, result } = execution
  const record = progress.log.view.effects.get(effect.key)
  if (record === undefined || record.outcome !== undefined) return
  if (end === 'performed') {
    const performed = result as Performed
    if (performed !== 'later') {
      endEffect(progress, effect.key, { status: 'completed', value: performed.value }, execution, performed.labels)
    }
    return
  }
  const failure = end === 'aborted' ? toFailure(result, 'INTERNAL') : undefined
  if (failure?.code === 'RUN_CANCELLED' || failure?.code === 'RUN_TIMEOUT') {
    endEffect(progress, effect.key, cancelled(record, failure), execution)
  } else {
    takeFailure(progress, execution, record, result)
  }
}

/** What a call comes to that is not waited for any more: one that was begun may have happened. */
export function cancelled(record: EffectRecord, failure: Failure): Outcome {
  if (!record.started) return { status: 'cancelled', error: failure }
  const message = `${failure.message}; the call was under way and may have happened`
  return { status: 'unknown', error: { ...failure, code: 'EFFECT_UNKNOWN', message } }
}

/** A failure leads to another try where it may pass, a repetition does no harm, and tries are left. */
function takeFailure(progress: Progress, execution: Execution, record: EffectRecord, thrown: unknown): void {
  const { context, log } = progress
  const { engine, ready } = context
  const { effect } = execution
  const { failure, retryAfterMs } = understand(effect.kind, thrown, engine.clock.now())
  if (failure.code === 'EFFECT_UNKNOWN') {
    settleUnknown(progress, record, failure, execution)
    return
  }
  const tool = effect.kind === 'tool' ? ready.tools.get(effect.tool)?.tool : undefined
  const policy = (effect.kind === 'model' ? ready.agent.retry : tool?.retry) ?? DEFAULT_RETRY
  const mayRepeat = failure.retryable && (tool?.effect !== 'unsafe' || tool.retry !== undefined)
  const attempt = record.failures + 1
  const attempts = (effect.kind === 'tool' ? effect.attempts : undefined) ?? policy.attempts ?? DEFAULT_RETRY.attempts
  if (!mayRepeat || attempt >= attempts || log.view.cancelReason !== undefined) {
    // The text of a failure is data too: what the tool had read stands in it.
    const ready = effect.kind === 'tool' ? context.ready.tools.get(effect.tool) : undefined
    endEffect(progress, effect.key, { status: 'failed', error: failure }, execution, ready?.brings)
    return
  }
  const delay = retryDelay(policy, attempt, retryAfterMs, engine.random)
  log.record({ type: 'effect-retry', key: effect.key, attempt, error: failure, dueAt: log.now() + delay })
  progress.timed.add(effect.key)
  if (execution.hasEmitted) engine.hub.live(log.view.id, { type: 'delta-reset', key: effect.key })
}

function understand(kind: string, thrown: unknown, now: number): Fault {
  if (kind === 'model') return modelFault(thrown, now)
  if (kind === 'tool') return toolFault(thrown)
  return { failure: toFailure(thrown, kind === 'run' ? 'INTERNAL' : 'MEMORY_FAILED') }
}
