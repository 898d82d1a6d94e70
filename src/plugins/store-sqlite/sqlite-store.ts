import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import {
  OpspawnError,
  NO_SPENDING,
  URGENT_SIGNALS,
  type Changes,
  type Claim,
  type ClaimQuery,
  type DocumentTable,
  type Fence,
  type Heartbeat,
  type NewRun,
  type OperationOptions,
  type PageOptions,
  type ReleaseReason,
  type RunEvent,
  type RunFilter,
  type RunPage,
  type RunRecord,
  type Signal,
  type Store,
  type StoreCapabilities,
  type Swept,
  type TaskRef,
} from '../../core/index.ts'
import { abortable } from './abortable.ts'
import { isSame, toBrought } from './brought-in.ts'
import type { CopierCalls } from './copier.ts'
import { Documents } from './documents.ts'
import { toAccepted, toChanging } from './encoding.ts'
import { HeldLeases } from './held-leases.ts'
import { Lane } from './lane.ts'
import type { AppendArguments, At, KeeperCalls, ThreadData, WriterCalls } from './message.ts'
import { checkOptions, type Settings, type SqliteStoreOptions } from './options.ts'
import { PRUNE_BATCH } from './prune.ts'
import { monotonicNow, SharedState } from './shared-state.ts'
import { startThread, type StartThread } from './thread-host.ts'
import { OpenTransaction, withTransaction } from './transaction.ts'

/** A store in a SQLite file, with what can be done to the file itself. */
export interface SqliteStore extends Store {
  /** The file. */
  readonly path: string
  readonly documents: DocumentTable
  transaction<T>(fence: Fence, work: (tx: unknown) => Promise<T>): Promise<T>
  /** Opens the file now, instead of at the first call. @throws OpspawnError `STORE_FAILED`, `PLUGIN_PACKAGE_MISSING` */
  open(): Promise<void>
  /** Deletes the finished runs that the option `retain` lets go; gives how many. This also happens by itself. */
  prune(): Promise<number>
  /** Gives the space of what was deleted back to the disk. Writers wait meanwhile, so it is for quiet hours. */
  vacuum(): Promise<void>
  /** Copies the file as it is at one moment, while runs go on. The copy must not exist. @throws OpspawnError `STORE_FAILED` */
  backup(toPath: string): Promise<void>
  /**
   * Takes in a run that another store has had, as `opspawn events export` writes it: its record and its whole history, all
   * or nothing. Gives `false` where it is here already, with this history or a longer one. A run that has not ended is
   * `paused`, since signals that waited for it are not part of its history.
   *
   * @throws OpspawnError `OPTIONS_INVALID` for what does not fit together, `RUN_EXISTS` where its id or its idempotency key
   * belongs to another run
   */
  bringIn(record: RunRecord, events: readonly RunEvent[]): Promise<boolean>
  [Symbol.asyncDispose](): Promise<void>
}

/** Makes the threads of a store. */
export type StartThreads = (name: 'writer' | 'keeper' | 'copier', data: ThreadData) => StartThread

/** How often finished runs are looked at that are to be deleted. */
const PRUNE_EVERY_MS = 60_000
const DEFAULT_PAGE = 100

/**
 * A store in one SQLite file: runs survive the process and, with each commit synced to the disk, a power cut. Several
 * processes of one machine may use the file. Writes happen in a thread, in groups that share a commit; another thread
 * reads, renews leases, and shows other processes that this one lives. Nothing blocks the event loop, and no thread keeps
 * the process alive once all is answered.
 *
 * The file is opened at the first call. What is passed in must be JSON, and is copied.
 *
 * @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID`
 */
export function sqliteStore(options: SqliteStoreOptions): SqliteStore {
  return new FileStore(checkOptions(options), startThread)
}

/** The store behind {@link sqliteStore}, with threads of the caller's choice. */
export class FileStore implements SqliteStore {
  readonly spec = 'store/1'
  readonly name = 'store-sqlite'
  readonly path: string
  readonly capabilities: StoreCapabilities
  readonly documents: Documents
  readonly #settings: Settings
  readonly #startThreads: StartThreads
  readonly #shared = new SharedState()
  readonly #now: () => number
  readonly #mono: () => number
  readonly #held: HeldLeases
  readonly #writer: Lane<WriterCalls>
  readonly #keeper: Lane<KeeperCalls>
  /** By run: appends of its owner join them. */
  readonly #transactions = new Map<string, OpenTransaction>()
  /** Names the keeper's lock: a new one for each keeper, since a lock dies with its thread. */
  #owner = ''
  #cancelPrune: (() => void) | undefined
  #closing: Promise<void> | undefined

  constructor(settings: Settings, startThreads: StartThreads) {
    const { path, durability, clock } = settings
    this.path = path
    this.capabilities = { durability, multiProcess: true, multiHost: false, liveness: 'lock', transactions: true, gates: true }
    this.#settings = settings
    this.#startThreads = startThreads
    this.#now = clock === undefined ? Date.now : () => clock.now()
    this.#mono = clock === undefined ? monotonicNow : () => clock.elapsed?.() ?? clock.now()
    this.#held = new HeldLeases(this.#mono, this.#shared, clock === undefined)
    this.#writer = new Lane((...events) => startThreads('writer', this.#threadData())(...events), path)
    this.#keeper = new Lane((...events) => {
      this.#owner = randomUUID()
      return startThreads('keeper', this.#threadData())(...events)
    }, path)
    this.documents = new Documents(this.#writer, this.#keeper, () => this.#at())
    this.#schedulePrune()
  }

