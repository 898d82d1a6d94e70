import type { RunEvent, SpendingChange, TaskRef } from '../core/index.ts'
import type { WriteFailure } from './insisting.ts'

/** Events that go on from another one, and what is spent with them. */
interface Write {
  readonly after: number
  readonly events: readonly RunEvent[]
  readonly spending: SpendingChange | undefined
  /** When it was sent, by the run's steady clock. */
  readonly sentAt: number
}

/** A write that was sent. */
export interface Sent extends Write {
  /** Resolves when there is an answer, whatever it is. */
  answered: Promise<void>
  failure: WriteFailure | undefined
}

/** Writes of one run that were sent and are not known to be written, in order. */
export class OnTheWay {
  readonly #tell: (events: readonly RunEvent[], tasks: readonly TaskRef[]) => void
  #sent: Sent[] = []

  /** @param tell takes note of events that are written, and of tasks that became ready with them */
  constructor(tell: (events: readonly RunEvent[], tasks: readonly TaskRef[]) => void) {
    this.#tell = tell
  }

  get count(): number {
    return this.#sent.length
  }

  /** When the first of them was sent; 0 where there is none. */
  get since(): number {
    return this.#sent[0]?.sentAt ?? 0
  }

  /** Whether one was not written, as far as is known. */
  get hasFailed(): boolean {
    return this.#sent.some(({ failure }) => failure !== undefined)
  }

  /** Follows a write that was sent; `failed` is called where it fails. */
  add(write: Write, answer: Promise<readonly TaskRef[]>, failed: () => void): void {
    const sent: Sent = { ...write, answered: Promise.resolve(), failure: undefined }
    sent.answered = answer.then(
      (tasks) => this.arrive(sent, tasks),
      (error: unknown) => {
        sent.failure = { error, isBehind: this.#sent[0] !== sent }
        failed()
      },
    )
    this.#sent.push(sent)
  }

  /** One is written, and so is all that was sent before it, whatever was answered; without one: all are. */
  arrive(last?: Sent, tasks: readonly TaskRef[] = []): void {
    const place = last === undefined ? this.#sent.length - 1 : this.#sent.indexOf(last)
    for (const sent of this.#sent.splice(0, place + 1)) this.#tell(sent.events, sent === last ? tasks : [])
  }

  /** Resolves when all have been answered. */
  async answered(): Promise<void> {
    await Promise.all(this.#sent.map(({ answered }) => answered))
  }

  /** What failed, in order, to be written again; all must have been answered. */
  takeUnwritten(): readonly Sent[] {
    return this.#sent.splice(0)
  }
}
