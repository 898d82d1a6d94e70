import {
  createOrchestrator,
  type Json,
  type LiveEvent,
  type Orchestrator,
  type OrchestratorOptions,
  type Run,
  type RunEvent,
  type RunEventType,
  type RunOutcome,
  type RunStreamEvent,
  type Failure,
  isRecorded,
} from '../../../src/index.ts'
import { manualClock, type ManualClock, seededIds, seededRandom } from '../../../src/testing/index.ts'

/** A fault that the orchestrator reported. */
export interface Fault {
  readonly failure: Failure
  readonly context: { readonly where: string; readonly runId?: string }
}

/** An orchestrator on a clock of its own, and what it said. */
export interface World {
  readonly clock: ManualClock
  readonly ops: Orchestrator
  readonly faults: readonly Fault[]
  readonly live: readonly LiveEvent[]
  /** Recorded events of all runs, in the order in which the bus told of them. */
  readonly heard: readonly { readonly runId: string; readonly event: RunEvent }[]
}

const opened: Orchestrator[] = []

/** Makes an orchestrator for one test. Nobody listens to live events unless `watch` is set, so models are not streamed. */
export async function world(options: OrchestratorOptions & { readonly watch?: boolean } = {}): Promise<World> {
  const { watch, ...rest } = options
  const clock = (rest.clock as ManualClock | undefined) ?? manualClock()
  const ops = await createOrchestrator({ announce: false, random: seededRandom(1), ids: seededIds('run'), clock, ...rest })
  opened.push(ops)
  const faults: Fault[] = []
  const live: LiveEvent[] = []
  const heard: { runId: string; event: RunEvent }[] = []
  ops.on('fault', (failure, context) => faults.push({ failure, context }))
  ops.on('event', (runId, event) => heard.push({ runId, event }))
  if (watch === true) ops.on('live', (_runId, event) => live.push(event))
  return { clock, ops, faults, live, heard }
}

/** Closes what the test opened; for `afterEach`. Does not wait for runs that hang. */
export async function closeAll(): Promise<void> {
  for (const ops of opened.splice(0)) {
    const over = ops.drain(1).catch(() => {})
    await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 30))])
  }
}

/** Lets everything happen that needs no time. */
export async function settle(clock: ManualClock, rounds = 4): Promise<void> {
  for (let round = 0; round < rounds; round += 1) await clock.advance(0)
}

/** Lets time pass until a run has ended. */
export async function outcomeOf<Output>(
  clock: ManualClock,
  run: Run<Output>,
  { stepMs = 1000, steps = 100 }: { readonly stepMs?: number; readonly steps?: number } = {},
): Promise<RunOutcome<Output>> {
  let outcome: RunOutcome<Output> | undefined
  let thrown: { readonly error: unknown } | undefined
  run.result.then(
    (value) => (outcome = value),
    (error: unknown) => (thrown = { error }),
  )
  await settle(clock)
  for (let step = 0; step < steps && outcome === undefined && thrown === undefined; step += 1) await clock.advance(stepMs)
  if (thrown !== undefined) throw thrown.error
  if (outcome === undefined) throw new Error(`run ${run.id} did not end within ${steps * stepMs} ms of the clock`)
  return outcome
}

/** What a promise came to without any time passing; `undefined` while it is pending. */
export async function now<T>(clock: ManualClock, promise: Promise<T>): Promise<T | undefined> {
  let value: T | undefined
  void promise.then((settled) => (value = settled)).catch(() => {})
  await settle(clock)
  return value
}

/** Lets the event loop turn until something holds; no time passes on the clock. */
export async function until(clock: ManualClock, what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let round = 0; round < 100; round += 1) {
    if (await holds()) return
    await clock.advance(0)
  }
  throw new Error(`it never came to this: ${what}`)
}

/** The recorded events of a run that has ended. */
export async function historyOf(ops: Orchestrator, runId: string): Promise<readonly RunEvent[]> {
  const events: RunEvent[] = []
  for await (const event of await eventsOf(ops, runId)) if (isRecorded(event)) events.push(event)
  return events
}

/** The events that a run has on record so far. */
export async function historySoFar(ops: Orchestrator, runId: string): Promise<readonly RunEvent[]> {
  const events: RunEvent[] = []
  const { seq } = await ops.record(runId)
  for await (const event of await eventsOf(ops, runId)) {
    if (isRecorded(event)) events.push(event)
    if (isRecorded(event) && event.seq === seq) break
  }
  return events
}

async function eventsOf(ops: Orchestrator, runId: string): Promise<AsyncIterable<RunStreamEvent>> {
  return (await ops.run(runId)).events(0)
}

/** Events of one type. */
export function ofType<T extends RunEventType>(events: readonly RunEvent[], type: T): (RunEvent & { readonly type: T })[] {
  return events.filter((event): event is RunEvent & { readonly type: T } => event.type === type)
}

/** The outcome of one effect. */
export function outcomeAt(events: readonly RunEvent[], key: string): { status: string; value?: Json; code?: string } | undefined {
  const end = ofType(events, 'effect-end').find((event) => event.key === key)
  if (end === undefined) return undefined
  const { outcome } = end
  return outcome.status === 'completed'
    ? { status: outcome.status, value: outcome.value }
    : { status: outcome.status, code: outcome.error.code }
}