  async open(): Promise<void> {
    await Promise.all([this.#writer.ready(), this.#keeper.ready()])
  }

  async create(run: NewRun, options?: OperationOptions): Promise<Readonly<{ run: RunRecord; created: boolean; task: TaskRef }>> {
    const at = this.#at()
    const accepted = await abortable(options, () =>
      this.#writer.call('create', at, this.#settings.capacity, toAccepted(run, at.now)),
    )
    const record = accepted.created ? newRecord(run, at.now, accepted.gate) : (JSON.parse(accepted.record) as RunRecord)
    const { runId, queue, agent, priority } = record
    return { run: record, created: accepted.created, task: { runId, queue, agent, priority } }
  }

  async claim(query: ClaimQuery, options?: OperationOptions): Promise<readonly Claim[]> {
    const { workerId, leaseMs, runId, queues, definitions, max = 1 } = query
    return abortable(options, async () => {
      // A claim without a lock would look like that of a dead process.
      await this.#keeper.ready()
      const at = this.#at()
      const claiming = { workerId, owner: this.#owner, leaseMs, runId, queues, definitions, max }
      const claimed = await this.#writer.call('claim', at, claiming)
      return claimed.map(([id, epoch, record, inbox, history]) => {
        const fence = { runId: id, epoch, workerId }
        this.#held.hold(fence, at.mono, leaseMs)
        const claim = { fence, run: JSON.parse(record) as RunRecord, inbox: JSON.parse(inbox) as Signal[] }
        return history === undefined ? claim : { ...claim, history: (JSON.parse(history) as RunEvent[][]).flat() }
      })
    })
  }

  async heartbeat(fences: readonly Fence[], leaseMs: number, options?: OperationOptions): Promise<Heartbeat> {
    const at = this.#at()
    const beaten = await abortable(options, () => this.#keeper.call('heartbeat', at, fences, leaseMs))
    const lost = new Set(beaten.lost)
    for (const [index, fence] of fences.entries()) {
      if (lost.has(index)) this.#held.drop(fence)
      else this.#held.hold(fence, at.mono, leaseMs)
    }
    return {
      lost: fences.filter((_, index) => lost.has(index)),
      inbox: new Map(beaten.inbox.map(([runId, signals]) => [runId, JSON.parse(signals) as Signal[]])),
    }
  }

  /** Not an async function: it is called for every step of every run. */
  append(
    fence: Fence,
    expectedSeq: number,
    events: readonly RunEvent[],
    changes?: Changes,
    options?: OperationOptions,
  ): Promise<readonly TaskRef[]> {
    try {
      requireGapless(fence.runId, expectedSeq, events)
      const refusal = this.#held.refusal(fence)
      if (refusal !== undefined) throw refusal
      const { runId, epoch, workerId } = fence
      const changing = changes === undefined ? undefined : toChanging(changes)
      const text = events.length === 0 ? '' : JSON.stringify(events)
      const hasProgress = events.some(({ type }) => type === 'effect-end')
      const now = this.#now()
      const args: AppendArguments = [now, runId, epoch, workerId, expectedSeq, events.length, text, hasProgress, changing]
      const joined = this.#transactions.size === 0 ? undefined : this.#transactions.get(runId)
      const call = (): Promise<readonly TaskRef[] | undefined> =>
        joined?.fence.epoch === epoch ? joined.append(args) : this.#writer.call('append', ...args)
      return abortable(options, call).then((tasks) => {
        if (changes?.end !== undefined) this.#held.drop(fence)
        return tasks ?? []
      })
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  async release(fence: Fence, reason: ReleaseReason, options?: OperationOptions): Promise<TaskRef | undefined> {
    const task = await abortable(options, () => this.#writer.call('release', this.#at(), fence, reason))
    this.#held.drop(fence)
    return task
  }

  async sweep(limit: number, options: OperationOptions & Pick<ClaimQuery, 'queues' | 'definitions'> = {}): Promise<Swept> {
    const { queues, definitions } = options
    return abortable(options, () => this.#keeper.call('sweep', this.#at(), { limit, queues, definitions }))
  }

  async signal(
    runId: string,
    { id, name, payload }: Signal,
    options?: OperationOptions,
  ): Promise<Readonly<{ accepted: boolean; task?: TaskRef }>> {
    // The request would wait for the transaction of the very call that it is to end.
    if (name === URGENT_SIGNALS[0]) await this.#transactions.get(runId)?.rollBack()
    return abortable(options, () =>
      this.#writer.call('signal', this.#at(), this.#settings.signals, [runId, id, name, JSON.stringify(payload)]),
    )
  }

  async read(runId: string, fromSeq: number, limit?: number, options?: OperationOptions): Promise<readonly RunEvent[]> {
    const text = await abortable(options, () => this.#keeper.call('read', runId, fromSeq, limit))
    const events = (JSON.parse(text) as RunEvent[][]).flat()
    // Events of one append come together, also those before and behind what was asked for.
    const from = Math.max(fromSeq, 1) - (events[0]?.seq ?? 1)
    return from <= 0 && limit === undefined ? events : events.slice(from, limit === undefined ? undefined : from + limit)
  }

  async list(filter: RunFilter, page: PageOptions, options?: OperationOptions): Promise<RunPage> {
    const { cursor, limit = DEFAULT_PAGE } = page
    const before = cursor === undefined ? undefined : Number(cursor)
    if (before !== undefined && !Number.isSafeInteger(before))
      throw new OpspawnError('OPTIONS_INVALID', `cursor ${JSON.stringify(cursor)} does not come from a listing`)
    const listed = await abortable(options, () => this.#keeper.call('list', filter, before, limit))
    const runs = JSON.parse(listed.records) as RunRecord[]
    return listed.before === undefined ? { runs } : { runs, cursor: String(listed.before) }
  }

  async transaction<T>(fence: Fence, work: (tx: unknown) => Promise<T>): Promise<T> {
    const refusal = this.#held.refusal(fence)
    if (refusal !== undefined) throw refusal
    // Nobody else's lease may run out because of it.
    const limitMs = Math.min(this.#settings.transactionMs, (this.#shared.leaseMs || Infinity) / 3)
    return withTransaction(this.#transactions, new OpenTransaction(this.#writer, fence, limitMs), work)
  }

  async prune(): Promise<number> {
    let gone = 0
    for (let last = PRUNE_BATCH; last >= PRUNE_BATCH; gone += last)
      last = await this.#writer.call('prune', this.#at(), this.#settings.retain)
    return gone
  }

  async vacuum(): Promise<void> {
    await this.#writer.call('vacuum')
  }

  async backup(toPath: string): Promise<void> {
    if (typeof toPath !== 'string' || toPath === '')
      throw new OpspawnError('OPTIONS_INVALID', 'backup: give the path of a new file')
    const copier = new Lane<CopierCalls>(this.#startThreads('copier', this.#threadData()), this.path)
    try {
      await copier.call('copy', resolve(toPath))
    } finally {
      await copier.close()
    }
  }

  async bringIn(record: RunRecord, events: readonly RunEvent[]): Promise<boolean> {
    const brought = toBrought(record, events)
    try {
      await this.#writer.call('bringIn', brought)
      return true
    } catch (error) {
      // Written before, by a call whose answer never came, or by an earlier one that was broken off later.
      const isHere =
        OpspawnError.is(error, 'RUN_EXISTS') && (await this.list({ runId: record.runId }, { limit: 1 })).runs.length > 0
      if (isHere && isSame(await this.read(record.runId, 1, events.length), events)) return false
      throw error
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#cancelPrune?.()
    await this.#writer.close()
    // Last, for its lock says that this process works on its runs.
    await this.#keeper.close()
    this.#held.close()
  }

  #at(): At {
    return { now: this.#now(), mono: this.#mono() }
  }

  #threadData(): ThreadData {
    const { path, durability, busyMs, anyFileSystem } = this.#settings
    return { path, durability, busyMs, anyFileSystem, owner: this.#owner, shared: this.#shared.buffer }
  }

  #schedulePrune(): void {
    const { retain, clock } = this.#settings
    if (retain.finishedForMs === undefined && retain.finishedRuns === undefined) return
    const again = (): void => {
      // What could not be deleted now is tried again at the next time.
      this.prune().catch(() => {})
      this.#schedulePrune()
    }
    if (clock !== undefined) {
      this.#cancelPrune = clock.setTimer(PRUNE_EVERY_MS, again)
      return
    }
    const timer = setTimeout(again, PRUNE_EVERY_MS)
    timer.unref()
    this.#cancelPrune = () => clearTimeout(timer)
  }
}

function newRecord(run: NewRun, now: number, gate: string | undefined): RunRecord {
  const { messages: _, ...summary } = run.origin
  return {
    ...summary,
    status: 'queued',
    seq: 1 + (run.history?.length ?? 0),
    epoch: 0,
    deliveries: 0,
    createdAt: now,
    updatedAt: now,
    ...(run.dueAt !== undefined && { dueAt: run.dueAt }),
    priority: run.priority ?? 0,
    queue: run.queue ?? 'default',
    ...(run.idempotencyKey !== undefined && { idempotencyKey: run.idempotencyKey }),
    ...(gate !== undefined && { gate }),
    spending: NO_SPENDING,
  }
}

/** A history with a hole could never be read again, so positions are checked although the worker gives them. */
function requireGapless(runId: string, expectedSeq: number, events: readonly RunEvent[]): void {
  let seq = expectedSeq
  for (const event of events) {
    seq += 1
    if (event.seq !== seq)
      throw new OpspawnError('SEQUENCE_CONFLICT', `run ${runId}: an event at position ${seq} says that it is ${event.seq}`)
  }
}
