import type { Message, RunView, Store } from '../core/index.ts'

/** Runs of a session that a new run sees, the most recent ones. */
const SESSION_RUNS = 50

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
  const page = await store.list(
    { tenant: view.tenant, session: view.session, status: ['completed'] },
    { limit: SESSION_RUNS * 4 },
  )
  // Child runs stand in the same session and leave no transcript.
  const earlier = page.runs.filter((run) => run.runId !== view.id && run.transcript !== undefined).slice(0, SESSION_RUNS)
  return {
    messages: earlier.toReversed().flatMap((run) => run.transcript ?? []),
    labels: [...new Set(earlier.flatMap((run) => run.labels ?? []))],
  }
}
