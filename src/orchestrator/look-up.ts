import {
  foldHistory,
  type OperationOptions,
  OpspawnError,
  type RunDefinition,
  type RunEvent,
  type RunRecord,
  type RunView,
} from '../core/index.ts'
import { show } from './checks/show.ts'
import type { Engine } from './engine.ts'

/** Finds a run's summary. @throws OpspawnError `RUN_UNKNOWN` */
export async function requireRecord(engine: Engine, runId: string, options?: OperationOptions): Promise<RunRecord> {
  if (typeof runId !== 'string') throw new OpspawnError('RUN_UNKNOWN', `a run id is a text, not ${show(runId)}`)
  const { runs } = await engine.store.list({ runId }, { limit: 1 }, options)
  if (runs[0] === undefined)
    throw new OpspawnError('RUN_UNKNOWN', `there is no run ${JSON.stringify(runId)}`, { details: { runId } })
  return runs[0]
}

/** The summary of a run, or of the one that goes on in its place. @throws OpspawnError `RUN_UNKNOWN` */
export async function currentRecord(engine: Engine, runId: string, options?: OperationOptions): Promise<RunRecord> {
  let record = await requireRecord(engine, runId, options)
  while (record.successor !== undefined) record = await requireRecord(engine, record.successor, options)
  return record
}

/** Why nobody waits any longer for a run that was set aside. */
export function quarantinedError(runId: string): OpspawnError {
  return new OpspawnError(
    'RUN_QUARANTINED',
    `run ${runId} was set aside, because its workers kept dying while they worked on it; nothing of it is lost: look at its history, then resume or cancel it`,
  )
}

const NOTHING: RunDefinition = { tools: [], models: [], memories: [] }

/** Reads and folds a run's history as far as it needs no definition: for looking, not for deciding. @throws OpspawnError `RUN_UNKNOWN` */
export async function readRun(
  engine: Engine,
  runId: string,
  options?: OperationOptions,
): Promise<{ readonly events: readonly RunEvent[]; readonly view: RunView }> {
  const events = await engine.store.read(runId, 1, undefined, options)
  return { events, view: foldHistory(NOTHING, events) }
}
