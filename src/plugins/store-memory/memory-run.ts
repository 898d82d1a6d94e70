import {
  NO_SPENDING,
  OpspawnError,
  RUN_TRANSITIONS,
  requireTransition,
  type ClaimQuery,
  type Fence,
  type Message,
  type NewRun,
  type RunEvent,
  type RunEventBody,
  type RunGate,
  type RunOrigin,
  type RunOutcome,
  type RunRecord,
  type RunStatus,
  type Signal,
  type Spending,
  type TaskRef,
} from '../../core/index.ts'
import type { Heap, Place } from './heap.ts'
import type { Level, Line } from './line.ts'

/** Runs at work and in line at a gate. It is there as long as there is anything to know. */
export interface GateState {
  readonly key: string
  /** Runs that have a place. */
  readonly inside: Set<MemoryRun>
  /** Times at which runs began, oldest first. */
  readonly begun: number[]
  /** Those in line, by priority; those that were begun before have one of their own. */
  readonly lines: Map<number, { readonly heap: Heap<MemoryRun>; readonly level: Level }>
  /** When its line is to be looked at again. */
  lookAt: number
  readonly look: Place<GateState>
}

/** Signals that stand in a history and that no wait has taken yet. */
export interface UntakenSignals {
  /** So many events were looked at. */
  seen: number
  count: number
  /** Keys of open waits for a signal. */
  readonly waits: Set<string>
}

/** A run that was never ready has no place yet. */
export const NO_PLACE = -2

/** A run with all that the store knows of it. One object for its whole life, changed in place. */
export interface MemoryRun {
  /** Without the conversation, once the history is forgotten. */
  origin: RunOrigin
  /** The origin as records show it: without the conversation. */
  readonly summary: Omit<RunOrigin, 'messages'>
  /** Counts accepted runs: the order of listings. */
  readonly ordinal: number
  /** `agent@definition`. */
  readonly definition: string
  readonly task: TaskRef
  readonly priority: number
  readonly gates: readonly RunGate[] | undefined
  readonly idempotencyKey: string | undefined
  readonly createdAt: number
  readonly events: RunEvent[]
  /** The last event's number, once the history is forgotten. */
  forgottenAt: number | undefined
  status: RunStatus
  updatedAt: number
  epoch: number
  deliveries: number
  dueAt: number | undefined
  outcome: RunOutcome | undefined
  successor: string | undefined
  transcript: readonly Message[] | undefined
  /** Of the data that the run had seen when it ended. */
  labels: readonly string[] | undefined
  spending: Spending
  /** The owner, while it is running. */
  workerId: string | undefined
  leaseUntil: number
  inbox: Signal[]
  /** So many signals at the head of the inbox are known to the owner. */
  told: number
  /** Ids of all signals so far; made with the first. */
  signalIds: Set<string> | undefined
  /** What was counted in the history of signals that no wait has taken; made when it is first needed. */
  untaken: UntakenSignals | undefined
  /** What the agenda keeps: the time of its next entry, hints given since it became ready, and its places. */
  wakeAt: number
  hints: number
  isCounted: boolean
  /** Its place among those of its priority; nothing before it was ready for the first time. */
  place: number
  /** The line that it waits in, until it is claimed for the first time. */
  line: Line | undefined
  readySince: number
  /** Where it waits in line, instead of being ready. */
  gate: GateState | undefined
  /** It has a place of each of its gates. */
  isInside: boolean
  /** Somebody asked for its end: no gate holds it up. */
  isCancelled: boolean
  readonly lane: Place<MemoryRun>
  readonly timer: Place<MemoryRun>
}

/**
 * Histories begin as a copy of this. V8 learns from an array literal here that most histories of a young process live
 * long, makes all later ones old from birth, and then keeps what they hold until the next full collection: a third of
 * the time of a short run.
 */
const NO_EVENTS: readonly RunEvent[] = []

/** A run as it is accepted, with its first event. */
export function createMemoryRun(run: NewRun, ordinal: number, now: number): MemoryRun {
  const { origin, queue = 'default', priority = 0 } = run
  let summary: Omit<RunOrigin, 'messages'> = origin
  if (origin.messages !== undefined) {
    const { messages: _, ...rest } = origin
    summary = rest
  }
  const made: Omit<MemoryRun, 'lane' | 'timer'> & { lane?: Place<MemoryRun>; timer?: Place<MemoryRun> } = {
    origin,
    summary,
    ordinal,
    definition: `${origin.agent}@${origin.definition}`,
    task: { runId: origin.runId, queue, agent: origin.agent, priority },
    priority,
    gates: origin.gates,
    idempotencyKey: run.idempotencyKey,
    createdAt: now,
    events: NO_EVENTS.slice(),
    forgottenAt: undefined,
    status: 'queued',
    updatedAt: now,
    epoch: 0,
    deliveries: 0,
    dueAt: run.dueAt,
    outcome: undefined,
    successor: undefined,
    transcript: undefined,
    labels: undefined,
    spending: NO_SPENDING,
    workerId: undefined,
    leaseUntil: 0,
    inbox: [],
    told: 0,
    signalIds: undefined,
    untaken: undefined,
    wakeAt: 0,
    hints: 0,
    isCounted: false,
    place: NO_PLACE,
    line: undefined,
    readySince: 0,
    gate: undefined,
    isInside: false,
    isCancelled: false,
  }
  const whole = made as MemoryRun
  made.lane = { item: whole, index: -1 }
  made.timer = { item: whole, index: -1 }
  addEvent(whole, { type: 'run-start', origin }, now)
  if (run.history !== undefined) for (const body of run.history) addEvent(whole, body, now)
  return whole
}

