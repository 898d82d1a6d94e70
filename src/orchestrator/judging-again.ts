// Calls that were let in before a worker took the run over: the rules may be others now, and what denies holds.
import { type EffectRecord, OpspawnError, toFailure } from '../core/index.ts'
import { checkedInput, denial, noteVerdict, policyCall, ruledOn, type Target } from './admission.ts'
import { judgedInput, offeredAmong, ruledInput } from './approved.ts'
import { awaitsApproval } from './inbox.ts'
import { requireRecord } from './look-up.ts'
import { childId } from './perform-run.ts'
import type { Verdict } from './policy.ts'
import { endEffect, type Progress, type Refusal } from './progress.ts'
import type { RunContext } from './run-context.ts'
import { settleUnknown } from './unknown-outcomes.ts'

/**
 * Judges an open call anew, by the rules alone. What is denied now is refused before it is begun, whatever rules or a person
 * said before; a child run that was begun goes on.
 */
export async function judgeAgain({ context, log, forbidden }: Progress, record: EffectRecord): Promise<void> {
  const { key } = record.effect
  if (record.outcome !== undefined || log.view.cancelReason !== undefined) return
  const target = targetOf(context, record)
  const refusal = target === undefined ? undefined : await refusalOf(context, target)
  if (refusal === undefined || (record.effect.kind === 'run' && (await isBegun(context, key)))) return
  forbidden.set(key, refusal)
}

/** The call as it is made; nothing where it is made no more, for another reason. */
function targetOf(context: RunContext, { effect }: EffectRecord): Target | undefined {
  if (effect.kind !== 'tool' && effect.kind !== 'run') return undefined
  // What is hidden now was not when it was asked for.
  const offered = offeredAmong([...context.ready.offered.values()], effect)
  const route = context.routes?.get(effect.key)
  if (offered === undefined || (route !== undefined && 'error' in route)) return undefined
  if (route === undefined) return { effect, offered }
  return { effect: route.effect, offered: route.offered, front: { tool: offered, input: effect.input } }
}

async function refusalOf(context: RunContext, target: Target): Promise<Refusal | undefined> {
  const { effect, offered } = target
  const call = policyCall(context, target)
  const given = ruledOn(context, call, target)
  if (!context.engine.policy.looksInto(call)) return denied(given)
  try {
    const input = ruledInput(offered, judgedInput(effect, await checkedInput(context, effect)))
    return denied(ruledOn(context, { ...call, input, raw: call.input }, target))
  } catch (error) {
    // Arguments that nobody could look at are not let through.
    return denied(given) ?? { error }
  }
}

function denied(verdict: Verdict): Refusal | undefined {
  return verdict.verdict === 'deny' ? { verdict } : undefined
}

async function isBegun({ engine, view }: RunContext, key: string): Promise<boolean> {
  try {
    await requireRecord(engine, childId(view.id, key))
    return true
  } catch (error) {
    if (OpspawnError.is(error, 'RUN_UNKNOWN')) return false
    throw error
  }
}

/** Refuses what may not be begun and otherwise would be, or waits for a person's leave. */
export function refuseForbidden(progress: Progress): void {
  const { forbidden, log } = progress
  for (const [key, refusal] of forbidden) {
    const record = log.view.effects.get(key)
    const isOver = record === undefined || record.outcome !== undefined
    if (!isOver && !progress.startable.includes(key) && (record.started || !awaitsApproval(record))) continue
    progress.startable = progress.startable.filter((other) => other !== key)
    if (isOver) forbidden.delete(key)
    else refuse(progress, record, refusal)
  }
}

function refuse(progress: Progress, record: EffectRecord, refusal: Refusal): void {
  const { context, log } = progress
  const { key } = record.effect
  const { name } = targetOf(context, record)?.offered ?? { name: key }
  const error = toFailure('error' in refusal ? refusal.error : denial(name, refusal.verdict), 'INTERNAL')
  if ('verdict' in refusal) noteVerdict(log, key, refusal.verdict)
  if (record.started || context.interrupted.has(key)) {
    const text = `${name} was interrupted and may have happened; it is not called again: ${error.message}`
    settleUnknown(progress, record, toFailure(new OpspawnError('EFFECT_UNKNOWN', text), 'EFFECT_UNKNOWN'))
  } else endEffect(progress, key, { status: 'verdict' in refusal ? 'denied' : 'failed', error })
}
