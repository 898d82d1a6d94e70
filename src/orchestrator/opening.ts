// How a driver begins with a run: what its history says, and what was said before it.
import { type Claim, foldHistory, OpspawnError, type RunEvent } from '../core/index.ts'
import type { ReadyAgent } from './definition.ts'
import type { Engine } from './engine.ts'
import { type Insistence, insist } from './insisting.ts'
import { isSetAside } from './pausing.ts'
import { createProgress, type Progress } from './progress.ts'
import { createPromptCache } from './prompt.ts'
import { RunLog } from './run-log.ts'
import { isTurn, loadSession } from './session.ts'
import { ownSpending } from './writing.ts'

/**
 * Where its history leaves a run.
 *
 * @param wake tells the driver that something happened
 * @throws OpspawnError `STORE_FAILED` for a history without a beginning
 */
export function opened(engine: Engine, claim: Claim, ready: ReadyAgent, events: readonly RunEvent[], wake: () => void): Progress {
  const { run, fence } = claim
  const [first] = events
  if (first?.type !== 'run-start') throw new OpspawnError('STORE_FAILED', `the history of run ${run.runId} has no beginning`)
  const { origin, at: startedAt } = first
  const view = foldHistory(ready.definitionFor(origin), events)
  const goesAhead = engine.store.capabilities.durability !== 'none' && run.deliveries <= 1
  const log = new RunLog(engine, fence, origin, view, run.updatedAt, goesAhead ? ownSpending(run, view) : undefined)
  const context = {
    engine,
    ready,
    origin,
    view,
    fence,
    prompts: createPromptCache((messages) => engine.conversations.isPlain(messages)),
    startedAt,
    interrupted: new Set<string>(),
    routes: undefined,
    transactions: undefined,
    wake,
  }
  const progress = createProgress(context, log, goesAhead)
  progress.paused = view.cancelReason === undefined && isSetAside(events)
  return progress
}

/** Whether the run is a turn of a session whose past it has not seen yet. */
export function isFirstTurn({ log: { origin } }: Progress, events: readonly RunEvent[]): boolean {
  return origin.session !== undefined && isTurn(origin) && !events.some((event) => event.type === 'session-load')
}

/** Records what was said in the session before. */
export async function loadPast({ context, log }: Progress, insistence: Insistence): Promise<void> {
  const knowsRuns = context.ready.memories.size > 0
  const past = await insist(insistence, 'list', () => loadSession(context.engine.store, log.view, knowsRuns))
  if (past !== undefined) log.record(past)
}
