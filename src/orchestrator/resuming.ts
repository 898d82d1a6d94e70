// What makes an unsafe call happen at most once: it is announced before, and looked at after a crash.
import { type Effect, type EffectRecord, OpspawnError, type ToolEffect, toFailure } from '../core/index.ts'
import { type Progress, watchTime } from './progress.ts'
import { routeAgain, toolOf } from './routing.ts'
import type { RunContext } from './run-context.ts'
import { settleUnknown } from './unknown-outcomes.ts'

/** The start of an unsafe call is on record before its body is entered (S5). */
export function announceUnsafe({ context, log, startable, inFlight }: Progress): void {
  let places = log.view.limits.parallel - inFlight.length
  for (const key of startable) {
    if (places <= 0) return
    const record = log.view.effects.get(key)
    if (record === undefined || record.outcome !== undefined) continue
    places -= 1
    if (record.started) continue
    if (isUnsafe(context, record.effect)) {
      log.record({ type: 'effect-start', key, attempt: record.failures + 1 })
    }
  }
}

function isUnsafe(context: RunContext, effect: Effect): boolean {
  return effect.kind === 'tool' && toolOf(context, effect)?.tool.effect === 'unsafe'
}

/** Whether a call that was under way may be taken up again: its tool can tell what became of it, or does not mind. */
function mayGoOn(context: RunContext, effect: ToolEffect): boolean {
  const tool = toolOf(context, effect)?.tool
  if (tool?.verify === undefined) return tool?.onUnknown === 'repeat'
  context.interrupted.add(effect.key)
  return true
}

/** Takes up an effect that another worker left open; an unsafe one that it may have done is done again only where its tool says so. */
export function resume(progress: Progress, record: EffectRecord): void {
  const { context } = progress
  const { effect } = record
  const { key } = effect
  routeAgain(context, record)
  if (record.dueAt !== undefined) watchTime(progress, key, record.dueAt)
  if (effect.kind === 'wait' || record.approval === 'requested') return
  progress.inherited.add(key)
  if (record.started && effect.kind === 'tool' && !mayGoOn(context, effect)) {
    const what = `a worker died while "${record.routed?.tool ?? effect.tool}" was running; whether it happened is not known. Do not repeat it without checking`
    settleUnknown(progress, record, toFailure(new OpspawnError('EFFECT_UNKNOWN', what), 'EFFECT_UNKNOWN'))
    return
  }
  // It failed before, perhaps because its time was up while it was under way: whoever can tell is asked here too.
  if (record.failures > 0 && isUnsafe(context, effect)) context.interrupted.add(key)
  if (record.dueAt === undefined) progress.startable.push(key)
}
