import {
  OpspawnError,
  RUN_TRANSITIONS,
  canonicalJson,
  isFinal,
  URGENT_SIGNALS,
  requireTransition,
  type Changes,
  type Claim,
  type ClaimQuery,
  type Clock,
  type Fence,
  type Heartbeat,
  type NewRun,
  type OperationOptions,
  type ReleaseReason,
  type RunEvent,
  type RunFilter,
  type RunPage,
  type RunRecord,
  type Signal,
  type Store,
  type StoreCapabilities,
  type TaskRef,
} from '../../core/index.ts'
import { Agenda } from './agenda.ts'
import { Catalog } from './catalog.ts'
import {
  addEvent,
  addSignal,
  createMemoryRun,
  isClaimable,
  isOwner,
  makeQueued,
  removeSignals,
  setStatus,
  toRecord,
  type MemoryRun,
} from './memory-run.ts'
import { spend } from './spend.ts'

/** How much a memory store holds, and by which clock it goes. */
export interface MemoryStoreOptions {
  /** Only its `now` is used; the store sets no timers. @default the system's clock */
  readonly clock?: Clock
  /** Unfinished runs that nobody owns, per queue; one more is refused with `QUEUE_FULL`. @default 10_000 */
  readonly capacity?: number
  /** Finished runs kept; past it the one that finished first is forgotten with its history and its idempotency key. @default 10_000 */
  readonly retain?: number
  /** Finished runs whose history is kept; of the others only the summary can be listed. @default 100 */
  readonly retainHistories?: number
}

