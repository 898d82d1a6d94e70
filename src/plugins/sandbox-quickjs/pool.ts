import { OpspawnError } from '../../core/index.ts'
import { Thread } from './thread.ts'

/** How many threads there may be, and for how long. */
export interface PoolOptions {
  readonly threads: number
  readonly warm: number
  readonly waiting: number
  readonly runsPerThread: number
}

interface Waiting {
  readonly tenant: string
  readonly resolve: (thread: Thread) => void
  readonly reject: (error: unknown) => void
}

/** What holds a thread while its code waits, and can do without it. */
export interface Resting {
  drop(): void
}

/** The threads of a sandbox: bounded, each of one tenant alone. */
export class Pool {
  readonly #wasm: WebAssembly.Module
  readonly #options: PoolOptions
  readonly #threads = new Set<Thread>()
  readonly #ending = new Set<Promise<void>>()
  readonly #waiting: Waiting[] = []
  /** The one that has rested longest comes first. */
  readonly resting: Set<Resting> = new Set()
  #isClosed = false

  constructor(wasm: WebAssembly.Module, options: PoolOptions) {
    this.#wasm = wasm
    this.#options = options
  }

  /** Takes a thread for a tenant, or waits for one. */
  take(tenant: string, signal: AbortSignal | undefined): Promise<Thread> {
    const { promise, resolve, reject } = Promise.withResolvers<Thread>()
    const one: Waiting = { tenant, resolve, reject }
    if (this.#isClosed) return Promise.reject(closed())
    const thread = this.#waiting.length === 0 ? this.#find(tenant) : undefined
    if (thread !== undefined) {
      resolve(thread)
      return promise
    }
    const { threads, waiting } = this.#options
    if (this.#waiting.length >= waiting) {
      const text = `all ${threads} threads of the sandbox are at work and ${waiting} runs wait; try again later, or give it more threads`
      return Promise.reject(new OpspawnError('QUEUE_FULL', text))
    }
    const onAbort = (): void => {
      this.#waiting.splice(this.#waiting.indexOf(one), 1)
      reject(signal?.reason)
    }
    this.#waiting.push(one)
    signal?.addEventListener('abort', onAbort, { once: true })
    return promise.finally(() => signal?.removeEventListener('abort', onAbort))
  }

  /** Gives a thread back. One that has grown, has done enough or is gone is not used again. */
  give(thread: Thread, isSpent: boolean): void {
    if (!thread.isGone) thread.forget()
    thread.isFree = true
    if (isSpent || thread.isGone || thread.runs >= this.#options.runsPerThread) this.#retire(thread)
    this.#serve()
  }

  /** Starts threads ahead of need, where there is room: not before code has come to rest, with which they would compete. */
  warmUp(): void {
    const { threads, warm } = this.#options
    if (this.#isClosed) return
    let unused = [...this.#threads].filter((thread) => thread.isFree).length
    for (; unused < warm && this.#threads.size < threads; unused += 1) this.#start()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const { reject } of this.#waiting.splice(0)) reject(closed())
    for (const thread of this.#threads) this.#retire(thread)
    await Promise.all(this.#ending)
  }

  #serve(): void {
    for (let one = this.#waiting[0]; one !== undefined; one = this.#waiting[0]) {
      const thread = this.#find(one.tenant)
      if (thread === undefined) return
      this.#waiting.shift()
      one.resolve(thread)
    }
    this.warmUp()
  }

  #find(tenant: string): Thread | undefined {
    const free = [...this.#threads].filter((thread) => thread.isFree && !thread.isGone)
    const own = free.find((thread) => thread.tenant === tenant) ?? free.find((thread) => thread.tenant === undefined)
    if (own !== undefined) return this.#use(own, tenant)
    const [foreign] = free
    if (this.#threads.size >= this.#options.threads) {
      if (foreign !== undefined) this.#retire(foreign)
      else if (!this.#makeRoom()) return undefined
      else return this.#find(tenant)
    }
    return this.#use(this.#start(), tenant)
  }

  #makeRoom(): boolean {
    const [longest] = this.resting
    longest?.drop()
    return longest !== undefined
  }

  #use(thread: Thread, tenant: string): Thread {
    thread.isFree = false
    thread.tenant = tenant
    thread.runs += 1
    return thread
  }

  #start(): Thread {
    const thread = new Thread(this.#wasm, (gone) => this.#threads.delete(gone))
    this.#threads.add(thread)
    return thread
  }

  #retire(thread: Thread): void {
    this.#threads.delete(thread)
    const ended = thread.end()
    this.#ending.add(ended)
    void ended.finally(() => this.#ending.delete(ended))
  }
}

function closed(): OpspawnError {
  return new OpspawnError('ORCHESTRATOR_DRAINING', 'the sandbox has been disposed; it runs nothing any more')
}
