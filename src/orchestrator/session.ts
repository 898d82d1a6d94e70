import type { RunEventBody, RunFilter, RunOrigin, RunRecord, RunView, Store } from '../core/index.ts'

/** Runs of a session that a new run sees, the most recent ones. */
const SESSION_RUNS = 50
/** Records asked for at once, and how often: a session whose latest 10,000 runs are children counts as new. */
const PAGE = 200
const MAX_PAGES = 50

type SessionLoad = RunEventBody & { readonly type: 'session-load' }

/** Whether a run of a session is a turn of its conversation: a child is not, nor one that makes another run good. */
export const isTurn = ({ depth, compensates }: RunOrigin): boolean => depth === 0 && compensates === undefined

/**
 * Reads what earlier runs of the session left behind: the conversation of those that have completed, oldest first. It is
 * written into the new run's history, so that what the run saw does not change when the session goes on. Nothing where they
 * left nothing.
 *
 * @param knowsRuns the agent has a memory, and so has to tell the runs apart.
 */
export async function loadSession(store: Store, view: RunView, knowsRuns: boolean): Promise<SessionLoad | undefined> {
  const earlier = view.session === undefined ? [] : await earlierRuns(store, view.tenant, view.session, view.id)
  const messages = earlier.flatMap((run) => run.transcript ?? [])
  if (messages.length === 0) return undefined
  // Whoever reads the words of the earlier runs has seen the same data.
  const labels = new Set(earlier.flatMap((run) => run.labels ?? []))
  const runs = earlier.map(({ runId, transcript = [] }) => ({ runId, messages: transcript.length }))
  return {
    type: 'session-load',
    messages,
    ...(labels.size === 0 ? undefined : { labels: [...labels] }),
    ...(knowsRuns ? { runs } : undefined),
  }
}

/** The latest completed runs of a session that left messages, oldest first. */
async function earlierRuns(store: Store, tenant: string, session: string, runId: string): Promise<readonly RunRecord[]> {
  const filter: RunFilter = { tenant, session, status: ['completed'] }
  const earlier: RunRecord[] = []
  let cursor: string | undefined
  for (let page = 0; page < MAX_PAGES && earlier.length < SESSION_RUNS; page += 1) {
    const part = await store.list(filter, { limit: PAGE, ...(cursor === undefined ? undefined : { cursor }) })
    // Child runs stand in the same session and leave no transcript: any number of them may lie between.
    for (const run of part.runs)
      if (run.depth === 0 && run.runId !== runId && run.transcript !== undefined && earlier.length < SESSION_RUNS)
        earlier.push(run)
    cursor = part.cursor
    if (cursor === undefined) break
  }
  return earlier.toReversed()
}
