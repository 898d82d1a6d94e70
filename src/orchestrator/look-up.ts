import {
  foldHistory,
  type OperationOptions,
  OpspawnError,
  type RunDefinition,
  type RunRecord,
  type RunView,
} from '../core/index.ts'
import type { Engine } from './engine.ts'

/** Finds a run's summary. @throws OpspawnError `RUN_UNKNOWN` */
export async function requireRecord(engine: Engine, runId: string, options?: OperationOptions): Promise<RunRecord> {
  const { runs } = await engine.store.list({ runId }, { limit: 1 }, options)
  if (runs[0] === undefined)
    throw new OpspawnError('RUN_UNKNOWN', `there is no run ${JSON.stringify(runId)}`, { details: { runId } })
  return runs[0]
}

const NOTHING: RunDefinition = { tools: [], models: [], memories: [] }

/** Folds a run's history as far as it needs no definition: for looking, not for deciding. */
export async function readView(engine: Engine, runId: string, options?: OperationOptions): Promise<RunView> {
  return foldHistory(NOTHING, await engine.store.read(runId, 1, undefined, options))
}

/** Looks every quarter of a second: for runs that another process works on. */
export function pollStore(engine: Engine, look: () => void): () => void {
  let cancel = (): void => {}
  const next = (): void => {
    cancel = engine.clock.setTimer(250, () => {
      look()
      next()
    })
  }
  next()
  return () => cancel()
}
