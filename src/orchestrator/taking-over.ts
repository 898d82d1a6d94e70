import type { EffectRecord, RunEvent, Spending } from '../core/index.ts'
import { admit } from './admission.ts'
import { askPerson } from './deciding.ts'
import { matchSignals, openRecords } from './inbox.ts'
import { judgeAgain } from './judging-again.ts'
import { type Progress, watchTime } from './progress.ts'
import { resume } from './resuming.ts'
import { ONE_STEP } from './spending.ts'

/**
 * Takes up the open effects of a run; its calls are judged once more. Those that came along with a fork were let in by another run, perhaps under other
 * rules and with a person's approval that was for that one: they are let in anew.
 */
export async function takeUp(progress: Progress, events: readonly RunEvent[], { used, reserved }: Spending): Promise<void> {
  const { log, context } = progress
  const asked = events.find((event) => event.type === 'cancel-request')
  if (asked !== undefined) progress.cancelBy = asked.at + context.engine.timing.cancelMs
  progress.askPlanner = log.view.open === 0 || context.ready.planner.reactive === true
  const hasSpent = used.steps + reserved.steps > 0
  const along = keysTakenAlong(events)
  for (const record of openRecords(log.view)) {
    if (along.has(record.effect.key) && isUntouched(record)) await letIn(progress, record, hasSpent)
    else {
      resume(progress, record)
      await judgeAgain(progress, record)
    }
  }
  if (along.size === 0) return
  matchSignals(log)
  // What was refused has settled.
  if (log.view.open === 0) progress.askPlanner = true
}

/** What was asked for before the run's first claim was asked for by the run that it was forked from. */
function keysTakenAlong(events: readonly RunEvent[]): ReadonlySet<string> {
  const keys = new Set<string>()
  for (const event of events) {
    if (event.type === 'run-claim') break
    if (event.type === 'decision') for (const { key } of event.effects) keys.add(key)
  }
  return keys
}

/** Neither asked about nor begun in this run. */
function isUntouched({ approval, started, failures }: EffectRecord): boolean {
  return approval === undefined && !started && failures === 0
}

async function letIn(progress: Progress, record: EffectRecord, hasSpent: boolean): Promise<void> {
  const { log, context } = progress
  const { effect } = record
  if (effect.kind === 'wait') {
    if (effect.for.type === 'approval') askPerson(progress, effect.key, effect.for)
    if (record.dueAt !== undefined) watchTime(progress, effect.key, record.dueAt)
    return
  }
  if (effect.kind === 'model') {
    // Once only: what was set aside by a worker that died since is on the run's account.
    if (hasSpent) progress.inherited.add(effect.key)
    else {
      log.spend({ reserve: record.reserved ?? ONE_STEP })
      progress.reserving.push(effect.key)
    }
    progress.startable.push(effect.key)
    return
  }
  if (await admit(context, log, record)) progress.startable.push(effect.key)
  else if (record.dueAt !== undefined) watchTime(progress, effect.key, record.dueAt)
}
