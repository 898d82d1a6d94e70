import type { SpendingChange } from './budget.ts'
import type { RunEvent, RunEventBody } from './event.ts'
import type { Json } from './json.ts'
import type { Message } from './message.ts'
import type { OperationOptions, PageOptions } from './operation.ts'
import type { RunOrigin, RunOutcome, RunRecord, RunStatus } from './run.ts'
import type { TaskRef } from './scheduler.ts'

/**
 * What a store can do and what it survives.
 *
 * @property multiProcess Several processes on one machine may work on it together.
 * @property multiHost Several machines may.
 * @property transactions {@link Store.transaction} exists, so `transactional` tools can be used.
 * @property gates It keeps runs within their {@link RunOrigin.gates}; otherwise agents that have some are refused.
 */
export interface StoreCapabilities extends Readonly<Record<'multiProcess' | 'multiHost' | 'transactions' | 'gates', boolean>> {
  /** What an acknowledged write survives: nothing, the process, a power cut, the loss of a machine. */
  readonly durability: 'none' | 'process' | 'disk' | 'replicated'
  /** How a dead worker is noticed: a lock that the operating system releases at once, or a lease that runs out. */
  readonly liveness: 'lock' | 'lease'
}

/**
 * Proof of ownership: every write of a worker carries it, and the store refuses one whose epoch is no longer the run's.
 *
 * @property runId The run that is owned.
 * @property epoch Of the claim.
 * @property workerId The owner.
 */
export type Fence = { readonly runId: string; readonly epoch: number; readonly workerId: string }

/**
 * A message to a run from outside it. Names that begin with `opspawn.` are the engine's own. The id deduplicates: the
 * second signal of an id is dropped.
 *
 * @property id Unique in the run.
 * @property name What waits go by.
 * @property payload What a wait for it completes with.
 */
export type Signal = { readonly id: string; readonly name: string; readonly payload: Json }

/** The engine's requests that do not wait: signals of these names make a run ready that was set aside, the first also one that is due later. */
export const URGENT_SIGNALS: readonly string[] = ['opspawn.cancel', 'opspawn.resume']

/**
 * A run to accept.
 *
 * @property queue Default: 'default'.
 * @property priority Default: 0.
 * @property dueAt Not to be worked on before (epoch milliseconds of the store's clock).
 * @property idempotencyKey Unique in the tenant: the same key with the same agent and input finds the run that exists.
 */
export interface NewRun
  extends Readonly<Partial<Record<'queue' | 'idempotencyKey', string>>>, Readonly<Partial<Record<'priority' | 'dueAt', number>>> {
  /** What is fixed about it from now on, its id included. */
  readonly origin: RunOrigin
  /** What its history begins with behind `run-start`, in the same transaction; the store gives positions, and its own time. */
  readonly history?: readonly RunEventBody[]
}

/**
 * A run that a worker owns from now on.
 *
 * @property fence For every write from now on.
 * @property run As it is after the claim.
 * @property inbox Signals not yet consumed, oldest first.
 * @property history All of it, the claim included, where it is short enough to come along; absent: it is to be read.
 */
export type Claim = Readonly<{ fence: Fence; run: RunRecord; inbox: readonly Signal[]; history?: readonly RunEvent[] }>

/** What a worker asks to own. */
export interface ClaimQuery {
  /** Of the worker that asks. */
  readonly workerId: string
  /** How long the claim lasts without a heartbeat, in milliseconds. */
  readonly leaseMs: number
  /**
   * This run, if it is ready; absent: any that is, the most urgent first. A run is as urgent as its priority, and by 1 more for
   * each minute that it has been ready, so that none waits for ever. Of equal ones those come first that were begun before;
   * then tenants take turns, one run each; then goes who was accepted first.
   */
  readonly runId?: string
  /** Only runs of these; absent: of all. */
  readonly queues?: readonly string[]
  /** Definitions that the worker knows, as `agent@hash`; absent: all. */
  readonly definitions?: readonly string[]
  /** At most so many runs. @default 1 */
  readonly max?: number
}

/** What changes together with appended events, in one transaction. */
export interface Changes {
  /** Ids of inbox signals that the events record: they leave the inbox. */
  readonly consume?: readonly string[]
  /** Applied to the run and its ancestors, or the whole append is refused. */
  readonly spending?: SpendingChange
  /**
   * The run ends: its record turns final.
   *
   * @property outcome How it ended.
   * @property transcript What later runs of the session see of it.
   * @property labels Of all data that it saw; absent: none.
   * @property successor A run that is there already and goes on in the place of this one. It gets the signals that are left,
   * and those that come later, those of the engine that answer a call of this run left out.
   */
  readonly end?: Readonly<{
    outcome: RunOutcome
    transcript?: readonly Message[]
    labels?: readonly string[]
    successor?: string
  }>
  /**
   * Signals to other runs: a child tells its parent. One to an ended or unknown run is dropped.
   *
   * @property runId Of the receiver.
   * @property signal For its inbox.
   */
  readonly signals?: readonly { readonly runId: string; readonly signal: Signal }[]
}

