// A run that makes good what a cancelled one did: the fresh scope in which compensations run (S11).
import {
  type Json,
  type NewRun,
  OpspawnError,
  type Planner,
  type RunRecord,
  type RunView,
  toFailure,
  toJson,
} from '../core/index.ts'
import { acceptRun } from './accepting.ts'
import { idempotencyKey } from './perform-tool.ts'
import type { Progress } from './progress.ts'

/** How long a compensating run may take, in milliseconds: a day, whatever the limit of the run that it makes good. */
const COMPENSATION_MS = 86_400_000

/**
 * Asks the planner of a run that ends before its time what is to be made good. A run that makes another one good is not made
 * good itself.
 *
 * @throws OpspawnError `PLANNER_FAILED` when the planner throws, or gives what is not JSON
 */
export function compensationOf({ context, log }: Progress): Json | undefined {
  return askCompensation(context.ready.planner, log.view)
}

/** The same of any view, as a replay asks it. @throws OpspawnError `PLANNER_FAILED` */
export function askCompensation(planner: Planner, view: RunView): Json | undefined {
  if (planner.compensate === undefined || view.compensates !== undefined) return undefined
  try {
    const input: unknown = planner.compensate(view)
    return input === undefined ? undefined : toJson(input, { maxSize: Infinity })
  } catch (error) {
    const { message } = toFailure(error, 'PLANNER_FAILED')
    const text = `the run was cancelled, and planner "${planner.name}" could not say what is to be made good, so nothing is: ${message}`
    throw new OpspawnError('PLANNER_FAILED', text, { retryable: false, cause: error })
  }
}

/**
 * Accepts the compensating run; gives its id, which follows from the cancelled run's. After a crash the same is done again,
 * and finds it there.
 */
export async function acceptCompensation(progress: Progress, input: Json): Promise<string> {
  const runId = idempotencyKey(progress.log.view.id, 'compensate')
  await acceptRun(progress, 'compensate', (record) => compensatingRun(progress, record, runId, input))
  return runId
}

/** A root of its own, so that neither the cancellation nor the used budget of the tree that it was in reaches it. */
function compensatingRun({ context, log }: Progress, record: RunRecord, runId: string, input: Json): NewRun {
  const { origin, view, ready } = context
  const { parent: _, continues: _continues, forkOf: _fork, messages: _messages, labels: _labels, ...same } = origin
  return {
    origin: {
      ...same,
      runId,
      compensates: view.id,
      definition: ready.hash,
      input,
      rootId: runId,
      depth: 0,
      limits: { ...origin.limits, durationMs: COMPENSATION_MS },
      ...(log.view.labels.size === 0 ? undefined : { labels: [...log.view.labels] }),
    },
    queue: record.queue,
    priority: record.priority,
    idempotencyKey: `opspawn.compensate:${view.id}`,
  }
}
