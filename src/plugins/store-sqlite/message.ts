import type { Fence, Json, ReleaseReason, RunFilter, RunStatus, Spending, SpendingChange, TaskRef } from '../../core/index.ts'

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
  /** JSON of the gates, where there are some. */
  readonly gates: string | undefined
  /** JSON of the origin as records show it. */
  readonly summary: string
  /** JSON of the whole origin, where it has more than the summary. */
  readonly origin: string | undefined
  /** JSON of the events behind the first one, each with a comma before it, and how many they are. */
  readonly history: string
  readonly events: number
}

/** A run that another store has had, in the form that goes into the tables. */
export interface BroughtRun {
  readonly run: AcceptedRun
  /** A final one, or `paused`. */
  readonly status: RunStatus
  readonly seq: number
  readonly epoch: number
  readonly deliveries: number
  readonly createdAt: number
  readonly updatedAt: number
  readonly spending: Spending
  /** JSON of outcome, transcript and labels, of a run that has ended. */
  readonly ended: string | undefined
  /** JSON lists of its events, each with the number of the last of them. */
  readonly parts: readonly (readonly [last: number, body: string])[]
}

/** Whether a run was made; otherwise the record of the one that was there, as JSON. */
export type Accepted = { readonly created: true; readonly gate?: string } | { readonly created: false; readonly record: string }

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

/** A claimed run: its epoch, its record and its inbox as JSON, and a short history as a JSON list of lists of events. */
export type Claimed = readonly [runId: string, epoch: number, record: string, inbox: string, history: string | undefined]

/** A signal on its way into an inbox; the payload is JSON. */
export type Sent = readonly [runId: string, id: string, name: string, payload: string]

/** What changes with an append. */
export interface Changing {
  readonly consume: readonly string[] | undefined
  readonly spending: SpendingChange | undefined
  /** The final status, JSON of outcome, transcript, labels and successor, and the successor once more. */
  readonly end: readonly [status: string, ended: string, successor: string | undefined] | undefined
  readonly signals: readonly Sent[] | undefined
}

/** How long finished runs are kept. */
export interface Retention {
  readonly finishedForMs?: number | undefined
  readonly finishedRuns?: number | undefined
}

/** What SQLite stores. */
export type SqlValue = null | number | bigint | string | Uint8Array

/** What a statement is run for: what it changed, its first row, or all rows. */
export type StatementKind = 'run' | 'get' | 'all'

/** A row, by the names of its columns. */
export type SqlRow = Readonly<Record<string, SqlValue>>

/** What a statement changed, or the rows that it gave. */
export type StatementValue =
  | { readonly changes: number; readonly lastInsertRowid: number }
  | SqlRow
  | undefined
  | readonly SqlRow[]

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
  /** Opens a transaction of a tool as soon as it is its turn. Until it has ended nothing else is written, so long at most. */
  begin(id: string, limitMs: number): void
  /** One statement of an open transaction. */
  statement(id: string, kind: StatementKind, sql: string, parameters: readonly SqlValue[]): StatementValue
  /** `append` within an open transaction; it counts once that is committed. */
  appendWithin(id: string, ...append: AppendArguments): readonly TaskRef[] | undefined
  commit(id: string): void
  /** Also of one that is not open yet, or not any more. */
  rollBack(id: string): void
  /** Takes in a run that another store has had. */
  bringIn(run: BroughtRun): void
  /** The value is JSON; gives the new version. */
  putDocument(at: At, kind: string, key: string, value: string, expectedVersion: number): number
  deleteDocument(kind: string, key: string, expectedVersion: number): void
  /** Deletes some finished runs; gives how many. */
  prune(at: At, retention: Retention): number
  vacuum(): void
}

/** What an append is made of. */
export type AppendArguments = Parameters<WriterCalls['append']>

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

/** A document, its value as JSON. */
export type DocumentRow = Readonly<{ key: string; value: string; version: number; updated_at: number }>

/** What the keeping thread does: it shows that this process lives, looks after what is due, and reads. */
export interface KeeperCalls {
  heartbeat(at: At, fences: readonly Fence[], leaseMs: number): Promise<Beaten>
  sweep(at: At, sweeping: Sweeping): Promise<{ readonly tasks: readonly TaskRef[]; readonly nextDueAt?: number }>
  /** JSON: a list of lists of events that holds at least those that were asked for. */
  read(runId: string, fromSeq: number, limit: number | undefined): string
  list(filter: RunFilter, before: number | undefined, limit: number): Listed
  getDocument(kind: string, key: string): DocumentRow | undefined
  /** At most so many behind a key. */
  listDocuments(kind: string, after: string | undefined, limit: number): readonly DocumentRow[]
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
