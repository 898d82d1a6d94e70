import type { Fence, Json, ReleaseReason, RunFilter, SpendingChange, TaskRef } from '../../core/index.ts'

/**
 * The time of a call, read when it was made: epoch milliseconds for what people see and for due times, milliseconds of
 * the machine's monotonic clock for leases.
 */
export interface At {
  readonly now: number
  readonly mono: number
}

/** A run to accept, in the form that goes into the tables. */
export interface AcceptedRun {
  readonly runId: string
  readonly agent: string
  /** `agent@hash`. */
  readonly definition: string
  readonly tenant: string
  readonly session: string | undefined
  readonly parentId: string | undefined
  readonly rootId: string
  readonly queue: string
  readonly priority: number
  readonly dueAt: number | undefined
  readonly idempotencyKey: string | undefined
  /** JSON of the limits. */
  readonly limits: string
  /** JSON of the origin as records show it. */
  readonly summary: string
  /** JSON of the whole origin, where it has more than the summary. */
  readonly origin: string | undefined
  /** JSON of the events behind the first one, each with a comma before it, and how many they are. */
  readonly history: string
  readonly events: number
}

/** Whether a run was made; otherwise the record of the one that was there, as JSON. */
export type Accepted = { readonly created: true } | { readonly created: false; readonly record: string }

/** What a worker asks to own. */
export interface Claiming {
  readonly workerId: string
  readonly owner: string
  readonly leaseMs: number
  readonly runId: string | undefined
  readonly queues: readonly string[] | undefined
  readonly definitions: readonly string[] | undefined
  readonly max: number
}

/** A claimed run: its epoch, its record and its inbox as JSON. */
export type Claimed = readonly [runId: string, epoch: number, record: string, inbox: string]

/** A signal on its way into an inbox; the payload is JSON. */
export type Sent = readonly [runId: string, id: string, name: string, payload: string]

/** What changes with an append. */
export interface Changing {
  readonly consume: readonly string[] | undefined
  readonly spending: SpendingChange | undefined
  /** The final status, and JSON of outcome, transcript and labels. */
  readonly end: readonly [status: string, ended: string] | undefined
  readonly signals: readonly Sent[] | undefined
}

/** How long finished runs are kept. */
export interface Retention {
  readonly finishedForMs?: number | undefined
  readonly finishedRuns?: number | undefined
}

/** What the writing thread does. Each call is one operation of a group that is committed together. */
export interface WriterCalls {
  create(at: At, capacity: number, run: AcceptedRun): Accepted
  claim(at: At, query: Claiming): readonly Claimed[]
  append(
    now: number,
    runId: string,
    epoch: number,
    workerId: string,
    expectedSeq: number,
    count: number,
    events: string,
    hasProgress: boolean,
    changes: Changing | undefined,
  ): readonly TaskRef[] | undefined
  release(at: At, fence: Fence, reason: ReleaseReason): TaskRef | undefined
  signal(at: At, limit: number, sent: Sent): { readonly accepted: boolean; readonly task?: TaskRef }
  /** Deletes some finished runs; gives how many. */
  prune(at: At, retention: Retention): number
  vacuum(): void
}

/** What a heartbeat found: indices of lost fences, and the inboxes of the others as JSON. */
export interface Beaten {
  readonly lost: readonly number[]
  readonly inbox: readonly (readonly [runId: string, signals: string])[]
}

/** What a sweep looks for. */
export interface Sweeping {
  readonly limit: number
  readonly queues: readonly string[] | undefined
  readonly definitions: readonly string[] | undefined
}

/** A part of a listing: JSON of the records, and the ordinal to go on behind. */
export interface Listed {
  readonly records: string
  readonly before: number | undefined
}

/** What the keeping thread does: it shows that this process lives, looks after what is due, and reads. */
export interface KeeperCalls {
  heartbeat(at: At, fences: readonly Fence[], leaseMs: number): Promise<Beaten>
  sweep(at: At, sweeping: Sweeping): Promise<{ readonly tasks: readonly TaskRef[]; readonly nextDueAt?: number }>
  /** JSON: a list of lists of events that holds at least those that were asked for. */
  read(runId: string, fromSeq: number, limit: number | undefined): string
  list(filter: RunFilter, before: number | undefined, limit: number): Listed
}

/** Functions that a thread offers, by name. */
export type Calls = Record<string, (...args: never[]) => unknown>

/** An error on its way between threads. */
export interface Refusal {
  readonly code: string
  readonly message: string
  readonly retryable: boolean
  readonly details: Json | undefined
  readonly cause: string | undefined
}

/** Some calls: each has an id, a name and arguments. */
export type Requests = readonly (readonly [id: number, name: string, ...args: unknown[]])[]

/** Answers, as triples: the id, the value, and the refusal if there is one. */
export type Replies = readonly (readonly [id: number, value: unknown, refusal?: Refusal])[]

/** What a thread is told when it starts. */
export interface ThreadData {
  readonly path: string
  readonly durability: 'disk' | 'process'
  readonly owner: string
  /** See {@link SharedState}. */
  readonly shared: SharedArrayBuffer
  readonly busyMs: number
  readonly anyFileSystem: boolean
}
