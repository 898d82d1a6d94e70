import { OpspawnError } from './errors.ts'
import { type Failure, toError } from './failure.ts'
import type { Json, JsonObject } from './json.ts'
import type { Message } from './message.ts'
import type { RunLimits, Spending } from './budget.ts'

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

/** Every legal change of an agent's status. `error` is left by the next run that completes. */
export const AGENT_TRANSITIONS: Transitions<AgentStatus> = {
  idle: ['active'],
  active: ['idle', 'error'],
  error: ['active'],
}

/** Tells whether a run's status is final. */
export const isFinal = (status: RunStatus): status is RunOutcome['status'] => RUN_TRANSITIONS[status].length === 0

/**
 * Checks a change of status against its table.
 *
 * @throws OpspawnError `STATE_INVALID`
 */
export function requireTransition<S extends string>(table: Transitions<S>, from: S, to: S, what: string): void {
  if (table[from].includes(to)) return
  const legal = table[from].join(', ') || 'nothing; it is final'
  throw new OpspawnError('STATE_INVALID', `${what} cannot go from ${from} to ${to}; it may go to ${legal}`)
}

/**
 * How a run ended: data, never text to be searched.
 *
 * @property status How it ended; also the run's status from then on.
 * @property output What the run gave.
 * @property error Why it gave nothing.
 */
export type RunOutcome<Output = Json> =
  | { readonly status: 'completed'; readonly output: Output }
  | { readonly status: 'failed'; readonly error: Failure }
  | { readonly status: 'cancelled'; readonly error: Failure }

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

/** What is fixed about a run when it is accepted. */
export interface RunOrigin {
  /** Unique in the store. */
  readonly runId: string
  /** Name of the agent or workflow. */
  readonly agent: string
  /** Hash of the definition that the run is pinned to. */
  readonly definition: string
  /** Whose run it is. */
  readonly tenant: string
  /** Runs of one session and tenant see each other's messages. */
  readonly session?: string
  /** As the agent's schema made it, if there is one. */
  readonly input: Json
  /** Conversation before the input. */
  readonly messages?: readonly Message[]
  /** Absent for a root. */
  readonly parent?: RunParent
  /** The root of its tree; itself for a root. */
  readonly rootId: string
  /**
   * Where its history up to the first claim comes from, if it began with that of another run.
   *
   * @property runId Of the other run.
   * @property seq The last event of it that was looked at.
   */
  readonly forkOf?: { readonly runId: string; readonly seq: number }
  /** 0 for a root. */
  readonly depth: number
  /** Those of the agent, tightened by the caller or the parent; what is not there has its default. */
  readonly limits: RunLimits
  /** Labels of data that it starts with (from its parent); in the record of an ended run, of all that it saw. */
  readonly labels?: readonly string[]
  /** The caller's own data, carried along. */
  readonly metadata?: JsonObject
}

/** A run as stores list it: a summary that every append keeps in step with the history. */
export interface RunRecord extends Omit<RunOrigin, 'messages'> {
  /** Where it stands. */
  readonly status: RunStatus
  /** Sequence number of the last event. */
  readonly seq: number
  /** Raised by each claim; every write carries it. */
  readonly epoch: number
  /**
   * Claims since it last settled an effect or waited, the present one included; those that ended in a drain or a pause
   * do not count.
   */
  readonly deliveries: number
  /** Epoch milliseconds of the store's clock. */
  readonly createdAt: number
  /** Epoch milliseconds of the store's clock: the last event or change of status. */
  readonly updatedAt: number
  /** Not to be claimed before (store's clock). */
  readonly dueAt?: number
  /** Higher first. */
  readonly priority: number
  /** Workers of this queue claim it. */
  readonly queue: string
  /** As it was accepted with. */
  readonly idempotencyKey?: string
  /** Once final. */
  readonly outcome?: RunOutcome
  /** What later runs of the session see of it, once completed. */
  readonly transcript?: readonly Message[]
  /** Of the run with all its children. */
  readonly spending: Spending
}