/**
 * A store in the memory of this process: nothing survives its end. For tests, for trying things out, and for work that
 * may be lost. All parts of a call happen in one turn of the event loop, so every call is atomic.
 *
 * Events and everything in them are kept as given, not copied: whoever passes them must not change them afterwards.
 * Arrays and records that are given back are the caller's own.
 *
 * A sweep gives a ready run's task again only when the last hint of it is more than a second old, then two, four and so
 * on up to a minute: a lost hint is made good, and a long queue is not published anew each time. `nextDueAt` is when the
 * next sweep would find something; it is past when `limit` left something out.
 *
 * A heartbeat tells of a signal once in each claim; the next claim gives all that is unconsumed.
 *
 * @throws OpspawnError `LIMIT_INVALID`, `OPTIONS_INVALID`
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  checkOptions(options)
  const { clock, capacity = 10_000, retain = 10_000, retainHistories = 100 } = options
  return new MemoryStore(clock === undefined ? Date.now : () => clock.now(), capacity, new Catalog(retain, retainHistories))
}

const LIMITS = ['capacity', 'retain', 'retainHistories'] as const

function checkOptions(options: MemoryStoreOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new OpspawnError('OPTIONS_INVALID', `memoryStore must be given an object, not ${String(options)}`)
  const known: readonly string[] = ['clock', ...LIMITS]
  const unknown = Object.keys(options).find((member) => !known.includes(member))
  if (unknown !== undefined)
    throw new OpspawnError('OPTIONS_INVALID', `memoryStore has no member "${unknown}"; it may have ${known.join(', ')}`, {
      details: { member: unknown },
    })
  if (options.clock === null || !['object', 'undefined'].includes(typeof options.clock))
    throw new OpspawnError('OPTIONS_INVALID', 'memoryStore: clock must be an object with a now function')
  for (const member of LIMITS) {
    const value = options[member]
    if (value === undefined || (typeof value === 'number' && value > 0)) continue
    const found = typeof value === 'number' ? String(value) : `a value of type ${typeof value}`
    throw new OpspawnError('LIMIT_INVALID', `memoryStore: ${member} must be a number above 0, not ${found}`, {
      details: { member },
    })
  }
}

const NOTHING_TO_PUBLISH: Promise<readonly TaskRef[]> = Promise.resolve(Object.freeze([]))

class MemoryStore implements Store {
  readonly spec = 'store/1'
  readonly name = 'store-memory'
  readonly capabilities: StoreCapabilities = {
    durability: 'none',
    multiProcess: false,
    multiHost: false,
    liveness: 'lease',
    transactions: false,
  }
  readonly #now: () => number
  readonly #capacity: number
  readonly #catalog: Catalog
  #agenda = new Agenda()
  #accepted = 0

  constructor(now: () => number, capacity: number, catalog: Catalog) {
    this.#now = now
    this.#capacity = capacity
    this.#catalog = catalog
  }

  async create(
    run: NewRun,
    options?: OperationOptions,
  ): Promise<{ readonly run: RunRecord; readonly created: boolean; readonly task: TaskRef }> {
    requireLive(options)
    const { origin, idempotencyKey, queue = 'default' } = run
    const known = idempotencyKey === undefined ? undefined : this.#catalog.byKey(origin.tenant, idempotencyKey)
    if (known !== undefined) {
      if (known.origin.agent !== origin.agent || canonicalJson(known.origin.input) !== canonicalJson(origin.input)) {
        throw new OpspawnError(
          'RUN_EXISTS',
          `idempotency key ${JSON.stringify(idempotencyKey)} belongs to run ${known.origin.runId} with another agent or input`,
        )
      }
      return { run: toRecord(known), created: false, task: known.task }
    }
    if (this.#catalog.get(origin.runId) !== undefined)
      throw new OpspawnError('RUN_EXISTS', `a run with id ${origin.runId} exists`)
    if (this.#agenda.unclaimed(queue) >= this.#capacity) {
      throw new OpspawnError('QUEUE_FULL', `queue ${queue} holds ${this.#capacity} runs that nobody works on; try again later`, {
        details: { queue, capacity: this.#capacity },
      })
    }
    const now = this.#now()
    this.#accepted += 1
    const made = createMemoryRun(run, this.#accepted, now)
    this.#catalog.add(made)
    this.#agenda.settle(made, now, true)
    return { run: toRecord(made), created: true, task: made.task }
  }

  async claim(query: ClaimQuery, options?: OperationOptions): Promise<readonly Claim[]> {
    requireLive(options)
    const { runId, queues, definitions, max = 1 } = query
    const now = this.#now()
    if (runId !== undefined) {
      const run = this.#catalog.get(runId)
      if (run === undefined || !isClaimable(run, query, now)) return []
      return [this.#take(run, query, now)]
    }
    const claims: Claim[] = []
    while (claims.length < max) {
      const run = this.#agenda.mostUrgent(now, queues, definitions)
      if (run === undefined) break
      claims.push(this.#take(run, query, now))
    }
    return claims
  }

  async heartbeat(fences: readonly Fence[], leaseMs: number, options?: OperationOptions): Promise<Heartbeat> {
    requireLive(options)
    const now = this.#now()
    const lost: Fence[] = []
    const inbox = new Map<string, readonly Signal[]>()
    for (const fence of fences) {
      const run = this.#catalog.get(fence.runId)
      if (run === undefined || !isOwner(run, fence)) {
        lost.push(fence)
        continue
      }
      run.leaseUntil = now + leaseMs
      this.#agenda.settle(run, now, false)
      if (run.inbox.length > run.told) {
        inbox.set(fence.runId, run.inbox.slice(run.told))
        run.told = run.inbox.length
      }
    }
    return { lost, inbox }
  }

  /** Not an async function: it is called twice for every step of every run, and each frame costs as much as the write. */
  append(
    fence: Fence,
    expectedSeq: number,
    events: readonly RunEvent[],
    changes?: Changes,
    options?: OperationOptions,
  ): Promise<readonly TaskRef[]> {
    try {
      requireLive(options)
      return this.#append(this.#owned(fence), expectedSeq, events, changes)
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  #append(
    run: MemoryRun,
    expectedSeq: number,
    events: readonly RunEvent[],
    changes: Changes | undefined,
  ): Promise<readonly TaskRef[]> {
    const { runId } = run.origin
    if (run.events.length !== expectedSeq) {
      throw new OpspawnError(
        'SEQUENCE_CONFLICT',
        `run ${runId} is at event ${run.events.length}, not ${expectedSeq}; read it again`,
      )
    }
    requireGapless(runId, expectedSeq, events)
    const now = this.#now()
    // Everything that can be refused comes first: from here on nothing throws, so an append is never half done.
    if (changes?.end !== undefined) requireTransition(RUN_TRANSITIONS, run.status, changes.end.outcome.status, `run ${runId}`)
    if (changes?.spending !== undefined) spend(run, changes.spending, this.#catalog)
    for (const event of events) run.events.push(event)
    // A run that gets on is no poison, however often its workers change.
    if (run.deliveries > 1 && events.some(({ type }) => type === 'effect-end')) run.deliveries = 1
    run.updatedAt = now
    if (changes === undefined) return NOTHING_TO_PUBLISH
    if (changes.consume !== undefined) removeSignals(run, changes.consume)
    if (changes.end !== undefined) this.#end(run, changes.end, now)
    return changes.signals === undefined ? NOTHING_TO_PUBLISH : Promise.resolve(this.#send(changes.signals, now))
  }

  async release(fence: Fence, reason: ReleaseReason, options?: OperationOptions): Promise<TaskRef | undefined> {
    requireLive(options)
    const run = this.#owned(fence)
    const now = this.#now()
    const isReady =
      reason.how === 'drain' || (reason.how === 'wait' && (run.inbox.length > 0 || (reason.dueAt ?? Infinity) <= now))
    run.workerId = undefined
    if (reason.how === 'wait') run.deliveries = 0
    else if (reason.how !== 'quarantine') run.deliveries -= 1
    if (isReady) makeQueued(run, now)
    else if (reason.how === 'wait') {
      setStatus(run, 'waiting', now)
      run.dueAt = reason.dueAt
    } else setStatus(run, reason.how === 'park' ? 'paused' : 'quarantined', now)
    this.#agenda.settle(run, now, true)
    return isReady ? run.task : undefined
  }

  async sweep(
    limit: number,
    options: OperationOptions & Pick<ClaimQuery, 'queues' | 'definitions'> = {},
  ): Promise<{ readonly tasks: readonly TaskRef[]; readonly nextDueAt?: number }> {
    requireLive(options)
    const { queues, definitions } = options
    return this.#agenda.sweep(
      limit,
      this.#now(),
      (run) => (queues?.includes(run.task.queue) ?? true) && (definitions?.includes(run.definition) ?? true),
    )
  }

  async signal(
    runId: string,
    signal: Signal,
    options?: OperationOptions,
  ): Promise<{ readonly accepted: boolean; readonly task?: TaskRef }> {
    requireLive(options)
    const run = this.#known(runId)
    if (isFinal(run.status)) throw finished(runId)
    if (!addSignal(run, signal)) return { accepted: false }
    return this.#wake(run, signal.name, this.#now()) ? { accepted: true, task: run.task } : { accepted: true }
  }

  async read(runId: string, fromSeq: number, limit?: number, options?: OperationOptions): Promise<readonly RunEvent[]> {
    requireLive(options)
    const { events, forgottenAt } = this.#known(runId)
    if (forgottenAt !== undefined) {
      throw new OpspawnError(
        'RUN_UNKNOWN',
        `the history of run ${runId} was let go; memoryStore keeps those of the last runs (retainHistories)`,
      )
    }
    const start = Math.max(fromSeq, 1) - 1
    return limit === undefined ? events.slice(start) : events.slice(start, start + limit)
  }

  async list(
    filter: RunFilter,
    page: { readonly cursor?: string; readonly limit?: number },
    options?: OperationOptions,
  ): Promise<RunPage> {
    requireLive(options)
    return this.#catalog.list(filter, page)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#catalog.clear()
    this.#agenda = new Agenda()
  }

  #known(runId: string): MemoryRun {
    const run = this.#catalog.get(runId)
    if (run === undefined) throw new OpspawnError('RUN_UNKNOWN', `no run has the id ${runId}`)
    return run
  }

  #owned(fence: Fence): MemoryRun {
    const run = this.#catalog.get(fence.runId)
    if (run !== undefined && isOwner(run, fence)) return run
    if (run !== undefined && isFinal(run.status)) throw finished(fence.runId)
    throw new OpspawnError(
      'LEASE_LOST',
      `worker ${fence.workerId} no longer owns run ${fence.runId} (its epoch ${fence.epoch}, now ${run?.epoch ?? 'unknown'})`,
    )
  }

  #take(run: MemoryRun, query: ClaimQuery, now: number): Claim {
    makeQueued(run, now)
    setStatus(run, 'running', now)
    run.epoch += 1
    run.deliveries += 1
    run.dueAt = undefined
    run.workerId = query.workerId
    run.leaseUntil = now + query.leaseMs
    run.told = run.inbox.length
    addEvent(run, { type: 'run-claim', epoch: run.epoch, worker: query.workerId }, now)
    this.#agenda.settle(run, now, false)
    return {
      fence: { runId: run.origin.runId, epoch: run.epoch, workerId: query.workerId },
      run: toRecord(run),
      inbox: [...run.inbox],
    }
  }

  #end(run: MemoryRun, end: NonNullable<Changes['end']>, now: number): void {
    setStatus(run, end.outcome.status, now)
    run.outcome = end.outcome
    run.transcript = end.transcript
    run.labels = end.labels
    run.workerId = undefined
    run.inbox = []
    run.signalIds = undefined
    this.#agenda.settle(run, now, false)
    this.#catalog.finish(run)
  }

  #send(signals: NonNullable<Changes['signals']>, now: number): readonly TaskRef[] {
    const tasks: TaskRef[] = []
    for (const { runId, signal } of signals) {
      const target = this.#catalog.get(runId)
      if (target === undefined || isFinal(target.status)) continue
      if (addSignal(target, signal) && this.#wake(target, signal.name, now)) tasks.push(target.task)
    }
    return tasks
  }

  /** Makes a waiting run ready; for the engine's own requests also one that is due later or set aside. */
  #wake(run: MemoryRun, name: string, now: number): boolean {
    const isLater = run.status === 'queued' && run.dueAt !== undefined && run.dueAt > now
    const isAside = run.status === 'paused' || run.status === 'quarantined'
    if (run.status !== 'waiting' && !((isLater || isAside) && URGENT_SIGNALS.includes(name))) return false
    if (run.status === 'quarantined') run.deliveries = 0
    if (!isLater) makeQueued(run, now)
    run.dueAt = undefined
    this.#agenda.settle(run, now, true)
    return true
  }
}

function requireLive(options: OperationOptions | undefined): void {
  if (options?.signal?.aborted === true) throw options.signal.reason
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

function finished(runId: string): OpspawnError {
  return new OpspawnError('RUN_FINISHED', `run ${runId} has ended`)
}
