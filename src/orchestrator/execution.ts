import type { Clock, Effect, EffectRecord, Json } from '../core/index.ts'

/** One execution of an effect: its signal, its time limit, and whether it is over. */
export class Execution {
  readonly effect: Effect
  /** 1 for the first. */
  readonly attempt: number
  /** Epoch milliseconds of the run's clock. */
  readonly startedAt: number
  /** Epoch milliseconds at which the time limit falls. */
  deadline: number | undefined
  /** How far a tool's call came: nothing is done yet, it waits for a place, or somebody's code was entered that may do it. */
  stage: 'before' | 'waiting' | 'entered' = 'before'
  /** It has told listeners something that a retry would void. */
  hasEmitted = false
  /** How it ended, once it has, and with what: a {@link Performed}, or an error. */
  end: 'performed' | 'thrown' | 'aborted' | undefined
  result: unknown
  /** Called when it is over, by whoever waits for this one. */
  whenOver: (() => void) | undefined
  readonly #clock: Clock
  readonly #onEnd: (execution: Execution) => void
  #controller: AbortController | undefined
  #abortReason: { readonly value: unknown } | undefined
  #disarm: (() => void) | undefined
  #isOver = false

  constructor(record: EffectRecord, startedAt: number, clock: Clock, onEnd: (execution: Execution) => void) {
    this.effect = record.effect
    this.attempt = record.failures + 1
    this.startedAt = startedAt
    this.#clock = clock
    this.#onEnd = onEnd
  }

  /** Made when first asked for: most tools never look at it. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason.value)
    }
    return this.#controller.signal
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Says when the time limit will fall: counted from the first word about it. */
  limit(ms: number): void {
    this.deadline ??= this.#clock.now() + ms
  }

  /** Starts the time limit. */
  arm(ms: number, makeReason: () => unknown): void {
    if (this.#isOver || this.#disarm !== undefined) return
    this.limit(ms)
    this.#disarm = this.#clock.setTimer(ms, () => this.abort(makeReason()))
  }

  /** Stops it: the signal fires, and it counts as over, whether the body listens or not. */
  abort(reason: unknown): void {
    if (this.#isOver) return
    this.#abortReason = { value: reason }
    this.#finish('aborted', reason)
    this.#controller?.abort(reason)
  }

  /** It came to a value. Only the first word counts: what a body says after its time-out is not heard. */
  succeed(performed: Performed): void {
    if (!this.#isOver) this.#finish('performed', performed)
  }

  /** It failed. */
  fail(thrown: unknown): void {
    if (!this.#isOver) this.#finish('thrown', thrown)
  }

  #finish(end: 'performed' | 'thrown' | 'aborted', result: unknown): void {
    this.#isOver = true
    this.#disarm?.()
    this.end = end
    this.result = result
    this.whenOver?.()
    this.#onEnd(this)
  }
}

/** What performing came to: a value, or that the outcome arrives later as a signal. */
export type Performed = { readonly value: Json; readonly labels?: readonly string[] | undefined } | 'later'
