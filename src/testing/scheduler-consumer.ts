import type { Scheduler, TaskRef } from '../core/index.ts'

/** How a consumer of a case works. */
export interface ConsumeOptions {
  readonly queues?: readonly string[]
  readonly concurrency?: number
  /** Handlers wait until they are let go. */
  readonly isHeld?: boolean
  readonly work?: (task: TaskRef) => Promise<void>
}

/** A consumer under observation. */
export interface Consumer {
  readonly seen: readonly TaskRef[]
  readonly running: number
  /** Most handlers that ran at once. */
  readonly most: number
  readonly isEnded: boolean
  runIds(): ReadonlySet<string>
  letGo(): void
  /** Fires the signal; resolves when consume has. */
  stop(): Promise<void>
  /** Listeners on the signal. */
  listeners(): number
}

/** Starts a consumer under observation. */
export function consume(scheduler: Scheduler, options: ConsumeOptions = {}): Consumer {
  const { queues = ['q'], concurrency = 4, isHeld = false, work = () => Promise.resolve() } = options
  const { signal, count, abort } = countedSignal()
  const gate = Promise.withResolvers<void>()
  if (!isHeld) gate.resolve()
  const state = { seen: [] as TaskRef[], running: 0, most: 0, isEnded: false }
  const handler = (task: TaskRef): Promise<void> => {
    state.seen.push(task)
    state.running += 1
    state.most = Math.max(state.most, state.running)
    let result: Promise<void>
    try {
      result = work(task)
    } catch (error) {
      state.running -= 1
      throw error
    }
    return Promise.all([result, gate.promise])
      .then(() => {})
      .finally(() => {
        state.running -= 1
      })
  }
  const ended = scheduler.consume(handler, { queues, concurrency, signal }).finally(() => {
    state.isEnded = true
  })
  return Object.assign(state, {
    runIds: () => new Set(state.seen.map((task) => task.runId)),
    letGo: () => gate.resolve(),
    listeners: count,
    async stop() {
      abort()
      await ended
    },
  })
}

/** A signal that knows how many listeners it has. */
export function countedSignal(): { readonly signal: AbortSignal; readonly count: () => number; readonly abort: () => void } {
  const controller = new AbortController()
  const { signal } = controller
  const listeners = new Set<unknown>()
  const add = signal.addEventListener.bind(signal)
  const remove = signal.removeEventListener.bind(signal)
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    const [, listener, options] = args
    listeners.add(listener)
    add(...args)
    if (typeof options === 'object' && options.once === true) add('abort', () => void listeners.delete(listener), { once: true })
  }
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners.delete(args[1])
    remove(...args)
  }
  return { signal, count: () => listeners.size, abort: () => controller.abort() }
}