/**
 * Why a worker gives a run up:
 * - `wait`: nothing to do before a signal, or before `dueAt`;
 * - `drain`: the worker stops; another goes on at once and nothing is counted against the run;
 * - `park`: set aside until somebody resumes it;
 * - `quarantine`: it crashed too many workers.
 * With signals left in the inbox that would have made it ready had they come later, it is ready at once.
 * `wait` sets the run's deliveries back to 0, `drain` and `park` take this claim's one back. A run that ended needs no
 * release: the call is refused with `RUN_FINISHED`.
 *
 * @property how What becomes of the run.
 * @property dueAt Epoch milliseconds of the store's clock; absent: only a signal makes the run ready.
 */
export type ReleaseReason = { readonly how: 'wait'; readonly dueAt?: number } | { readonly how: 'drain' | 'park' | 'quarantine' }

/**
 * Which runs to list; every member narrows.
 *
 * @property tenant Whose runs.
 * @property agent Name of the agent.
 * @property session Runs of this session; give the tenant too, since names of sessions are unique only in one.
 * @property parentId Children of this run, not their own children.
 * @property rootId All runs of the tree of this root, itself included.
 * @property runId This run, if the rest fits.
 */
export interface RunFilter extends Readonly<Partial<Record<TextFilter, string>>> {
  /** In one of these states. */
  readonly status?: readonly RunStatus[]
}

type TextFilter = 'tenant' | 'agent' | 'session' | 'parentId' | 'rootId' | 'runId'

/**
 * A part of a listing, newest first. The cursor gets the next part; it is absent at the end.
 *
 * @property runs At most as many as the limit.
 * @property cursor Gets the next part; absent at the end.
 */
export type RunPage = { readonly runs: readonly RunRecord[]; readonly cursor?: string }

/**
 * What a sweep found, and the next time at which something falls due.
 *
 * @property tasks To publish.
 * @property nextDueAt Epoch milliseconds of the store's clock; absent: nothing falls due by time alone.
 */
export type Swept = { readonly tasks: readonly TaskRef[]; readonly nextDueAt?: number }

/**
 * What a worker learns when it shows that it lives.
 *
 * @property lost Runs that somebody else owns now.
 * @property inbox Signals that came since the claim, by run id, oldest first; the same one may be told more than once.
 */
export type Heartbeat = { readonly lost: readonly Fence[]; readonly inbox: ReadonlyMap<string, readonly Signal[]> }

/**
 * Data of the engine that belongs to no run, as a store gives it.
 *
 * @property key Unique in its kind.
 * @property value As it was put.
 * @property version Goes up with every put, and is never given twice in a kind, not even after a deletion.
 * @property updatedAt Epoch milliseconds of the store's clock.
 */
export type StoredDocument = { readonly key: string; readonly value: Json; readonly version: number; readonly updatedAt: number }

/**
 * A part of a listing of documents, in an order of the store's own that does not change.
 *
 * @property documents At most as many as the limit.
 * @property cursor Gets the next part; absent at the end.
 * @property now The store's clock when it was read, in epoch milliseconds: what is due by it is due for every worker.
 */
export type DocumentPage = { readonly documents: readonly StoredDocument[]; readonly cursor?: string; readonly now: number }

/**
 * Small documents by kind and key, such as schedules: for the engine, which is all that reads and writes them, and for no
 * tenant. Each write names the version that it replaces, so that of several writers one wins. Times, aborts and
 * rejections are as in {@link Store}; a value is copied.
 */
export interface DocumentTable {
  /** A document, if there is one. */
  get(kind: string, key: string, options?: OperationOptions): Promise<StoredDocument | undefined>
  /** Writes a document in the place of that version; 0: there must be none yet. @throws OpspawnError `DOCUMENT_CONFLICT` */
  put(kind: string, key: string, value: Json, expectedVersion: number, options?: OperationOptions): Promise<StoredDocument>
  /** All of a kind, a page at a time; one that is changed meanwhile is in it once, as it was before or after. */
  list(kind: string, page: PageOptions, options?: OperationOptions): Promise<DocumentPage>
  /** Deletes a document of that version. @throws OpspawnError `DOCUMENT_CONFLICT`, also when there is none */
  delete(kind: string, key: string, expectedVersion: number, options?: OperationOptions): Promise<void>
}

/**
 * Owns the work: runs, their histories, leases, signals, spending. Everything that belongs together changes in one
 * transaction. Times are the store's own clock. A call that rejects has changed nothing, unless its error is
 * `STORE_FAILED`: then it may have, and repeating it is safe (the fence and the expected sequence number see to it).
 * On abort a call rejects with the signal's reason; a write that was under way may have happened.
 */
