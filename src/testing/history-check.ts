import {
  canonicalJson,
  isFinal,
  type Effect,
  type Json,
  type Outcome,
  type RunEvent,
  type RunRecord,
  type Store,
} from '../core/index.ts'

/** What a test saw outside the store, to be held against what stands in it. */
export interface HistoryEvidence {
  /** Ids of runs whose acceptance was acknowledged. @default none */
  readonly accepted?: readonly string[]
  /**
   * Each time that the body of an unsafe tool was entered, also in workers that died. Leave out tools that may be repeated:
   * those with a `retry` of their own, a `verify`, or an `onUnknown` that lets them. @default none
   */
  readonly unsafeBodies?: readonly {
    /** Of the run. */
    readonly runId: string
    /** Of the effect. */
    readonly key: string
  }[]
  /** Nothing works on the store any more: a run that has neither ended nor been quarantined is lost. @default false */
  readonly isAtRest?: boolean
}

/** A guarantee that was broken. */
export interface Violation {
  /** Number of the guarantee, such as `S2`. */
  readonly rule: string
  /** Where it was broken. */
  readonly runId: string
  /** What stands there, and what should. */
  readonly text: string
}

type Found = readonly [rule: string, text: string]

interface Story {
  readonly run: RunRecord
  readonly events: readonly RunEvent[]
  readonly evidence: HistoryEvidence
}

const CHECKS: readonly ((story: Story) => Iterable<Found>)[] = [
  checkPositions,
  checkEpochs,
  checkEnd,
  checkEffects,
  checkUnsafe,
  checkSignals,
  checkSpending,
]

/** Runs of one part of a listing. */
const RUNS_PER_PART = 100

/**
 * Holds every history of a store against the guarantees that a crash puts at risk: no accepted run lost (S1), one result
 * for each effect and nothing half written (S2), no unsafe call repeated or made without its intent on record (S5),
 * epochs that only rise (S7), positions without gaps (S8), signals and answers consumed once (S10), nothing left
 * reserved (S12). Meant for the end of a test that killed workers or broke things; reads everything.
 *
 * @returns what was broken; empty for a sound store.
 */
export async function checkHistories(store: Store, evidence: HistoryEvidence = {}): Promise<readonly Violation[]> {
  const violations: Violation[] = []
  const runs = await allRuns(store)
  const histories = new Map<string, readonly RunEvent[]>()
  for (const run of runs.values()) {
    const { runId } = run
    const events = await store.read(runId, 1)
    histories.set(runId, events)
    for (const check of CHECKS)
      for (const [rule, text] of check({ run, events, evidence })) violations.push({ rule, runId, text })
  }
  for (const runId of evidence.accepted ?? [])
    if (!runs.has(runId)) violations.push({ rule: 'S1', runId, text: 'was accepted, and is not in the store' })
  for (const run of runs.values())
    for (const [rule, text] of checkParent(run, histories)) violations.push({ rule, runId: run.runId, text })
  return violations
}

async function allRuns(store: Store): Promise<ReadonlyMap<string, RunRecord>> {
  const runs = new Map<string, RunRecord>()
  let cursor: string | undefined
  do {
    const page = await store.list({}, { limit: RUNS_PER_PART, ...(cursor !== undefined && { cursor }) })
    for (const run of page.runs) runs.set(run.runId, run)
    cursor = page.cursor
  } while (cursor !== undefined)
  return runs
}

/** The events of one type, in order. */
function only<T extends RunEvent['type']>(events: readonly RunEvent[], type: T): (RunEvent & { readonly type: T })[] {
  return events.filter((event): event is RunEvent & { readonly type: T } => event.type === type)
}

function* checkPositions({ run, events }: Story): Iterable<Found> {
  const wrong = events.findIndex(({ seq }, index) => seq !== index + 1)
  if (wrong >= 0) yield ['S8', `the event behind position ${wrong} says that it is ${events[wrong]?.seq}`]
  if (run.seq !== events.length) yield ['S8', `the record is at event ${run.seq}, the history has ${events.length}`]
  const first = events[0]
  if (first?.type !== 'run-start' || first.origin.runId !== run.runId) yield ['S8', 'the history does not begin with its origin']
  // A claim has the store's time, what follows a worker's reading of it, which may be ahead.
  const back = events.findIndex(({ type, at }, index) => type !== 'run-claim' && at < (events[index - 1]?.at ?? at))
  if (back >= 0) yield ['S8', `the event at position ${back + 1} is older than the one before it`]
}

function* checkEpochs({ run, events }: Story): Iterable<Found> {
  const epochs = only(events, 'run-claim').map(({ epoch }) => epoch)
  const first = epochs[0] ?? run.epoch
  if (epochs.some((epoch, index) => epoch !== first + index))
    yield ['S7', `the epochs of its claims are ${epochs.join(', ')}; each must be one above the last`]
  if (run.epoch !== (epochs.at(-1) ?? first))
    yield ['S7', `the record's epoch is ${run.epoch}, its last claim's ${epochs.at(-1)}`]
}

