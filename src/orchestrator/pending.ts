import {
  isFinal,
  type OperationOptions,
  OpspawnError,
  type PendingApproval,
  RUN_TRANSITIONS,
  type RunEvent,
  type RunRecord,
  type RunStatus,
  type RunView,
} from '../core/index.ts'
import { describePending } from './answering.ts'
import type { Engine } from './engine.ts'
import { awaitsApproval, openRecords } from './inbox.ts'
import { readRun } from './look-up.ts'

const OPEN = (Object.keys(RUN_TRANSITIONS) as RunStatus[]).filter((status) => !isFinal(status))

/** What waits for a person in a run and in the runs below it; its own first. @throws OpspawnError `RUN_UNKNOWN` */
export async function pendingApprovals(
  engine: Engine,
  runId: string,
  options?: OperationOptions,
): Promise<readonly PendingApproval[]> {
  const { events, view } = await readRun(engine, runId, options)
  if (view.outcome !== undefined) return []
  const pending = pendingOf(view, events)
  const rootId = events[0]?.type === 'run-start' ? events[0].origin.rootId : runId
  for (const below of await runsBelow(engine, rootId, runId, options)) {
    try {
      const child = await readRun(engine, below, options)
      if (child.view.outcome === undefined) pending.push(...pendingOf(child.view, child.events))
    } catch (error) {
      // It ended and was pruned since it was listed.
      if (!OpspawnError.is(error, 'RUN_UNKNOWN')) throw error
    }
  }
  return pending
}

/** Ids of the runs under a run that have begun and not ended, oldest first: a parent comes before its children. */
async function runsBelow(engine: Engine, rootId: string, runId: string, options?: OperationOptions): Promise<string[]> {
  const runs: RunRecord[] = []
  let cursor: string | undefined
  do {
    const page = cursor === undefined ? { limit: 200 } : { limit: 200, cursor }
    const part = await engine.store.list({ rootId, status: OPEN }, page, options)
    runs.push(...part.runs)
    cursor = part.cursor
  } while (cursor !== undefined)
  const tree = new Set([runId])
  const below = runs
    .toSorted((a, b) => a.depth - b.depth || a.createdAt - b.createdAt)
    .filter(({ runId: id, parent }) => parent !== undefined && tree.has(parent.runId) && tree.add(id))
  // A run that nobody has claimed yet has asked for nothing.
  return below.filter(({ epoch }) => epoch > 0).map((run) => run.runId)
}

function pendingOf(view: RunView, events: readonly RunEvent[]): PendingApproval[] {
  return openRecords(view)
    .filter(awaitsApproval)
    .map((record) => describePending(view, record, events))
}
