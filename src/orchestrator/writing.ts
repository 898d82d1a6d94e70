// How what a run's driver recorded comes to the store: waited for, or sent while the run goes on.
import type { EffectRecord, RunRecord, RunView, Spending } from '../core/index.ts'
import { type Insistence, writeAgain } from './insisting.ts'
import { failEffect, type Progress } from './progress.ts'
import { toolOf } from './routing.ts'
import type { RunContext } from './run-context.ts'
import type { RunLog } from './run-log.ts'

/** At most so many writes of one run are on their way while it goes on. */
export const MOST_ON_THE_WAY = 16
/** None is on its way for longer while the run goes on, in milliseconds: what a store that hangs might lose is bounded too. */
const LONGEST_ON_THE_WAY_MS = 100

/**
 * Whether what comes next may begin before the store has answered. That is so where nothing is lost but what may be repeated,
 * model calls and `pure` tools: what begins, and what came to an end and is not on record. A model call must be within the
 * budget for certain, and nobody may be watching, who would see parts of an answer before the decision that asked for it.
 */
function mayGoAhead({ context, log, startable }: Progress): boolean {
  const { view } = context
  let isRepeatable = startable.length > 0
  for (const key of startable) {
    const record = view.effects.get(key)
    if (record === undefined) continue
    // Its child spends of the same budget.
    if (record.effect.kind === 'run') log.share()
    isRepeatable &&= mayRepeat(context, record)
  }
  if (!isRepeatable || view.cancelReason !== undefined || view.outcome !== undefined) return false
  if (!log.maySend || !hasRoom(log) || !log.isAffordable || context.engine.hub.wantsLive(view.id)) return false
  return log.unsent.every((event) => !('key' in event) || mayRepeat(context, view.effects.get(event.key)))
}

function hasRoom(log: RunLog): boolean {
  const { onTheWay } = log
  if (onTheWay === undefined || onTheWay.count === 0) return true
  return onTheWay.count < MOST_ON_THE_WAY && log.steady() - onTheWay.since < LONGEST_ON_THE_WAY_MS
}

function mayRepeat(context: RunContext, record: EffectRecord | undefined): boolean {
  if (record === undefined || record.effect.kind === 'model') return record !== undefined
  const { effect, routed } = record
  // Where a call of a front tool went is not known any more once it has ended.
  return effect.kind === 'tool' && routed === undefined && toolOf(context, effect)?.tool.effect === 'pure'
}

/**
 * Sends what was recorded where what begins may go ahead of it, and resolves when it has left: what begins then cannot hold it
 * up, and writes of other runs that go on in the same turn of the event loop leave together. Where it may not, waits for what
 * is on its way. Gives nothing where what was recorded is to be written and waited for, or nothing is to be done.
 */
export function goAhead(insistence: Insistence, progress: Progress, begins: boolean): Promise<void> | undefined {
  const { log, context, startable } = progress
  if (!progress.goesAhead) return undefined
  if (!begins || !mayGoAhead(progress))
    return log.isClean && log.isAhead && startable.length > 0 ? catchUp(insistence, progress) : undefined
  if (!log.isClean) log.sendOff(context.wake)
  return new Promise((resolve) => process.nextTick(resolve))
}

/** What a run has spent, where only its driver spends of it: it has no parent, and no child so far. */
export function ownSpending({ parent, spending }: RunRecord, { effects }: RunView): Spending | undefined {
  if (parent !== undefined) return undefined
  for (const { effect } of effects.values()) if (effect.kind === 'run') return undefined
  return spending
}

/** Waits for all that is on its way, and writes again what was not written. */
export async function catchUp(insistence: Insistence, { log }: Progress): Promise<void> {
  await log.onTheWay?.answered()
  for (const sent of log.onTheWay?.takeUnwritten() ?? []) {
    if (sent.failure !== undefined) await writeAgain(insistence, log.again(sent), sent.failure)
  }
}

/** Goes on where what was recorded was not written at the first try: behind all that was sent before it. */
export async function writeAfterAll(
  insistence: Insistence,
  progress: Progress,
  isBehind: boolean,
  error: unknown,
): Promise<void> {
  if (isBehind) await catchUp(insistence, progress)
  return writeAgain(insistence, progress.log, { error, isBehind }, (refusal) => forgo(progress, refusal))
}

/** Nothing was written, for want of budget. The calls that found none fail, and the planner hears of it. */
function forgo(progress: Progress, error: unknown): void {
  const { log } = progress
  log.dropReserve()
  for (const key of progress.reserving) {
    progress.unreserved.add(key)
    failEffect(progress, key, 'failed', error)
  }
  progress.startable = progress.startable.filter((key) => log.view.effects.get(key)?.outcome === undefined)
}