function* checkEnd({ run, events, evidence: { isAtRest = false } }: Story): Iterable<Found> {
  const ends = only(events, 'run-end')
  const [end] = ends
  const { status } = run
  if (isAtRest && !isFinal(status) && status !== 'quarantined')
    yield ['S1', `nobody works on it any more, and it is ${status}; its last event is ${events.at(-1)?.type}`]
  if (end === undefined) {
    if (isFinal(status)) yield ['S2', `its record says ${status}, its history has no end`]
    return
  }
  if (ends.length > 1) yield ['S2', `it ended ${ends.length} times`]
  if (events.at(-1) !== end) yield ['S8', 'something was written behind its end']
  if (!isSame(end.outcome, run.outcome))
    yield ['S2', `its history ends as ${end.outcome.status}, its record says otherwise (${status}): half an append`]
}

function effectsOf(events: readonly RunEvent[]): readonly Effect[] {
  return only(events, 'decision').flatMap(({ effects }) => effects)
}

function* checkEffects({ run, events }: Story): Iterable<Found> {
  const asked = effectsOf(events).map(({ key }) => key)
  for (const key of repeated(asked)) yield ['S2', `effect ${key} was decided twice`]
  const ended = only(events, 'effect-end').map(({ key }) => key)
  for (const key of repeated(ended)) yield ['S2', `effect ${key} has two results`]
  const known = new Set(asked)
  for (const key of ended) if (!known.has(key)) yield ['S2', `effect ${key} has a result, and nobody asked for it`]
  if (!isFinal(run.status)) return
  const settled = new Set(ended)
  for (const key of known) if (!settled.has(key)) yield ['S2', `it ended, and effect ${key} has no result`]
}

function* checkUnsafe({ run, events, evidence: { unsafeBodies = [] } }: Story): Iterable<Found> {
  const entered = unsafeBodies.filter(({ runId }) => runId === run.runId).map(({ key }) => key)
  for (const key of repeated(entered)) yield ['S5', `the body of unsafe call ${key} was entered twice`]
  const begun = new Set(only(events, 'effect-start').map(({ key }) => key))
  for (const key of new Set(entered))
    if (!begun.has(key)) yield ['S5', `the body of unsafe call ${key} was entered, and its start is not on record`]
}

function* checkSignals({ events }: Story): Iterable<Found> {
  for (const id of repeated(only(events, 'signal').map((signal) => signal.id))) yield ['S10', `signal ${id} was consumed twice`]
  for (const key of tooManyAnswers(events)) yield ['S10', `${key} was answered more often than it was asked`]
  yield* checkTaken(events)
}

/** A wait takes the oldest signal of its name that no other has taken. */
function* checkTaken(events: readonly RunEvent[]): Iterable<Found> {
  const names = new Map<string, string>()
  for (const effect of effectsOf(events))
    if (effect.kind === 'wait' && effect.for.type === 'signal') names.set(effect.key, effect.for.name)
  const kept = new Map<string, Json[]>()
  for (const event of events) {
    if (event.type === 'signal') keep(kept, event)
    const name = event.type === 'effect-end' ? names.get(event.key) : undefined
    if (event.type !== 'effect-end' || name === undefined || event.outcome.status !== 'completed') continue
    if (!isSame(event.outcome.value, kept.get(name)?.shift()))
      yield ['S10', `wait ${event.key} ended with a "${name}" that was not the oldest one kept`]
  }
}

function keep(kept: Map<string, Json[]>, { name, payload }: { readonly name: string; readonly payload: Json }): void {
  const before = kept.get(name)
  if (before === undefined) kept.set(name, [payload])
  else before.push(payload)
}

/** A call may be asked about twice: before it is made, and when it was interrupted. */
function tooManyAnswers(events: readonly RunEvent[]): ReadonlySet<string> {
  const open = new Map<string, number>()
  for (const { key } of only(events, 'approval-request')) open.set(key, (open.get(key) ?? 0) + 1)
  for (const { key } of only(events, 'approval-response')) open.set(key, (open.get(key) ?? 0) - 1)
  return new Set([...open].filter(([, count]) => count < 0).map(([key]) => key))
}

function* checkSpending({ run }: Story): Iterable<Found> {
  const { reserved } = run.spending
  if (!isFinal(run.status) || Object.values(reserved).every((amount) => amount === 0)) return
  yield ['S12', `it ended, and ${JSON.stringify(reserved)} is still reserved`]
}

/** What a parent was told of a child is what the child came to. */
function* checkParent(run: RunRecord, histories: ReadonlyMap<string, readonly RunEvent[]>): Iterable<Found> {
  const { parent, outcome } = run
  if (parent === undefined) return
  const above = histories.get(parent.runId)
  if (above === undefined) return
  const told: Outcome | undefined = only(above, 'effect-end').find(({ key }) => key === parent.key)?.outcome
  if (told?.status !== 'completed') return
  if (outcome?.status !== 'completed' || !isSame(told.value, outcome.output))
    yield ['S2', `its parent was told that it completed; it is ${outcome?.status ?? run.status}, or its output is another`]
}

function repeated(names: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>()
  return new Set(names.filter((name) => seen.size === seen.add(name).size))
}

function isSame(left: unknown, right: unknown): boolean {
  return left === right || (right !== undefined && canonicalJson(left as Json) === canonicalJson(right as Json))
}
