// What makes a transactional call happen exactly once: its effect and its result are one transaction of the store (S3).
import { OpspawnError, type RunEvent, type RunEventBody, type Store, type TaskRef } from '../core/index.ts'
import type { Execution, Performed } from './execution.ts'
import { type Insistence, insist } from './insisting.ts'
import type { Progress } from './progress.ts'
import type { WaitingCall } from './run-context.ts'
import type { RunLog } from './run-log.ts'
import { remove } from './settling.ts'

/**
 * Gives the next call that waits its transaction, and commits it with the call's result. Meanwhile nothing else of the run is
 * recorded: it would become part of the transaction, and go with it. Calls of one run so come one after the other.
 *
 * @param finishes Waits; gives false when the run is to end, was lost, or is not waited for any more.
 * @throws OpspawnError `LEASE_LOST`, `SEQUENCE_CONFLICT`, `RUN_FINISHED`: the run is another worker's
 */
export async function transact(
  progress: Progress,
  insistence: Insistence,
  finishes: (over: Promise<void>) => Promise<boolean>,
): Promise<undefined> {
  const { context, log } = progress
  const [next, ...rest] = context.transactions ?? []
  context.transactions = rest.length === 0 ? undefined : rest
  if (next === undefined || next.execution.isOver) return undefined
  const { execution } = next
  const store = context.engine.store as Required<Pick<Store, 'transaction'>>
  const attempt: Attempt = { isDone: false, draft: undefined }
  try {
    const tasks = await store.transaction(context.fence, (tx) => callWithin(tx, log, next, finishes, attempt))
    settle(progress, execution, attempt.draft as RunEvent, tasks)
  } catch (error) {
    await settleRolledBack(progress, insistence, execution, attempt, error)
  }
  return undefined
}

/** How far a call came within its transaction. */
interface Attempt {
  /** The body came to its end. */
  isDone: boolean
  /** Its result, sent to the store. */
  draft: RunEvent | undefined
}

async function callWithin(
  tx: unknown,
  log: RunLog,
  { execution, enter }: WaitingCall,
  finishes: (over: Promise<void>) => Promise<boolean>,
  attempt: Attempt,
): Promise<readonly TaskRef[]> {
  const over = new Promise<void>((resolve) => {
    execution.whenOver = resolve
  })
  enter({ tx, done: () => (attempt.isDone = true) })
  if (!(await finishes(over))) execution.abort(new OpspawnError('RUN_CANCELLED', 'the run is to end before this is done'))
  // What it ended with is recorded with the next write, without what it did.
  if (execution.end !== 'performed') throw execution.result
  // Middleware gave a value in its place, after it failed or without waiting for it.
  if (!attempt.isDone) throw new OpspawnError('TOOL_FAILED', 'the body did not come to its end')
  log.tick()
  attempt.draft = log.draft(endOf(execution, log.now()))
  return log.writeDraft(attempt.draft)
}

/** What is left of the transaction is nothing, unless its commit was answered by a failure of the store. */
async function settleRolledBack(
  progress: Progress,
  insistence: Insistence,
  execution: Execution,
  { isDone, draft }: Attempt,
  error: unknown,
): Promise<void> {
  const { log } = progress
  // Its own end stands, and is recorded with the next write.
  if (execution.isOver && (execution.end !== 'performed' || !isDone)) return
  if (LOST.some((code) => OpspawnError.is(error, code))) throw error
  const isWritten =
    draft !== undefined && OpspawnError.is(error, 'STORE_FAILED') && (await insist(insistence, 'read', () => log.hasDraft(draft)))
  if (isWritten) settle(progress, execution, draft, [])
  else fail(execution, error)
}

const LOST = ['LEASE_LOST', 'SEQUENCE_CONFLICT', 'RUN_FINISHED'] as const

function endOf({ effect: { key }, startedAt, result }: Execution, now: number): RunEventBody {
  const { value, labels } = result as Exclude<Performed, 'later'>
  const brought = labels === undefined ? undefined : { labels }
  return { type: 'effect-end', key, outcome: { status: 'completed', value }, durationMs: now - startedAt, ...brought }
}

/** The result is on record, so it is not recorded once more. */
function settle(progress: Progress, execution: Execution, draft: RunEvent, tasks: readonly TaskRef[]): void {
  remove(progress, execution)
  const place = progress.over.indexOf(execution)
  if (place >= 0) progress.over.splice(place, 1)
  progress.log.draftWritten(draft, tasks)
  progress.timed.delete(execution.effect.key)
  progress.askPlanner = true
}

/** The body may have come to its end: what was refused or took too long is the transaction around it. */
function fail(execution: Execution, error: unknown): void {
  if (!execution.isOver) execution.fail(error)
  execution.end = 'thrown'
  execution.result = error
}
