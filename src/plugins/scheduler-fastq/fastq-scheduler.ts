import fastq from 'fastq'
import {
  OpspawnError,
  type OperationOptions,
  type Scheduler,
  type SchedulerCapabilities,
  type TaskRef,
} from '../../core/index.ts'

/** How much a scheduler holds. */
export interface FastqSchedulerOptions {
  /** Tasks per queue that wait for a handler; one more is refused with `QUEUE_FULL`. @default 100_000 */
  readonly capacity?: number
}

/**
 * Carries tasks inside this process, first in, first out, over fastq. Tasks that nobody consumes yet are kept.
 *
 * A handler never sees a task in the turn of the event loop in which it was published: tasks of one burst are handed
 * out together in the next one, and those of a burst of more than 32 by twos, turn by turn. So whoever awaits the call that
 * published can attach listeners before the work begins.
 *
 * A queue has one consumer at a time; a second is refused with `OPTIONS_INVALID`. When a consumer's signal fires, what
 * it has not handed to its handler goes back to the head of the queue. After `drain` nothing is handed out any more.
 * Disposal forgets all tasks; it does not wait for handlers, which `drain` does.
 *
 * @throws OpspawnError `LIMIT_INVALID`, `OPTIONS_INVALID`
 */
export function fastqScheduler(options: FastqSchedulerOptions = {}): Scheduler {
  checkOptions(options)
  const { capacity = 100_000 } = options
  return new FastqScheduler(capacity)
}

function checkOptions(options: FastqSchedulerOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new OpspawnError('OPTIONS_INVALID', `fastqScheduler must be given an object, not ${String(options)}`)
  const unknown = Object.keys(options).find((member) => member !== 'capacity')
  if (unknown !== undefined) {
    const text = `fastqScheduler has no member "${unknown}"; it may have capacity`
    throw new OpspawnError('OPTIONS_INVALID', text, { details: { member: unknown } })
  }
  const { capacity } = options
  if (capacity === undefined || (typeof capacity === 'number' && capacity > 0)) return
  const found = typeof capacity === 'number' ? String(capacity) : `a value of type ${typeof capacity}`
  const text = `fastqScheduler: capacity must be a number above 0, not ${found}`
  throw new OpspawnError('LIMIT_INVALID', text, { details: { member: 'capacity' } })
}

/** A burst of so many tasks is handed out in one turn: what their runs write then shares commits. */
const SHORT_BURST = 32
/**
 * Of a longer one so many in each turn. Runs that begin together get on together: each holds what it works with until the
 * last has come as far, and nothing else has a turn meanwhile.
 */
const IN_ONE_TURN = 2

interface Queue {
  readonly name: string
  /** Published and not yet handed to a handler: the backlog, and what waits in the consumer's line. */
  waiting: number
  /** Published and not yet passed on to a consumer. */
  backlog: TaskRef[]
  /** So many of these, from the first on, have been. */
  passed: number
  consumer: Consumer | undefined
}

interface Consumer {
  readonly queues: readonly Queue[]
  readonly line: fastq.queue<TaskRef>
  running: number
  isStopped: boolean
  /** Called when it has stopped and no handler runs. */
  readonly onEnd: () => void
}

