import {
  applyEvent,
  applySpending,
  type Changes,
  type Fence,
  type Message,
  type RunEvent,
  type RunEventBody,
  type RunOrigin,
  type RunOutcome,
  type RunView,
  type Signal,
  type Spending,
  type SpendingChange,
  type TaskRef,
} from '../core/index.ts'
import type { Engine } from './engine.ts'
import type { Writing } from './insisting.ts'
import { OnTheWay, type Sent } from './on-the-way.ts'
import { mergeSpending } from './spending.ts'

/**
 * A run's history in this worker's hands: what is recorded here changes the view at once and goes to the store with the
 * next commit, in one transaction, so that an outcome and what was decided upon it are one write.
 */
export class RunLog implements Writing {
  readonly origin: RunOrigin
  readonly view: RunView
  readonly #engine: Engine
  readonly #fence: Fence
  /** What the store's clock is ahead of this worker's. */
  readonly #skewMs: number
  /** What the store's clock was ahead of what has elapsed here, at the claim. */
  readonly #steadyFrom: number
  #now: number
  #batch: RunEvent[] = []
  /** The last event that was sent to the store, or that it had. */
  #sentSeq: number
  #onTheWay: OnTheWay | undefined
  /** What the run has spent with all that was sent; absent where others may spend of it too. */
  #ledger: Spending | undefined
  #consume: string[] | undefined
  #signals: { runId: string; signal: Signal }[] | undefined
  #spending: SpendingChange | undefined
  #end: Changes['end']

  /** @param spending what the run has spent, where nobody else can spend of it */
  constructor(engine: Engine, fence: Fence, origin: RunOrigin, view: RunView, storeNow: number, spending?: Spending) {
    this.#engine = engine
    this.#fence = fence
    this.origin = origin
    this.view = view
    this.#skewMs = storeNow - engine.clock.now()
    this.#steadyFrom = storeNow - engine.elapsed()
    this.#now = Math.max(view.now, storeNow)
    this.#sentSeq = view.seq
    this.#ledger = spending
  }

  /** Looks at the clock. What is recorded until the next look happened at the same time. */
  tick(): void {
    this.#now = Math.max(this.view.now, this.#engine.clock.now() + this.#skewMs)
  }

  /** The store's time at the last look, as well as this worker knows it; never before the last event. */
  now(): number {
    return this.#now
  }

  /**
   * The store's time at the claim and what has elapsed since: durations in this worker's hands go by it, since it stays when
   * a clock is set (S9).
   */
  steady(): number {
    return this.#steadyFrom + this.#engine.elapsed()
  }

  /** When a time of the store's clock comes, by {@link steady}; a clock that is set later changes nothing. */
  toSteady(at: number): number {
    return at - this.#engine.clock.now() - this.#skewMs + this.steady()
  }

  /** The other way round. */
  fromSteady(at: number): number {
    return Math.round(at - this.steady() + this.#engine.clock.now() + this.#skewMs)
  }

  record(body: RunEventBody): void {
    const event = this.draft(body)
    applyEvent(this.view, event)
    // One or two, nearly always, that are kept no longer than the write: a literal takes a fraction of the room of a push.
    const batch = this.#batch
    if (batch.length === 0) this.#batch = [event]
    else if (batch.length === 1) this.#batch = [batch[0] as RunEvent, event]
    else batch.push(event)
  }

  consume(signalId: string): void {
    this.#consume ??= []
    this.#consume.push(signalId)
  }

  spend(change: SpendingChange): void {
    this.#spending = mergeSpending(this.#spending, change)
  }

  /** Drops what was to be set aside, after the store refused it. */
  dropReserve(): void {
    const { reserve: _, ...rest } = this.#spending ?? {}
    this.#spending = rest
  }

  /** Drops a decision whose effects were not all judged, and what came of it: whoever goes on with the run decides anew. */
  dropDecision(): void {
    const at = this.#batch.findIndex(({ type }) => type === 'decision')
    if (at < 0) return
    this.#batch = this.#batch.slice(0, at)
    this.dropReserve()
  }

  send(runId: string, signal: Signal): void {
    this.#signals ??= []
    this.#signals.push({ runId, signal })
  }

  end(outcome: RunOutcome, transcript: readonly Message[] | undefined, successor?: string): void {
    const next = successor === undefined ? undefined : { successor }
    this.record({ type: 'run-end', outcome, ...next })
    const labels = this.view.labels.size === 0 ? undefined : { labels: [...this.view.labels] }
    this.#end = { outcome, ...(transcript === undefined ? undefined : { transcript }), ...labels, ...next }
  }

  get isClean(): boolean {
    return this.#batch.length === 0 && this.#consume === undefined && this.#spending === undefined
  }

  /** Sends what was recorded to the store. When it rejects nothing was written, and all is kept for another try. */
  write(): Promise<readonly TaskRef[]> {
    return this.#append(this.#sentSeq, this.#batch, this.#changes())
  }

  #append(after: number, events: readonly RunEvent[], changes?: Changes): Promise<readonly TaskRef[]> {
    return this.#engine.store.append(this.#fence, after, events, changes)
  }

  /** What was recorded and not sent. */
  get unsent(): readonly RunEvent[] {
    return this.#batch
  }

  /** Whether what was recorded can be sent without waiting: no signals come or go with it, and the run goes on. */
  get maySend(): boolean {
    return this.#consume === undefined && this.#signals === undefined && this.#end === undefined
  }