/** Writes one of the store's own events behind the last one. */
export function addEvent(run: MemoryRun, body: RunEventBody, now: number): void {
  run.events.push({ ...body, version: 1, seq: run.events.length + 1, at: now })
  run.updatedAt = now
}

/**
 * Events must go on from the last one. A history with a hole could never be read again, so each position is checked although
 * the worker gives it.
 *
 * @throws OpspawnError `SEQUENCE_CONFLICT`
 */
export function requireNext(run: MemoryRun, expectedSeq: number, events: readonly RunEvent[]): void {
  const { runId } = run.origin
  const last = run.events.length
  if (last !== expectedSeq)
    throw new OpspawnError('SEQUENCE_CONFLICT', `run ${runId} is at event ${last}, not ${expectedSeq}; read it again`)
  // Counted, because an iterator for each append would be the largest thing that an append allocates.
  for (let index = 0; index < events.length; index += 1) {
    const { seq } = events[index] as RunEvent
    const wanted = last + index + 1
    if (seq !== wanted)
      throw new OpspawnError('SEQUENCE_CONFLICT', `run ${runId}: an event at position ${wanted} says that it is ${seq}`)
  }
}

/** @throws OpspawnError `STATE_INVALID` for a change that the table of transitions does not have. */
export function setStatus(run: MemoryRun, to: RunStatus, now: number): void {
  requireTransition(RUN_TRANSITIONS, run.status, to, `run ${run.origin.runId}`)
  run.status = to
  run.updatedAt = now
}

/** Makes a run ready for the next claim, whatever it was doing. */
export function makeQueued(run: MemoryRun, now: number): void {
  if (run.status !== 'queued') setStatus(run, 'queued', now)
  run.workerId = undefined
}

/** From when on a run may be claimed, if it ever may: its due time, or the end of its lease. */
export function readyTime(run: MemoryRun): number | undefined {
  if (run.gate !== undefined) return undefined
  switch (run.status) {
    case 'queued':
      return run.dueAt ?? 0
    case 'waiting':
      return run.dueAt
    case 'running':
      return run.leaseUntil
    default:
      return undefined
  }
}

/** Whether a claim may have the run now. */
export function isClaimable(run: MemoryRun, query: ClaimQuery, now: number): boolean {
  const { queues, definitions } = query
  const readyAt = readyTime(run)
  if (readyAt === undefined || readyAt > now) return false
  return (
    (queues === undefined || queues.includes(run.task.queue)) &&
    (definitions === undefined || definitions.includes(run.definition))
  )
}

/** Whether a fence is that of the run's present owner. */
export function isOwner(run: MemoryRun, fence: Fence): boolean {
  return run.epoch === fence.epoch && run.workerId === fence.workerId && run.status === 'running'
}

/** How much a history holds: its events, and the messages of the conversation that it began with. */
export const historySize = ({ events, origin }: MemoryRun): number => events.length + (origin.messages?.length ?? 0)

/** Lets go of an ended run's history; its summary stays. */
export function forgetHistory(run: MemoryRun): void {
  run.forgottenAt = run.events.length
  run.origin = run.summary
  run.events.length = 0
}

/** The run as it is now, as a value that later changes do not touch. */
export function toRecord(run: MemoryRun): RunRecord {
  return {
    ...run.summary,
    status: run.status,
    seq: run.forgottenAt ?? run.events.length,
    epoch: run.epoch,
    deliveries: run.deliveries,
    createdAt: run.createdAt,
    updatedAt: run.updatedAt,
    ...(run.dueAt !== undefined && { dueAt: run.dueAt }),
    priority: run.priority,
    queue: run.task.queue,
    ...(run.idempotencyKey !== undefined && { idempotencyKey: run.idempotencyKey }),
    ...(run.gate !== undefined && { gate: run.gate.key }),
    ...(run.outcome !== undefined && { outcome: run.outcome }),
    ...(run.successor !== undefined && { successor: run.successor }),
    ...(run.transcript !== undefined && { transcript: run.transcript }),
    ...(run.labels !== undefined && { labels: run.labels }),
    spending: run.spending,
  }
}
