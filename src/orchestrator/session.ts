import type { Message, RunFilter, RunRecord, RunView, Store } from '../core/index.ts'

/** Runs of a session that a new run sees, the most recent ones. */
const SESSION_RUNS = 50
/** Records asked for at once, and how often: a session whose latest 10,000 runs are children counts as new. */
const PAGE = 200
const MAX_PAGES = 50

/** What a session brings into a run. */
export interface SessionPast {
  readonly messages: readonly Message[]
  /** Labels of the data that the earlier runs had seen: whoever reads their words has seen it too. */
  readonly labels: readonly string[]
}

/**
 * Reads what earlier runs of the session left behind: the conversation of those that have completed, oldest first. It is
 * written into the new run's history, so that what the run saw does not change when the session goes on.
 */
export async function loadSession(store: Store, view: RunView): Promise<SessionPast> {
  if (view.session === undefined) return { messages: [], labels: [] }
  const filter: RunFilter = { tenant: view.tenant, session: view.session, status: ['completed'] }
  const earlier: RunRecord[] = []
  let cursor: string | undefined
  for (let page = 0; page < MAX_PAGES && earlier.length < SESSION_RUNS; page += 1) {
    const part = await store.list(filter, { limit: PAGE, ...(cursor === undefined ? undefined : { cursor }) })
    // Child runs stand in the same session and leave no transcript: any number of them may lie between.
    for (const run of part.runs)
      if (run.depth === 0 && run.runId !== view.id && run.transcript !== undefined && earlier.length < SESSION_RUNS)
        earlier.push(run)
    cursor = part.cursor
    if (cursor === undefined) break
  }
  return {
    messages: earlier.toReversed().flatMap((run) => run.transcript ?? []),
    labels: [...new Set(earlier.flatMap((run) => run.labels ?? []))],
  }
}
