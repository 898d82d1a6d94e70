import { isRecorded, type LiveEvent, OpspawnError, type RunEvent, type RunStreamEvent } from '../core/index.ts'
import type { Engine } from './engine.ts'
import { frozen } from './frozen.ts'
import { quarantinedError, requireRecord } from './look-up.ts'

/** Events that may wait for a slow listener. Past it live ones are dropped and counted; recorded ones are read again later. */
const MAX_WAITING = 10_000
/** Events read from the store at once. */
const PAGE = 1_000

/** What a stream needs of its orchestrator. */
export interface StreamContext {
  readonly engine: Engine
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

type Step = IteratorResult<RunStreamEvent, undefined>

class EventStream implements AsyncIterator<RunStreamEvent> {
  readonly #engine: Engine
  readonly #runId: string
  readonly #signal: AbortSignal | undefined
  readonly #stops: (() => void)[] = []
  /** What came and was not taken yet, recorded and live, in its order; read from `#read` on. */
  #waiting: RunStreamEvent[] = []
  #read = 0
  #dropped = 0
  /** Sequence number of the last recorded event given out. */
  #cursor: number
  /** The store may hold events behind the cursor that are not waiting. */
  #behind = true
  /** Recorded events were left out of `#waiting`: when it is empty, the store must be asked. */
  #overflowed = false
  #page: readonly RunEvent[] = []
  #pageRead = 0
  #isOver = false
  #wake: (() => void) | undefined
  /** Requests are answered one after the other. */
  #last: Promise<unknown> | undefined

  constructor({ engine, hold }: StreamContext, runId: string, afterSeq: number, signal: AbortSignal | undefined) {
    this.#engine = engine
    this.#runId = runId
    this.#cursor = afterSeq
    this.#signal = signal
    const wake = (): void => this.#wake?.()
    this.#stops.push(
      hold(),
      engine.hub.watch(runId, {
        recorded: (events) => this.#take(events),
        live: (event) => this.#takeLive(event),
        closed: wake,
        setAside: () => {
          this.#behind = true
          wake()
        },
      }),
    )
    if (signal !== undefined) {
      signal.addEventListener('abort', wake, { once: true })
      this.#stops.push(() => signal.removeEventListener('abort', wake))
    }
    if (engine.store.capabilities.multiProcess) {
      this.#stops.push(
        engine.rounds.join(runId, async () => {
          this.#behind = true
          wake()
        }),
      )
    }
  }

  next(): Promise<Step> {
    // The usual case while a model streams: a delta is there already.
    const event = this.#waiting[this.#read]
    if (event !== undefined && this.#last === undefined && !this.#behind && !isRecorded(event)) {
      this.#advance()
      return Promise.resolve({ done: false, value: event })
    }
    const step = this.#last === undefined ? this.#step() : this.#last.then(() => this.#step())
    const last: Promise<void> = step.then(
      () => this.#forget(last),
      () => this.#forget(last),
    )
    this.#last = last
    return step
  }

  async return(): Promise<Step> {
    this.#end()
    return { done: true, value: undefined }
  }

  #forget(last: Promise<unknown>): void {
    if (this.#last === last) this.#last = undefined
  }

  async #step(): Promise<Step> {
    try {
      for (;;) {
        if (this.#signal?.aborted === true) throw this.#signal.reason
        if (this.#isOver) return { done: true, value: undefined }
        const event = (this.#behind ? await this.#catchUp() : undefined) ?? this.#takeNext()
        if (event !== undefined) return this.#give(event)
        if (this.#behind || this.#isOver) continue
        if (this.#engine.hub.isClosed) {
          throw new OpspawnError('ORCHESTRATOR_DRAINING', `the orchestrator was closed before run ${this.#runId} ended`)
        }
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

  #give(event: RunStreamEvent): Step {
    if (isRecorded(event)) {
      this.#cursor = event.seq
      frozen(event)
      if (event.type === 'run-end') this.#end()
    }
    return { done: false, value: event }
  }

  /** The next waiting event that is new, then the number of those dropped. */
  #takeNext(): RunStreamEvent | undefined {
    while (this.#read < this.#waiting.length) {
      const event = this.#waiting[this.#read] as RunStreamEvent
      if (isRecorded(event) && event.seq > this.#cursor + 1) {
        this.#behind = true
        return undefined
      }
      this.#advance()
      if (!isRecorded(event) || event.seq === this.#cursor + 1) return event
      // The cursor was beyond the end: the store says that nothing more comes.
      if (event.type === 'run-end') this.#behind = true
    }
    if (this.#overflowed) this.#behind = true
    this.#overflowed = false
    if (this.#dropped === 0) return undefined
    const lag: LiveEvent = { type: 'lag', dropped: this.#dropped }
    this.#dropped = 0
    return lag
  }

  /** The next event from the store, until what is waiting goes on from there. */
  async #catchUp(): Promise<RunEvent | undefined> {
    if (this.#pageRead >= this.#page.length) {
      this.#page = await this.#engine.store.read(this.#runId, this.#cursor + 1, PAGE)
      this.#pageRead = 0
    }
    const event = this.#page[this.#pageRead]
    if (event === undefined) {
      this.#behind = false
      const { outcome, seq, status } = await requireRecord(this.#engine, this.#runId)
      if (status === 'quarantined' && seq <= this.#cursor) throw quarantinedError(this.#runId)
      if (outcome !== undefined && seq <= this.#cursor) this.#end()
      return undefined
    }
    if (this.#isWaiting(event.seq)) {
      this.#behind = false
      this.#page = []
      return undefined
    }
    this.#pageRead += 1
    return event
  }

  /** Whether the next recorded event that waits is this one or comes before it. */
  #isWaiting(seq: number): boolean {
    for (let index = this.#read; index < this.#waiting.length; index += 1) {
      const event = this.#waiting[index] as RunStreamEvent
      if (isRecorded(event) && event.seq > this.#cursor) return event.seq <= seq
    }
    return false
  }

  #take(events: readonly RunEvent[]): void {
    if (this.#overflowed || this.#waiting.length - this.#read >= MAX_WAITING) this.#overflowed = true
    else this.#waiting.push(...events)
    this.#wake?.()
  }

  #takeLive(event: LiveEvent): void {
    if (this.#waiting.length - this.#read >= MAX_WAITING) this.#dropped += 1
    else this.#waiting.push(event)
    this.#wake?.()
  }

  #advance(): void {
    this.#read += 1
    if (this.#read < this.#waiting.length) return
    this.#waiting = []
    this.#read = 0
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#waiting = []
    this.#page = []
    for (const stop of this.#stops) stop()
    this.#wake?.()
  }
}
