import { isRecorded, type LiveEvent, OpspawnError, type RunEvent, type RunStreamEvent } from '../core/index.ts'
import type { Engine } from './engine.ts'
import { pollStore, requireRecord } from './look-up.ts'

/** Live events that may wait for a slow listener; the rest is dropped and said so. */
const MAX_WAITING = 10_000
/** Events read from the store at once. */
const PAGE = 1_000

/** What a stream needs of its orchestrator. */
export interface StreamContext {
  readonly engine: Engine
  readonly closed: AbortSignal
  readonly hold: () => () => void
}

/**
 * Opens a run's stream of events: history behind a cursor from the store, then what happens in this process as it
 * happens. Watching begins at once, so that nothing falls between the two.
 */
export function openEventStream(
  context: StreamContext,
  runId: string,
  afterSeq: number,
  signal: AbortSignal | undefined,
): AsyncIterator<RunStreamEvent> {
  return new EventStream(context, runId, afterSeq, signal)
}

class EventStream implements AsyncIterator<RunStreamEvent> {
  readonly #engine: Engine
  readonly #runId: string
  readonly #signal: AbortSignal | undefined
  readonly #closed: AbortSignal
  readonly #stops: (() => void)[] = []
  /** What came while nobody asked: recorded and live events in their order. */
  #waiting: RunStreamEvent[] = []
  #read = 0
  #dropped = 0
  #cursor: number
  /** The store has events that did not come this way. */
  #behind = true
  #page: readonly RunEvent[] = []
  #pageRead = 0
  #isOver = false
  #wake: (() => void) | undefined

  constructor({ engine, closed, hold }: StreamContext, runId: string, afterSeq: number, signal: AbortSignal | undefined) {
    this.#engine = engine
    this.#runId = runId
    this.#cursor = afterSeq
    this.#signal = signal
    this.#closed = closed
    this.#stops.push(
      hold(),
      engine.hub.watch(runId, { recorded: (events) => this.#take(events), live: (event) => this.#takeLive(event) }),
    )
    const wake = (): void => this.#wake?.()
    for (const source of [signal, closed]) {
      if (source === undefined) continue
      source.addEventListener('abort', wake, { once: true })
      this.#stops.push(() => source.removeEventListener('abort', wake))
    }
    if (engine.store.capabilities.multiProcess) {
      this.#stops.push(
        pollStore(engine, () => {
          this.#behind = true
          wake()
        }),
      )
    }
  }

  next(): Promise<IteratorResult<RunStreamEvent>> {
    // The usual case while a model streams: something is there already.
    if (!this.#behind && this.#read < this.#waiting.length && this.#dropped === 0) {
      const event = this.#waiting[this.#read] as RunStreamEvent
      if (!isRecorded(event)) {
        this.#advance()
        return Promise.resolve({ done: false, value: event })
      }
    }
    return this.#nextSlowly()
  }

  async return(): Promise<IteratorResult<RunStreamEvent>> {
    this.#end()
    return { done: true, value: undefined }
  }

  async #nextSlowly(): Promise<IteratorResult<RunStreamEvent>> {
    try {
      for (;;) {
        if (this.#signal?.aborted === true) throw this.#signal.reason
        if (this.#isOver) return { done: true, value: undefined }
        const event = this.#takeNext() ?? (this.#behind ? await this.#catchUp() : undefined)
        if (event !== undefined) return this.#give(event)
        if (this.#behind) continue
        if (this.#closed.aborted)
          throw new OpspawnError('ORCHESTRATOR_DRAINING', `the orchestrator was closed before run ${this.#runId} ended`)
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        this.#wake = undefined
      }
    } catch (error) {
      this.#end()
      throw error
    }
  }

  #give(event: RunStreamEvent): IteratorResult<RunStreamEvent> {
    if (isRecorded(event)) {
      this.#cursor = event.seq
      if (event.type === 'run-end') this.#end()
    }
    return { done: false, value: event }
  }

  /** The next waiting event that is new; `undefined` when there is none, or when the store must be asked first. */
  #takeNext(): RunStreamEvent | undefined {
    if (this.#behind) return undefined
    if (this.#dropped > 0) {
      const lag: LiveEvent = { type: 'lag', dropped: this.#dropped }
      this.#dropped = 0
      return lag
    }
    while (this.#read < this.#waiting.length) {
      const event = this.#waiting[this.#read] as RunStreamEvent
      if (!isRecorded(event)) {
        this.#advance()
        return event
      }
      if (event.seq > this.#cursor + 1) {
        this.#behind = true
        return undefined
      }
      this.#advance()
      if (event.seq === this.#cursor + 1) return event
    }
    return undefined
  }

  async #catchUp(): Promise<RunEvent | undefined> {
    if (this.#pageRead >= this.#page.length) {
      this.#page = await this.#engine.store.read(this.#runId, this.#cursor + 1, PAGE)
      this.#pageRead = 0
      if (this.#page.length === 0) {
        this.#behind = false
        const { outcome, seq } = await requireRecord(this.#engine, this.#runId)
        if (outcome !== undefined && seq <= this.#cursor) this.#end()
        return undefined
      }
    }
    const event = this.#page[this.#pageRead] as RunEvent
    this.#pageRead += 1
    if (this.#pageRead >= this.#page.length && this.#page.length < PAGE) this.#behind = false
    return event
  }

  #take(events: readonly RunEvent[]): void {
    if (this.#waiting.length - this.#read >= MAX_WAITING) {
      // Recorded events are in the store: they can be read again when the listener comes round.
      this.#behind = true
    } else this.#waiting.push(...events)
    this.#wake?.()
  }

  #takeLive(event: LiveEvent): void {
    if (this.#waiting.length - this.#read >= MAX_WAITING) this.#dropped += 1
    else this.#waiting.push(event)
    this.#wake?.()
  }

  #advance(): void {
    this.#read += 1
    if (this.#read === this.#waiting.length) {
      this.#waiting = []
      this.#read = 0
    }
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#waiting = []
    for (const stop of this.#stops) stop()
    this.#wake?.()
  }
}
