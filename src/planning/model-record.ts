import type { EffectRecord, ModelEffect, RunView } from '../core/index.ts'

/** What the run knows of a model call. */
export type ModelRecord = EffectRecord & { readonly effect: ModelEffect }

export function isModel(record: EffectRecord): record is ModelRecord {
  return record.effect.kind === 'model'
}

/** The model call that the run stands at: the latest, or the one settled just before the calls that it asked for. */
export function lastModel(run: RunView): ModelRecord {
  const last = run.latest[0]
  if (last !== undefined && isModel(last)) return last
  return run.settled[run.settled.length - 1 - run.latest.length] as ModelRecord
}

/** A key that begins with `repair` tells that the one turn to mend an answer was given. */
export function isRepair(record: EffectRecord): boolean {
  return record.effect.key.startsWith('repair-')
}