  /** Whether what is to be set aside is within the limits for certain. */
  get isAffordable(): boolean {
    const change = this.#spending
    if (change?.reserve === undefined) return true
    return this.#ledger !== undefined && typeof applySpending(this.#ledger, change, this.origin.limits) !== 'string'
  }

  /** From now on others spend of the same budget. */
  share(): void {
    this.#ledger = undefined
  }

  /** What was sent and is not known to be written; absent: nothing yet. */
  get onTheWay(): OnTheWay | undefined {
    return this.#onTheWay
  }

  /** Whether something that was sent was not written, as far as is known. */
  get hasFailed(): boolean {
    return this.#onTheWay?.hasFailed === true
  }

  /** Whether something is on its way. */
  get isAhead(): boolean {
    return this.#onTheWay !== undefined && this.#onTheWay.count > 0
  }

  /** Sends what was recorded and does not wait: it is told, in order, when it is written. Calls `failed` should it not be. */
  sendOff(failed: () => void): void {
    const answer = new Promise<readonly TaskRef[]>((resolve) => resolve(this.write()))
    this.#onTheWay ??= new OnTheWay((events, tasks) => this.#tell(events, tasks))
    const write = { after: this.#sentSeq, events: this.#batch, spending: this.#spending, sentAt: this.steady() }
    this.#onTheWay.add(write, answer, failed)
    this.#sentSeq += this.#batch.length
    this.#batch = []
    this.#spent(this.#spending)
    this.#spending = undefined
  }

  /** Writes again what was sent. */
  again({ after, events, spending }: Sent): Writing {
    return {
      write: () => this.#append(after, events, spending === undefined ? undefined : { spending }),
      isWritten: () => this.#has(after, events),
      written: (tasks) => this.#tell(events, tasks),
    }
  }

  /** An event that is not in the view yet: one that a transaction may take back. */
  draft(body: RunEventBody): RunEvent {
    return placed(body, this.view.seq + 1, this.#now)
  }

  /** Sends a draft to the store; nothing else may be waiting to be written. */
  writeDraft(draft: RunEvent): Promise<readonly TaskRef[]> {
    return this.#append(this.#sentSeq, [draft])
  }

  /** Whether the store has a draft; see {@link isWritten}. */
  hasDraft(draft: RunEvent): Promise<boolean> {
    return this.#has(this.#sentSeq, [draft])
  }

  /** Takes note that a draft is part of the history for good. */
  draftWritten(draft: RunEvent, tasks: readonly TaskRef[]): void {
    applyEvent(this.view, draft)
    this.#batch = [draft]
    this.written(tasks)
  }

  /** Whether the store has the batch: only this worker can have written events behind the last one, or another's claim. */
  isWritten(): Promise<boolean> {
    return this.#has(this.#sentSeq, this.#batch)
  }

  async #has(after: number, { length }: readonly RunEvent[]): Promise<boolean> {
    const events = await this.#engine.store.read(this.origin.runId, after + 1, length)
    return events.length === length && !events.some(({ type }) => type === 'run-claim')
  }

  /** Takes note that it was written, and tells whoever watches. */
  written(tasks: readonly TaskRef[]): void {
    this.tick()
    // It could only be written behind all that was sent before.
    this.#onTheWay?.arrive()
    const batch = this.#batch
    this.#sentSeq += batch.length
    this.#batch = []
    this.#consume = undefined
    const told = this.#signals
    this.#signals = undefined
    this.#spent(this.#spending)
    this.#spending = undefined
    this.#tell(batch, tasks)
    // Those that wait were given tasks; one that runs in this process is told to look.
    if (told !== undefined) for (const { runId } of told) this.#engine.poke(runId)
  }

  #tell(events: readonly RunEvent[], tasks: readonly TaskRef[]): void {
    this.#engine.hub.recorded(this.origin.runId, events)
    if (tasks.length > 0) this.#engine.publish(tasks)
  }

  #spent(change: SpendingChange | undefined): void {
    if (this.#ledger === undefined || change === undefined) return
    const spent = applySpending(this.#ledger, change, this.origin.limits)
    this.#ledger = typeof spent === 'string' ? undefined : spent
  }

  #changes(): Changes | undefined {
    if (this.#consume === undefined && this.#signals === undefined && this.#spending === undefined && this.#end === undefined)
      return undefined
    const changes: { -readonly [K in keyof Changes]: Changes[K] } = {}
    if (this.#consume !== undefined) changes.consume = this.#consume
    if (this.#signals !== undefined) changes.signals = this.#signals
    if (this.#spending !== undefined) changes.spending = this.#spending
    if (this.#end !== undefined) changes.end = this.#end
    return changes
  }
}

/**
 * An event at its place. The two that every step has are written out: what a spread adds to a copy stands in a list of its
 * own, in each of the objects that live as long as the run.
 */
function placed(body: RunEventBody, seq: number, at: number): RunEvent {
  if (body.type === 'effect-end' && body.labels === undefined) {
    const { type, key, outcome, durationMs } = body
    return { type, key, outcome, durationMs, version: 1, seq, at }
  }
  if (body.type === 'decision' && body.state === undefined && body.reserved === undefined) {
    const { type, effects } = body
    return { type, effects, version: 1, seq, at }
  }
  return { ...body, version: 1, seq, at }
}
