import {
  OpspawnError,
  RUN_TRANSITIONS,
  canonicalJson,
  isFinal,
  requireTransition,
  type Changes,
  type Claim,
  type ClaimQuery,
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
  type TaskRef,
} from '../../core/index.ts'
import { Agenda } from './agenda.ts'
import { Catalog } from './catalog.ts'
import { Documents } from './documents.ts'
import { addSignal, isReadyAfter, removeSignals, takeLeft, takeNews, wakeUp } from './inbox.ts'
import {
  addEvent,
  createMemoryRun,
  isClaimable,
  isOwner,
  makeQueued,
  requireNext,
  setStatus,
  toRecord,
  type MemoryRun,
} from './memory-run.ts'
import { checkOptions, keptHistories, type MemoryStoreOptions } from './options.ts'
import { BEGUN } from './order.ts'
import { requireLive } from './require-live.ts'
import { spend } from './spend.ts'
import { StoreClock } from './store-clock.ts'

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
  const { clock, capacity = 10_000, signals = 1_000, retain = 10_000, retainHistories } = options
  return new MemoryStore(new StoreClock(clock), { capacity, signals }, new Catalog(retain, keptHistories(retainHistories)))
}

const NOTHING_TO_PUBLISH: Promise<readonly TaskRef[]> = Promise.resolve(Object.freeze([]))

type Limits = Required<Pick<MemoryStoreOptions, 'capacity' | 'signals'>>

class MemoryStore implements Store {
  readonly spec = 'store/1'
  readonly name = 'store-memory'
  readonly capabilities: StoreCapabilities = {
    durability: 'none',
    multiProcess: false,
    multiHost: false,
    liveness: 'lease',
    transactions: false,
    gates: true,
  }
  readonly documents: Documents
  readonly #clock: StoreClock
  readonly #limits: Limits
  readonly #catalog: Catalog
  #agenda = new Agenda()
  #accepted = 0

