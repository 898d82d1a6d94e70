import { OpspawnError } from './errors.ts'
import { type Failure, toError } from './failure.ts'
import type { RunGate } from './gate.ts'
import type { Json, JsonObject } from './json.ts'
import type { Message } from './message.ts'
import type { RunLimits, Spending } from './budget.ts'
import type { TaskRule } from './policy.ts'

/** Where a run stands. The last three are final. */
export type RunStatus = 'queued' | 'running' | 'waiting' | 'paused' | 'quarantined' | 'completed' | 'failed' | 'cancelled'

/** Where an agent stands in this process. */
export type AgentStatus = 'idle' | 'active' | 'error'

type Transitions<Status extends string> = Readonly<Record<Status, readonly Status[]>>

/**
 * Every legal change of a run's status; stores refuse all others.
 * `waiting` is parked until a signal or a time; `quarantined` is set aside after crashing too many workers.
 */
export const RUN_TRANSITIONS: Transitions<RunStatus> = {
  queued: ['running', 'paused', 'cancelled', 'quarantined'],
  running: ['queued', 'waiting', 'paused', 'quarantined', 'completed', 'failed', 'cancelled'],
  waiting: ['queued', 'paused', 'cancelled'],
  paused: ['queued', 'cancelled'],
  quarantined: ['queued', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
}

/** Tells whether a run's status is final; one that is not known, from a newer store, is not. */
export const isFinal = (status: RunStatus): status is RunOutcome['status'] => legalFrom(RUN_TRANSITIONS, status)?.length === 0

const legalFrom = <S extends string>(table: Transitions<S>, from: S): readonly S[] | undefined =>
  Object.hasOwn(table, from) ? table[from] : undefined

/**
 * Checks a change of status against its table.
 *
 * @throws OpspawnError `STATE_INVALID`
 */
export function requireTransition<S extends string>(table: Transitions<S>, from: S, to: S, what: string): void {
  const legal = legalFrom(table, from)
  if (legal?.includes(to)) return
  const told = legal?.join(', ') || 'nothing'
  throw new OpspawnError('STATE_INVALID', `${what} cannot go from ${from} to ${to}; it may go to ${told}`)
}

/**
 * How a run ended: data, never text to be searched. Where another run makes good what a cancelled or timed-out one did,
 * `error.details.compensation` is its id.
 *
 * @property status How it ended; also the run's status from then on.
 * @property output What the run gave.
 * @property error Why it gave nothing.
 */
export type RunOutcome<Output = Json> =
  | { readonly status: 'completed'; readonly output: Output }
  | { readonly status: 'failed' | 'cancelled'; readonly error: Failure }

/** The output of a run that completed. @throws OpspawnError the failure of one that did not */
export function outputOf<Output>(outcome: RunOutcome<Output>): Output {
  if (outcome.status === 'completed') return outcome.output
  throw toError(outcome.error)
}

/**
 * The place of a child run under its parent: the parent, and the key of the effect that started it.
 *
 * @property runId Of the parent.
 * @property key Of the parent's run effect.
 */
export type RunParent = { readonly runId: string; readonly key: string }

/**
 * Who is behind a run: said by the program that starts it, never by a model or a tool.
 *
 * @property principal A person or a service.
 * @property roles What rules may tell by; absent: none.
 */
export type Caller = Readonly<{ principal: string; roles?: readonly string[] }>

/**
 * An earlier run of a session, as a later one sees it.
 *
 * @property runId Of the earlier run.
 * @property messages How many it left.
 */
export type SessionRun = { readonly runId: string; readonly messages: number }

/**
 * What is fixed about a run when it is accepted.
 *
 * @property runId Unique in the store.
 * @property agent Name of the agent or workflow.
 * @property definition Hash of the definition that the run is pinned to.
 * @property tenant Whose run it is.
 * @property rootId The root of its tree; itself for a root.
 * @property session Runs of one session and tenant see each other's messages.
 * @property continues The run in whose place it goes on: its {@link RunRecord.successor} is this one.
 * @property compensates The cancelled or timed-out run that it makes good; the `error` of that run's outcome names this one
 * in its `details`.
 * @property task The task of a workflow that it is part of; with `/` between them the tasks of workflows in workflows, the
 * outermost first.
 */
export interface RunOrigin extends Readonly<Record<'runId' | 'agent' | 'definition' | 'tenant' | 'rootId', string>>, OriginTexts {
  /** As the agent's schema made it, if there is one. */
  readonly input: Json
  /** Conversation before the input. */
  readonly messages?: readonly Message[]
  /** Absent for a root. */
  readonly parent?: RunParent
  /**
   * Where its history up to the first claim comes from, if it began with that of another run.
   *
   * @property runId Of the other run.
   * @property seq The last event of it that was looked at.
   */
  readonly forkOf?: { readonly runId: string; readonly seq: number }
  /** 0 for a root. */
  readonly depth: number
  /** Who started it, or the root of its tree. */
  readonly caller?: Caller
  /** Of an agent that is a form of its caller (see `asCaller` of agents): the agents that it acts for, the nearest first. */
  readonly actsFor?: readonly string[]
  /** Those of the tasks that it is part of: they hold besides the policy, for all that it does. */
  readonly rules?: readonly TaskRule[]
  /** Those of the agent, tightened by the caller or the parent; what is not there has its default. */
  readonly limits: RunLimits
  /** Those of the agent, the narrowest first; absent: none. */
  readonly gates?: readonly RunGate[]
  /** Labels of data that it starts with (from its parent); in the record of an ended run, of all that it saw. */
  readonly labels?: readonly string[]
  /** The caller's own data, carried along. */
  readonly metadata?: JsonObject
}

type OriginTexts = Readonly<Partial<Record<'session' | 'continues' | 'compensates' | 'task', string>>>

/**
 * A run as stores list it: a summary that every append keeps in step with the history.
 *
 * @property seq Sequence number of the last event.
 * @property epoch Raised by each claim; every write carries it.
 * @property deliveries Claims since it last settled an effect or waited, the present one included; those that ended in a drain or a pause do not count.
 * @property createdAt Epoch milliseconds of the store's clock.
 * @property updatedAt Epoch milliseconds of the store's clock: the last event or change of status.
 * @property priority Higher first.
 * @property idempotencyKey As it was accepted with.
 * @property successor The run that goes on in its place; it ended as completed, without an output of its own.
 * @property gate Key of the gate that it waits at: it is `queued`, and not ready.
 */
export interface RunRecord extends Omit<RunOrigin, 'messages'>, Readonly<Record<RunNumber, number>>, RunTexts {
  /** Where it stands. */
  readonly status: RunStatus
  /** Not to be claimed before (store's clock). */
  readonly dueAt?: number
  /** Workers of this queue claim it. */
  readonly queue: string
  /** Once final. */
  readonly outcome?: RunOutcome
  /** What later runs of the session see of it, once completed. */
  readonly transcript?: readonly Message[]
  /** Of the run with all its children. */
  readonly spending: Spending
}

type RunNumber = 'seq' | 'epoch' | 'deliveries' | 'createdAt' | 'updatedAt' | 'priority'
type RunTexts = Readonly<Partial<Record<'idempotencyKey' | 'successor' | 'gate', string>>>