class FastqScheduler implements Scheduler {
  readonly spec = 'scheduler/1'
  readonly name = 'scheduler-fastq'
  readonly capabilities: SchedulerCapabilities = { priority: false, ordered: true, survivesRestart: false, multiProcess: false }
  readonly #capacity: number
  readonly #queues = new Map<string, Queue>()
  readonly #consumers = new Set<Consumer>()
  /** Those who wait for the last handler to return. */
  readonly #idle = new Set<() => void>()
  #running = 0
  #isDrained = false
  /** Queues whose backlog is passed on in the next turn. */
  #burst: Queue[] = []

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  async publish(tasks: readonly TaskRef[], options?: OperationOptions): Promise<void> {
    if (options?.signal?.aborted === true) throw options.signal.reason
    for (const task of tasks) {
      const queue = this.#queue(task.queue)
      if (queue.waiting >= this.#capacity) {
        throw new OpspawnError('QUEUE_FULL', `queue ${task.queue} holds ${this.#capacity} tasks; try again later`, {
          details: { queue: task.queue, capacity: this.#capacity },
        })
      }
      queue.waiting += 1
      queue.backlog.push(task)
      if (queue.backlog.length === 1) this.#schedule(queue)
    }
  }

  async consume(
    handler: (task: TaskRef) => Promise<void>,
    options: { readonly queues: readonly string[]; readonly concurrency: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const { concurrency, signal } = options
    if (!(concurrency >= 1))
      throw new OpspawnError('OPTIONS_INVALID', `concurrency must be at least 1, not ${String(concurrency)}`)
    const queues = [...new Set(options.queues)].map((name) => this.#queue(name))
    const taken = queues.find((queue) => queue.consumer !== undefined)
    if (taken !== undefined) throw new OpspawnError('OPTIONS_INVALID', `queue ${taken.name} has a consumer already`)
    if (signal.aborted) return
    await new Promise<void>((resolve) => {
      const consumer: Consumer = {
        queues,
        line: fastq((task: TaskRef, done: fastq.done) => this.#hand(consumer, handler, task, done), concurrency),
        running: 0,
        isStopped: false,
        onEnd() {
          signal.removeEventListener('abort', stop)
          resolve()
        },
      }
      const stop = (): void => this.#stop(consumer)
      signal.addEventListener('abort', stop)
      this.#consumers.add(consumer)
      if (this.#isDrained) consumer.line.pause()
      for (const queue of queues) {
        queue.consumer = consumer
        if (queue.backlog.length > 0) this.#schedule(queue)
      }
    })
  }

  async depth(queue: string): Promise<number> {
    return this.#queues.get(queue)?.waiting ?? 0
  }

  async drain(deadlineMs: number): Promise<{ readonly left: number }> {
    this.#isDrained = true
    for (const consumer of this.#consumers) consumer.line.pause()
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        const end = (): void => {
          clearTimeout(timer)
          this.#idle.delete(end)
          resolve()
        }
        const timer = setTimeout(end, deadlineMs)
        timer.unref()
        this.#idle.add(end)
      })
    }
    return { left: this.#running }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const consumer of this.#consumers) this.#stop(consumer)
    this.#queues.clear()
    this.#burst = []
  }

  #queue(name: string): Queue {
    let queue = this.#queues.get(name)
    if (queue === undefined) this.#queues.set(name, (queue = { name, waiting: 0, backlog: [], passed: 0, consumer: undefined }))
    return queue
  }

  #schedule(queue: Queue): void {
    if (queue.consumer === undefined) return
    this.#burst.push(queue)
    if (this.#burst.length === 1) setImmediate(() => this.#passOn())
  }

  #passOn(): void {
    const burst = this.#burst
    this.#burst = []
    for (const queue of burst) {
      // The consumer may have gone since; then the backlog waits for the next one.
      if (queue.consumer === undefined) continue
      const { backlog, passed, consumer } = queue
      const isShort = backlog.length - passed <= SHORT_BURST
      const end = isShort ? backlog.length : passed + IN_ONE_TURN
      queue.passed = isShort ? 0 : end
      if (isShort) queue.backlog = []
      else this.#schedule(queue)
      for (const task of backlog.slice(passed, end)) consumer.line.push(task)
    }
  }

  #hand(consumer: Consumer, handler: (task: TaskRef) => Promise<void>, task: TaskRef, done: fastq.done): void {
    this.#queue(task.queue).waiting -= 1
    consumer.running += 1
    this.#running += 1
    const settle = (): void => {
      consumer.running -= 1
      this.#running -= 1
      done(null)
      if (consumer.isStopped && consumer.running === 0) consumer.onEnd()
      if (this.#running === 0) for (const end of this.#idle) end()
    }
    let work: Promise<void>
    try {
      work = Promise.resolve(handler(task))
    } catch {
      work = Promise.resolve()
    }
    void work.then(settle, settle)
  }

  #stop(consumer: Consumer): void {
    if (consumer.isStopped) return
    consumer.isStopped = true
    this.#consumers.delete(consumer)
    const left = consumer.line.getQueue()
    consumer.line.kill()
    for (const queue of consumer.queues) {
      queue.consumer = undefined
      queue.backlog = [...left.filter((task) => task.queue === queue.name), ...queue.backlog.slice(queue.passed)]
      queue.passed = 0
    }
    if (consumer.running === 0) consumer.onEnd()
  }
}
