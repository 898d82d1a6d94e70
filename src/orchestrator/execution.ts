import type { Clock, Effect, EffectRecord, Json } from '../core/index.ts'

/** One execution of an effect: its signal, its time limit, and whether it is over. */
export class Execution {
  readonly effect: Effect
  /** 1 for the first. */
  readonly attempt: number
  startedAt: number
  /** Epoch milliseconds at which the time limit falls. */
  deadline: number | undefined
  /** It has told listeners something that a retry would void. */
  hasEmitted = false
  readonly #clock: Clock
  readonly #onAbort: (execution: Execution, reason: unknown) => void
  #controller: AbortController | undefined
  #abortReason: { readonly value: unknown } | undefined
  #disarm: (() => void) | undefined
  #isOver = false

  constructor(record: EffectRecord, clock: Clock, onAbort: (execution: Execution, reason: unknown) => void) {
    this.effect = record.effect
    this.attempt = record.failures + 1
    this.startedAt = clock.now()
    this.#clock = clock
    this.#onAbort = onAbort
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

  /** Says when the time limit will fall. */
  limit(ms: number): void {
    this.deadline = this.#clock.now() + ms
  }

  /** Starts the time limit. */
  arm(ms: number, makeReason: () => unknown): void {
    this.#disarm = this.#clock.setTimer(ms, () => this.abort(makeReason()))
  }

  /** Stops it: the signal fires, and it counts as over, whether the body listens or not. */
  abort(reason: unknown): void {
    if (this.#isOver) return
    this.#abortReason = { value: reason }
    this.#onAbort(this, reason)
    this.#controller?.abort(reason)
  }

  /** Marks it as over; gives false when it was already. */
  finish(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#disarm?.()
    return true
  }
}

/** What performing came to: a value, or that the outcome arrives later as a signal. */
export type Performed = { readonly value: Json; readonly labels?: readonly string[] | undefined } | 'later'