  constructor(clock: StoreClock, limits: Limits, catalog: Catalog) {
    this.documents = new Documents(clock.now)
    this.#clock = clock
    this.#limits = limits
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
    const { capacity } = this.#limits
    if (this.#agenda.unclaimed(queue) >= capacity) {
      throw new OpspawnError('QUEUE_FULL', `queue ${queue} holds ${capacity} runs that nobody works on; try again later`, {
        details: { queue, capacity },
      })
    }
    const now = this.#clock.now()
    this.#accepted += 1
    const made = createMemoryRun(run, this.#accepted, now)
    this.#catalog.add(made)
    this.#agenda.settle(made, now, true)
    return { run: toRecord(made), created: true, task: made.task }
  }

  async claim(query: ClaimQuery, options?: OperationOptions): Promise<readonly Claim[]> {
    requireLive(options)
    const { runId, queues, definitions, max = 1 } = query
    const now = this.#clock.look(this.#catalog, this.#agenda)
    if (runId !== undefined) {
      const run = this.#catalog.get(runId)
      // What has fallen due asks its gates first.
      if (run?.gates !== undefined) this.#agenda.promote(now)
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
    const now = this.#clock.look(this.#catalog, this.#agenda)
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
      const news = takeNews(run)
      if (news !== undefined) inbox.set(fence.runId, news)
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
    requireNext(run, expectedSeq, events)
    const now = this.#clock.now()
    // Everything that can be refused comes first: from here on nothing throws, so an append is never half done.
    if (changes?.end !== undefined) requireTransition(RUN_TRANSITIONS, run.status, changes.end.outcome.status, `run ${runId}`)
    if (changes?.spending !== undefined) spend(run, changes.spending, this.#catalog)
    for (const event of events) run.events.push(event)
    // A run that gets on is no poison, however often its workers change.
    if (run.deliveries > 1 && events.some(({ type }) => type === 'effect-end')) run.deliveries = 1
    run.updatedAt = now
    if (changes === undefined) return NOTHING_TO_PUBLISH
    if (changes.consume !== undefined) removeSignals(run, changes.consume)
    if (changes.end !== undefined) return Promise.resolve(this.#end(run, changes.end, changes.signals, now))
    return changes.signals === undefined ? NOTHING_TO_PUBLISH : Promise.resolve(this.#send(changes.signals, now))
  }

  async release(fence: Fence, reason: ReleaseReason, options?: OperationOptions): Promise<TaskRef | undefined> {
    requireLive(options)
    const run = this.#owned(fence)
    const now = this.#clock.now()
    const isReady = isReadyAfter(reason, run, now)
    run.workerId = undefined
    if (reason.how === 'wait' || (reason.how === 'quarantine' && isReady)) run.deliveries = 0
    else if (reason.how !== 'quarantine') run.deliveries -= 1
    if (isReady) makeQueued(run, now)
    else if (reason.how === 'wait') {
      setStatus(run, 'waiting', now)
      run.dueAt = reason.dueAt
    } else setStatus(run, reason.how === 'park' ? 'paused' : 'quarantined', now)
    const [passed] = this.#agenda.settle(run, now, true)
    return isReady && run.gate === undefined ? run.task : passed
  }

  async sweep(
    limit: number,
    options: OperationOptions & Pick<ClaimQuery, 'queues' | 'definitions'> = {},
  ): Promise<{ readonly tasks: readonly TaskRef[]; readonly nextDueAt?: number }> {
    requireLive(options)
    const { queues, definitions } = options
    return this.#agenda.sweep(
      limit,
      this.#clock.look(this.#catalog, this.#agenda),
      (run) => (queues?.includes(run.task.queue) ?? true) && (definitions?.includes(run.definition) ?? true),
    )
  }

  async signal(
    runId: string,
    signal: Signal,
    options?: OperationOptions,
  ): Promise<{ readonly accepted: boolean; readonly task?: TaskRef }> {
    requireLive(options)
    const run = this.#catalog.current(runId, signal) ?? this.#known(runId)
    if (isFinal(run.status)) throw finished(runId)
    if (!addSignal(run, signal, this.#limits.signals)) return { accepted: false }
    return this.#wake(run, signal, this.#clock.now()) ? { accepted: true, task: run.task } : { accepted: true }
  }

  async read(runId: string, fromSeq: number, limit?: number, options?: OperationOptions): Promise<readonly RunEvent[]> {
    requireLive(options)
    const { events, forgottenAt } = this.#known(runId)
    if (forgottenAt !== undefined) {
      throw new OpspawnError(
        'RUN_UNKNOWN',
        `the history of run ${runId} was let go; memoryStore keeps those of the last runs; give a retainHistories for more`,
      )
    }
    const start = Math.max(fromSeq, 1) - 1
    return limit === undefined ? events.slice(start) : events.slice(start, start + limit)
  }

  async list(filter: RunFilter, page: PageOptions, options?: OperationOptions): Promise<RunPage> {
    requireLive(options)
    return this.#catalog.list(filter, page)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#catalog.clear()
    this.documents.clear()
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
    run.place = BEGUN
    addEvent(run, { type: 'run-claim', epoch: run.epoch, worker: query.workerId }, now)
    this.#agenda.settle(run, now, false)
    const fence = { runId: run.origin.runId, epoch: run.epoch, workerId: query.workerId }
    return { fence, run: toRecord(run), inbox: run.inbox.slice() }
  }

  /** Sends the signals of the append, behind what is left for a successor; gives the tasks of runs that are ready with it. */
  #end(run: MemoryRun, end: NonNullable<Changes['end']>, sent: Changes['signals'] = [], now: number): readonly TaskRef[] {
    setStatus(run, end.outcome.status, now)
    run.outcome = end.outcome
    run.transcript = end.transcript
    run.labels = end.labels
    run.successor = end.successor
    run.workerId = undefined
    const left = takeLeft(run)
    const passed = this.#agenda.settle(run, now, false)
    this.#catalog.finish(run)
    const woken = left.length + sent.length === 0 ? passed : this.#send([...left, ...sent], now)
    return passed.length === 0 || woken === passed ? woken : [...passed, ...woken]
  }

  /** Runs tell each other of ends alone, so there is no limit: a parent that is not told would wait for ever. */
  #send(signals: NonNullable<Changes['signals']>, now: number): readonly TaskRef[] {
    const tasks: TaskRef[] = []
    for (const { runId, signal } of signals) {
      const target = this.#catalog.current(runId, signal)
      if (target === undefined || isFinal(target.status)) continue
      if (addSignal(target, signal, Infinity) && this.#wake(target, signal, now)) tasks.push(target.task)
    }
    return tasks
  }

  /** Gives whether the signal made the run ready. */
  #wake(run: MemoryRun, signal: Signal, now: number): boolean {
    if (!wakeUp(run, signal, now)) return false
    this.#agenda.settle(run, now, true)
    return run.gate === undefined
  }
}

function finished(runId: string): OpspawnError {
  return new OpspawnError('RUN_FINISHED', `run ${runId} has ended`)
}
