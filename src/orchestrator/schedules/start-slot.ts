import { type JsonObject, type NewRun, OpspawnError, type Schedule } from '../../core/index.ts'
import type { Engine } from '../engine.ts'
import { prepareRun } from '../prepare-run.ts'

/** The prefix keeps callers from taking the key of a slot. */
const PREFIX = 'opspawn.schedule:'

/**
 * Prepares the run of a slot, or one beside the slots. Its idempotency key is made of schedule and slot: however often and
 * by however many it is started, there is one.
 *
 * @throws OpspawnError as `start` does
 */
export async function prepareSlotRun(
  engine: Engine,
  { name, agent, input = null, start = {} }: Schedule,
  slot: number,
  ids: () => string,
  beside?: string,
): Promise<NewRun> {
  const metadata: JsonObject = { ...start.metadata, schedule: { name, slot: new Date(slot).toISOString() } }
  const run = await prepareRun(engine, agent, input, { ...start, metadata }, ids)
  return { ...run, idempotencyKey: `${PREFIX}${name}:${beside ?? slot}` }
}

/** Whether the run that a schedule started last goes on. */
export async function isUnderWay({ store }: Engine, runId: string | undefined): Promise<boolean> {
  if (runId === undefined) return false
  const { runs } = await store.list({ runId }, { limit: 1 })
  return runs[0] !== undefined && runs[0].outcome === undefined
}

/** Whether a run could not be started for a reason that may pass. */
export function mayPass(error: unknown): boolean {
  return !OpspawnError.is(error) || error.retryable
}
