import { isRecorded, type Orchestrator, type RunEvent, type RunFilter, type RunRecord } from '../../core/index.ts'

/** A run and what happened in it so far. @throws OpspawnError `RUN_UNKNOWN` */
export async function readHistory(
  runs: Orchestrator,
  runId: string,
): Promise<{ readonly record: RunRecord; readonly events: readonly RunEvent[] }> {
  const record = await runs.record(runId)
  return { record, events: await eventsUntil(runs, runId, 0, record.seq) }
}

/** The events of a run between two positions: behind the first, up to the second. */
export async function eventsUntil(runs: Orchestrator, runId: string, after: number, until: number): Promise<readonly RunEvent[]> {
  const events: RunEvent[] = []
  if (after >= until) return events
  const run = await runs.run(runId)
  for await (const event of run.events(after)) {
    if (!isRecorded(event)) continue
    events.push(event)
    if (event.seq >= until) break
  }
  return events
}

/** Runs of a listing, newest first, page by page, at most so many. */
export async function* eachRun(runs: Orchestrator, filter: RunFilter, most: number = Infinity): AsyncGenerator<RunRecord> {
  let cursor: string | undefined
  let left = most
  do {
    const page = await runs.list(filter, { limit: Math.min(left, 500), ...(cursor === undefined ? undefined : { cursor }) })
    yield* page.runs
    left -= page.runs.length
    cursor = page.cursor
  } while (cursor !== undefined && left > 0)
}
