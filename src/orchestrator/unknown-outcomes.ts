// What becomes of an unsafe call that was interrupted and may have happened: the planner or a person is told, or it is made again.
import {
  type EffectRecord,
  type Failure,
  type Json,
  OpspawnError,
  type ToolEffect,
  toFailure,
  type Verification,
} from '../core/index.ts'
import { judgedInput, resolutionHash } from './approved.ts'
import type { ReadyTool } from './definition.ts'
import type { Execution } from './execution.ts'
import { validInput } from './perform-tool.ts'
import { endEffect, type Progress, watchTime } from './progress.ts'
import { asMade, toolOf } from './routing.ts'

/** What the signal of a person's word on an interrupted call carries. */
export type ResolutionPayload = Verification & {
  readonly key: string
  readonly hash: string
  readonly by: string
  readonly reason?: string
}

/** Whether a call waits for a person to say whether it happened. */
export function awaitsResolution(record: EffectRecord): boolean {
  return record.outcome === undefined && record.approval === 'requested' && record.started
}

/** Settles an interrupted call as unknown, or asks a person, as its tool wants. */
export function settleUnknown(progress: Progress, record: EffectRecord, failure: Failure, execution?: Execution): void {
  const { log, context } = progress
  const { key } = record.effect
  const ready = record.effect.kind === 'tool' ? toolOf(context, record.effect) : undefined
  if (record.effect.kind !== 'tool' || ready?.tool.onUnknown !== 'ask') {
    // What a call threw itself is data too; of one that was broken off nothing came back.
    const labels = execution?.end === 'thrown' ? ready?.brings : undefined
    endEffect(progress, key, { status: 'unknown', error: failure }, execution, labels)
    return
  }
  const effect = asMade(context, record.effect)
  const question = `${effect.tool} was interrupted and may have happened. May it be called again?`
  const hash = resolutionHash(effect.tool, effect.input)
  const input = bodyInput(ready, effect)
  const shown = input === record.effect.input ? undefined : { input }
  log.record({ type: 'approval-request', key, hash, question, ...shown })
}

/** The arguments as the body got them, so far as that can be told at once: a schema that answers later leaves them as they were given. */
function bodyInput(ready: ReadyTool, effect: ToolEffect): Json {
  try {
    const made = validInput(ready, effect)
    if (!(made instanceof Promise)) return judgedInput(effect, made)
    made.catch(() => {})
  } catch {
    // What does not fit any more is shown as it was given.
  }
  return effect.input
}

/** Takes a person's word: the call settles with the output that it had, or is made again. */
export function takeResolution(progress: Progress, payload: ResolutionPayload): void {
  const { log, context } = progress
  const { key, hash, by, reason, happened } = payload
  const record = log.view.effects.get(key)
  if (record === undefined || !awaitsResolution(record) || record.argumentsHash !== hash) return
  log.record({ type: 'approval-response', key, approved: !happened, by, ...(reason === undefined ? undefined : { reason }) })
  if (happened) {
    const labels = record.effect.kind === 'tool' ? toolOf(context, record.effect)?.brings : undefined
    endEffect(progress, key, { status: 'completed', value: payload.output }, undefined, labels)
    return
  }
  const error = new OpspawnError('EFFECT_UNKNOWN', `the call was interrupted; ${by} says that it did not happen`)
  log.record({
    type: 'effect-retry',
    key,
    attempt: record.failures + 1,
    error: toFailure(error, 'EFFECT_UNKNOWN'),
    dueAt: log.now(),
  })
  context.interrupted.delete(key)
  watchTime(progress, key, log.now())
}

/** The payload of the signal, with a copy of what was given. */
export function toResolution(key: string, hash: string, by: string, reason: string | undefined, found: Verification): Json {
  return {
    key,
    hash,
    by,
    ...(reason === undefined ? undefined : { reason }),
    ...(found.happened ? { happened: true, output: found.output } : { happened: false }),
  }
}
