import type {
  Changes,
  Claim,
  Fence,
  Json,
  NewRun,
  RunEvent,
  RunEventBody,
  RunGate,
  RunLimits,
  RunOutcome,
  RunRecord,
  Store,
  TaskRef,
} from '../core/index.ts'
import { assert, assertEqual } from './assert.ts'
import type { ConformanceCase } from './suite.ts'

/** A lease that no case outlasts. */
export const LONG_LEASE_MS = 600_000
/** A lease that cases let run out. Short, because a store without a manual clock really waits. */
export const SHORT_LEASE_MS = 500
/** Long enough for a short lease to be over. */
export const PAST_LEASE_MS = 700

/** How a run ends in most cases. */
export const DONE: RunOutcome = { status: 'completed', output: 'done' }

/** What a case says of a run; the rest has simple values. */
export interface RunSketch extends Omit<NewRun, 'origin'> {
  readonly agent?: string
  readonly definition?: string
  readonly tenant?: string
  readonly session?: string
  readonly input?: Json
  readonly limits?: RunLimits
  readonly gates?: readonly RunGate[]
  /** Makes it a child of this run. */
  readonly parent?: RunRecord
}

/** What a store of a case on limits may hold. */
export interface StoreLimits {
  /** Unfinished, unclaimed runs per queue. */
  readonly capacity?: number
  /** Signals of one run that no wait has taken. */
  readonly signals?: number
}

/** Writes through transactions of a store and looks what came of it; what that is, is the store's own affair. */
export interface TransactionProbe {
  /** Writes a text that was not written before. */
  write(tx: unknown, text: string): Promise<unknown>
  /** All texts that are there for everybody to see, sorted. */
  written(store: Store): Promise<readonly string[]>
}

/** A new, empty store with what the cases need around it. */
export interface StoreWorld {
  readonly store: Store
  /** Makes another store that holds no more than this. */
  readonly limited: (limits: StoreLimits) => Promise<Store>
  /** Lets so much of the store's time pass. */
  readonly pass: (ms: number) => Promise<void>
  /** Given where the store has transactions. */
  readonly transactions?: TransactionProbe
}

/** A case of the store suite. */
export type StoreCase = ConformanceCase<StoreWorld>

/** Writes a sketch out. */
export function newRun(runId: string, sketch: RunSketch = {}): NewRun {
  const {
    agent = 'agent',
    definition = 'v1',
    tenant = 'tenant',
    session,
    input = 'input',
    limits = {},
    gates,
    parent,
    ...rest
  } = sketch
  return {
    ...rest,
    origin: {
      runId,
      agent,
      definition,
      tenant,
      ...(session !== undefined && { session }),
      input,
      ...(parent !== undefined && { parent: { runId: parent.runId, key: runId } }),
      rootId: parent?.rootId ?? runId,
      depth: parent === undefined ? 0 : parent.depth + 1,
      limits,
      ...under(gates),
    },
  }
}

function under(gates: RunSketch['gates']): Pick<NewRun['origin'], 'gates'> {
  return gates === undefined ? {} : { gates }
}

/** Accepts a run; gives its record. */
export async function accept(store: Store, runId: string, sketch: RunSketch = {}): Promise<RunRecord> {
  return (await store.create(newRun(runId, sketch))).run
}

/** Claims a run that must be ready. */
export async function own(store: Store, runId: string, workerId = 'worker', leaseMs: number = LONG_LEASE_MS): Promise<Claim> {
  const [claim, ...more] = await store.claim({ workerId, leaseMs, runId })
  assert(claim !== undefined && more.length === 0, `run ${runId} is ready, so a claim of it gives it, and only it`)
  return claim
}

/** Accepts a run and claims it. */
export async function acceptAndOwn(store: Store, runId: string, sketch: RunSketch = {}): Promise<Claim> {
  await accept(store, runId, sketch)
  return own(store, runId)
}

/** Asserts that nobody can claim a run, neither by its id nor from its queue. */
export async function assertNotReady(store: Store, runId: string, why: string): Promise<void> {
  const claims = [
    ...(await store.claim({ workerId: 'intruder', leaseMs: LONG_LEASE_MS, runId })),
    ...(await store.claim({ workerId: 'intruder', leaseMs: LONG_LEASE_MS, max: 100 })),
  ]
  assert(!claims.some((claim) => claim.fence.runId === runId), `run ${runId} must not be claimed: ${why}`)
}

/** A run's summary, as a listing gives it. */
export async function recordOf(store: Store, runId: string): Promise<RunRecord> {
  const { runs } = await store.list({ runId }, {})
  const [run] = runs
  assert(run !== undefined && runs.length === 1, `a listing by id gives run ${runId}`)
  return run
}

/** An event at a position. */
export function at(seq: number, body: RunEventBody = { type: 'decision', effects: [], state: `event ${seq}` }): RunEvent {
  return { ...body, version: 1, seq, at: 1_780_000_000_000 + seq }
}

/** Appends one event behind a position. */
export async function note(store: Store, fence: Fence, seq: number, changes?: Changes): Promise<readonly TaskRef[]> {
  return store.append(fence, seq, [at(seq + 1)], changes)
}

/** Ends a run of which nothing was written since the claim. */
export async function finish(store: Store, claim: Claim, outcome: RunOutcome = DONE): Promise<void> {
  const { seq } = claim.run
  await store.append(claim.fence, seq, [at(seq + 1, { type: 'run-end', outcome })], { end: { outcome } })
}

/** Everything of a run that can be seen, to be compared before and after a call that must change nothing. */
export async function snapshot(store: Store, runIds: readonly string[]): Promise<unknown> {
  const all: unknown[] = []
  for (const runId of runIds) all.push(await recordOf(store, runId), await store.read(runId, 1))
  return all
}

/** Asserts that a run's history is whole: positions from 1 without gaps, its origin first, its record in step. */
export async function assertWhole(store: Store, runId: string): Promise<void> {
  const events = await store.read(runId, 1)
  const record = await recordOf(store, runId)
  assertEqual(
    events.map((event) => event.seq),
    events.map((_, index) => index + 1),
    `positions in the history of ${runId}`,
  )
  assertEqual(record.seq, events.length, `seq in the record of ${runId}`)
  assertEqual(events[0]?.type, 'run-start', `the first event of ${runId}`)
  const epochs = events.flatMap((event) => (event.type === 'run-claim' ? [event.epoch] : []))
  const first = epochs[0] ?? record.epoch
  assertEqual(
    epochs,
    epochs.map((_, index) => first + index),
    `epochs of the claims of ${runId}`,
  )
  assertEqual(record.epoch, epochs.at(-1) ?? first, `epoch in the record of ${runId}`)
}
