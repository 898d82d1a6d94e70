import type { Changes, NewRun } from '../../core/index.ts'
import type { AcceptedRun, Changing } from './message.ts'

/** A run to accept, as the tables have it. */
export function toAccepted(run: NewRun, now: number): AcceptedRun {
  const { origin, queue = 'default', priority = 0, dueAt, idempotencyKey, history = [] } = run
  const { messages, ...summary } = origin
  const text = JSON.stringify(summary)
  return {
    runId: origin.runId,
    agent: origin.agent,
    definition: `${origin.agent}@${origin.definition}`,
    tenant: origin.tenant,
    session: origin.session,
    parentId: origin.parent?.runId,
    rootId: origin.rootId,
    queue,
    priority,
    dueAt,
    idempotencyKey,
    limits: JSON.stringify(origin.limits),
    gates: origin.gates === undefined ? undefined : JSON.stringify(origin.gates),
    summary: text,
    origin: messages === undefined ? undefined : JSON.stringify(origin),
    history: history.map((body, index) => `,${JSON.stringify({ ...body, version: 1, seq: index + 2, at: now })}`).join(''),
    events: history.length,
  }
}

/** What changes with an append, in a form that crosses threads cheaply. */
export function toChanging({ consume, spending, end, signals }: Changes): Changing {
  const { outcome, transcript, labels, successor } = end ?? {}
  return {
    consume,
    spending,
    end:
      outcome === undefined ? undefined : [outcome.status, JSON.stringify({ outcome, transcript, labels, successor }), successor],
    signals: signals?.map(({ runId, signal: { id, name, payload } }) => [runId, id, name, JSON.stringify(payload)]),
  }
}