export interface Store {
  /** Marks a store, and the version of its contract. */
  readonly spec: 'store/1'
  /** How errors and the line at the start call it. */
  readonly name: string
  /** What it can do and what it survives. */
  readonly capabilities: StoreCapabilities
  /**
   * Accepts a run: writes its first event, `queued`, ready at once or at `dueAt`. From then on it is never lost while the
   * store survives. Where it has gates, it is ready once each has room for it: then it takes a place of all of them, and keeps
   * these while it is ready or claimed. A place that comes free goes to the run that waits at the gate: one that was begun
   * before, else the one that {@link ClaimQuery} would put first. A cancelled run is ready without a place.
   *
   * @throws OpspawnError `RUN_EXISTS` when the id, or the idempotency key with another input, is taken; `QUEUE_FULL` when
   * the queue holds as many unfinished, unclaimed runs as the store was told to allow.
   * @property run As it is now.
   * @property created `false`: it was there already, by its idempotency key.
   * @property task To publish once it is due.
   */
  create(run: NewRun, options?: OperationOptions): Promise<Readonly<{ run: RunRecord; created: boolean; task: TaskRef }>>
  /** Takes over ready runs: epoch and deliveries rise by one, a `run-claim` event is written. Gives none where none is ready. */
  claim(query: ClaimQuery, options?: OperationOptions): Promise<readonly Claim[]>
  /** Extends the leases, and tells which are lost and what signals came. */
  heartbeat(fences: readonly Fence[], leaseMs: number, options?: OperationOptions): Promise<Heartbeat>
  /**
   * Writes events behind the last one, all or none. Their `seq` goes on from `expectedSeq` without gaps; their `at` is the
   * worker's reading of the store's clock, which it takes from the run's `updatedAt` at the claim. Gives back the tasks of
   * other runs that `changes.signals`, or a place that came free at a gate, made ready. A worker may send the next one before
   * this is answered: one that comes before its turn is refused with `SEQUENCE_CONFLICT` and sent again.
   *
   * @throws OpspawnError `LEASE_LOST`, `SEQUENCE_CONFLICT`, `BUDGET_EXCEEDED`, `RUN_FINISHED`
   */
  append(
    fence: Fence,
    expectedSeq: number,
    events: readonly RunEvent[],
    changes?: Changes,
    options?: OperationOptions,
  ): Promise<readonly TaskRef[]>
  /** Gives a run up; see {@link ReleaseReason}. The task to publish comes back where the run is ready at once, or another one at a gate of it. */
  release(fence: Fence, reason: ReleaseReason, options?: OperationOptions): Promise<TaskRef | undefined>
  /**
   * Finds runs that are ready and that nobody works on: due, expired or forgotten by the scheduler; of these queues and
   * definitions only, if they are given, so that no worker uses up the hints of another.
   */
  sweep(limit: number, options?: OperationOptions & Pick<ClaimQuery, 'queues' | 'definitions'>): Promise<Swept>
  /**
   * Puts a signal into a run's inbox and makes a waiting run ready. One of {@link URGENT_SIGNALS} also makes a run ready
   * that is paused or quarantined (whose deliveries then count anew), a cancellation also one that is due later. A second
   * signal of an id changes nothing.
   *
   * @throws OpspawnError `RUN_UNKNOWN`, `RUN_FINISHED`; `QUEUE_FULL` when the run has as many signals as the store was told
   * to keep, in its inbox and recorded, that no wait has taken. The engine's own are never refused so.
   * @property accepted `false`: a signal of that id came before.
   * @property task To publish; absent: the signal made nothing ready.
   */
  signal(runId: string, signal: Signal, options?: OperationOptions): Promise<Readonly<{ accepted: boolean; task?: TaskRef }>>
  /** The history from a position on, at most `limit` events. @throws OpspawnError `RUN_UNKNOWN` */
  read(runId: string, fromSeq: number, limit?: number, options?: OperationOptions): Promise<readonly RunEvent[]>
  /** Finds runs, newest first, a page at a time. */
  list(filter: RunFilter, page: PageOptions, options?: OperationOptions): Promise<RunPage>
  /** Documents beside the runs; absent: the store keeps none, and what needs them is refused. */
  readonly documents?: DocumentTable
  /**
   * Runs a function in a transaction, for `transactional` tools: what it writes through `tx`, and the appends under this
   * fence that it makes, are there together once it has resolved, and not at all when it rejects. `tx` is the store's own
   * and may be used until then. Others may have to wait meanwhile, so a store bounds how long one is open.
   *
   * @throws OpspawnError `LEASE_LOST`; `TOOL_TIMEOUT` when it was open for longer than the store allows; what the function throws
   */
  transaction?<T>(fence: Fence, work: (tx: unknown) => Promise<T>): Promise<T>
  /** Closes what was opened. */
  [Symbol.asyncDispose]?(): Promise<void>
}
