// A run that ends and has another one go on in its place, so that no history grows for ever (S17).
import { DEFAULT_LIMITS, type Json, type NewRun, OpspawnError, type RunLimits, type RunRecord } from '../core/index.ts'
import { acceptRun } from './accepting.ts'
import { finishRun } from './finishing.ts'
import { checkInput, successorId } from './perform-run.ts'
import type { Progress } from './progress.ts'

/**
 * Accepts the successor, and then ends the run with its name. After a crash between the two the same is done again, and finds
 * the successor there: its id and its idempotency key follow from the run's id.
 *
 * @throws OpspawnError `INPUT_INVALID`, `BUDGET_EXCEEDED` when nothing is left for a successor
 */
export async function continueAsNew(progress: Progress, input: Json): Promise<void> {
  const { turn } = progress
  const checked = await checkInput(progress.context.ready, input)
  if (progress.turn !== turn) return
  const accepting = acceptRun(progress, 'continue', (record) => successorOf(progress, record, checked))
  // Whoever cancels the run meanwhile waits for it, and then stops the successor.
  progress.continuing = accepting.catch(() => {})
  await accepting
  if (progress.turn !== turn) return
  finishRun(progress, { status: 'completed', output: null }, undefined, successorId(progress.log.view.id))
}

/** What the run was: tenant, session, place in its tree, labels of what it has seen, and the budget that is left. */
function successorOf({ context, log }: Progress, record: RunRecord, input: Json): NewRun {
  const { origin, view, ready, startedAt } = context
  const { runId: _, forkOf: _fork, messages: _messages, labels: _labels, ...same } = origin
  const runId = successorId(view.id)
  return {
    origin: {
      ...same,
      runId,
      continues: view.id,
      definition: ready.hash,
      input,
      // A root begins a tree of its own, so that what is finished can be let go.
      rootId: origin.parent === undefined ? runId : origin.rootId,
      limits: leftOf(origin.limits, record, log.now() - startedAt),
      ...(view.labels.size === 0 ? undefined : { labels: [...view.labels] }),
    },
    queue: record.queue,
    priority: record.priority,
    idempotencyKey: `opspawn.continue:${view.id}`,
  }
}

/** The limits hold for all the runs that go on in each other's place together. */
function leftOf(limits: RunLimits, { runId, spending: { used } }: RunRecord, passedMs: number): RunLimits {
  const left = {
    ...limits,
    steps: (limits.steps ?? DEFAULT_LIMITS.steps) - used.steps,
    ...(limits.tokens === undefined ? undefined : { tokens: limits.tokens - used.tokens }),
    ...(limits.cost === undefined ? undefined : { cost: limits.cost - used.cost }),
    ...(limits.durationMs === undefined ? undefined : { durationMs: limits.durationMs - passedMs }),
  }
  for (const name of ['steps', 'tokens', 'cost', 'durationMs'] as const) {
    if ((left[name] ?? 1) > 0) continue
    const text = `run ${runId} cannot continue as new: nothing is left of limits.${name}, which holds for it and its successors together; raise it`
    throw new OpspawnError('BUDGET_EXCEEDED', text, { details: { limit: name } })
  }
  return left
}
