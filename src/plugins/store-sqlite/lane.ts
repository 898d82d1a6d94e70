import { storeFailed, fromRefusal } from './failures.ts'
import type { Replies, Requests } from './message.ts'
import type { StartThread, Thread } from './thread-host.ts'
import { Wakefulness } from './wakefulness.ts'

interface Pending {
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

type Awaitable<C> = { readonly [K in keyof C]: C[K] extends (...args: infer A) => infer R ? (...args: A) => R : never }

/**
 * The main thread's end of one thread. Calls of one turn of the event loop travel together. The thread is started at the
 * first call, and again after it died; what it had not answered then is rejected.
 */
export class Lane<C> {
  readonly #start: StartThread
  readonly #path: string
  #thread: Thread | undefined
  #readiness: Promise<void> | undefined
  #outbox: Requests[number][] = []
  readonly #pending = new Map<number, Pending>()
  #lastId = 0
  #isClosed = false
  readonly #wakefulness = new Wakefulness(WATCH_MS)
  #isWatching = false

  constructor(start: StartThread, path: string) {
    this.#start = start
    this.#path = path
  }

  /** Resolves when the thread has opened the file. @throws OpspawnError why it could not */
  ready(): Promise<void> {
    if (this.#isClosed) return Promise.reject(closed(this.#path))
    if (this.#readiness !== undefined) return this.#readiness
    const opening = this.#open()
    if (this.#thread !== undefined) this.#readiness = opening
    return opening
  }

  /** Calls a function of the thread. */
  call<K extends keyof Awaitable<C> & string>(
    name: K,
    ...args: Parameters<Awaitable<C>[K]>
  ): Promise<Awaited<ReturnType<Awaitable<C>[K]>>> {
    if (this.#isClosed) return Promise.reject(closed(this.#path))
    if (this.#readiness === undefined) {
      const starting = this.ready()
      starting.catch(() => {})
      // It could not even be started.
      if (this.#thread === undefined) return starting as Promise<never>
    }
    return new Promise((resolve, reject) => {
      this.#lastId += 1
      this.#expect(this.#lastId, { resolve, reject })
      this.#outbox.push([this.#lastId, name, ...args])
      // After all microtasks of this turn: what they ask for goes along.
      if (this.#outbox.length === 1) process.nextTick(this.#flush)
    })
  }

  /** Waits for what is under way, and ends the thread. */
  async close(): Promise<void> {
    this.#isClosed = true
    while (this.#pending.size > 0) await new Promise((resolve) => void setImmediate(resolve))
    const thread = this.#thread
    this.#thread = undefined
    await thread?.end()
  }

  readonly #flush = (): void => {
    const requests = this.#outbox
    this.#outbox = []
    if (requests.length === 0) return
    try {
      this.#thread?.post(requests)
    } catch {
      for (const request of requests) this.#postAlone(request)
    }
    if (this.#pending.size > FEW || !this.#wakefulness.begin() || this.#isWatching) return
    this.#isWatching = true
    setImmediate(this.#watch)
  }

  /** What cannot be copied to a thread (a function, say) is refused, and the others go. */
  #postAlone(request: Requests[number]): void {
    try {
      this.#thread?.post([request])
    } catch (error) {
      const [id, name] = request
      this.#pending
        .get(id)
        ?.reject(storeFailed('not-data', `${name}: what was passed in is not plain data`, { cause: error, retryable: false }))
      this.#pending.delete(id)
    }
  }

  /** Has the event loop go round instead of sleeping, while an answer may come any moment. */
  readonly #watch = (): void => {
    this.#isWatching = this.#pending.size > 0 && this.#wakefulness.goesOn()
    if (this.#isWatching) setImmediate(this.#watch)
  }

  #expect(id: number, pending: Pending): void {
    this.#pending.set(id, pending)
    // Only a thread that owes an answer keeps the process alive.
    if (this.#pending.size === 1) this.#thread?.ref()
  }

  #open(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      let thread: Thread | undefined
      // One that was given up may still have something to say, when another is at work already.
      const isMine = (): boolean => this.#thread === thread
      try {
        thread = this.#start(
          (replies) => void (isMine() && this.#receive(replies)),
          (error) => void (isMine() && this.#fail(error)),
        )
        this.#thread = thread
      } catch (error) {
        reject(error as Error)
        return
      }
      this.#expect(READY, { resolve, reject })
      thread.ref()
    })
  }

  #receive(replies: Replies): void {
    for (const [id, value, refusal] of replies) {
      const pending = this.#pending.get(id)
      this.#pending.delete(id)
      if (refusal === undefined) pending?.resolve(value as never)
      else if (id === READY) {
        // It ends by itself, and the next call tries anew.
        pending?.reject(fromRefusal(refusal))
        this.#forget(fromRefusal(refusal))
      } else pending?.reject(fromRefusal(refusal))
    }
    if (this.#pending.size === 0) this.#thread?.unref()
  }

  #fail(error: Error | undefined): void {
    this.#forget(
      storeFailed('thread-ended', `a thread of the store of ${this.#path} ended: ${error?.message ?? 'without an error'}`, {
        cause: error,
      }),
    )
  }

  #forget(error: unknown): void {
    this.#thread = undefined
    this.#readiness = undefined
    this.#rejectAll(error)
  }

  #rejectAll(error: unknown): void {
    const all = [...this.#pending.values()]
    this.#pending.clear()
    this.#outbox = []
    for (const { reject } of all) reject(error)
  }
}

const READY = 0
/** With few calls under way the answer is watched for. */
const FEW = 4
const WATCH_MS = 0.4

function closed(path: string): Error {
  return storeFailed('closed', `the store of ${path} is closed`, { retryable: false })
}
