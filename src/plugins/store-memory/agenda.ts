import { isFinal, type TaskRef } from '../../core/index.ts'
import { Heap } from './heap.ts'
import { makeQueued, readyTime, type MemoryRun } from './memory-run.ts'

/** How long after a hint a ready run is told of again, in milliseconds; doubled with every further hint up to the limit. */
const HINT_GRACE_MS = 1000
const HINT_GRACE_LIMIT_MS = 60_000

interface Queue {
  /** Unfinished runs that nobody owns. */
  unclaimed: number
  /** Ready runs by definition, the most urgent first. */
  readonly lanes: Map<string, Heap<MemoryRun>>
}

/**
 * Knows which runs are ready, and when the others will be. Each unfinished run stands in `due` until its time, then in
 * the lane of its queue and definition and, by the time of its next hint, in `hints`. So neither a claim nor a sweep
 * ever looks at runs that are of no concern to it.
 */
export class Agenda {
  readonly #queues = new Map<string, Queue>()
  readonly #due = new Heap<MemoryRun>(wakesBefore)
  readonly #hints = new Heap<MemoryRun>(wakesBefore)

  /** Unfinished, unclaimed runs of a queue. */
  unclaimed(queue: string): number {
    return this.#queues.get(queue)?.unclaimed ?? 0
  }

  /**
   * Puts a run where its state belongs; to be called after every change of status, lease or due time.
   *
   * @param isTold its task goes out with the call, so that sweeps need not tell of it for a while.
   */
  settle(run: MemoryRun, now: number, isTold: boolean): void {
    const queue = this.#queue(run.task.queue)
    this.#leave(run, queue)
    const isUnclaimed = run.status !== 'running' && !isFinal(run.status)
    if (isUnclaimed !== run.isCounted) {
      run.isCounted = isUnclaimed
      queue.unclaimed += isUnclaimed ? 1 : -1
    }
    const readyAt = readyTime(run)
    if (readyAt === undefined) return
    if (readyAt > now) {
      run.wakeAt = readyAt
      this.#due.add(run.timer)
      return
    }
    let lane = queue.lanes.get(run.definition)
    if (lane === undefined) queue.lanes.set(run.definition, (lane = new Heap(isMoreUrgent)))
    lane.add(run.lane)
    run.hints = isTold ? 1 : 0
    run.wakeAt = isTold ? now + HINT_GRACE_MS : now
    this.#hints.add(run.timer)
  }

  /** The most urgent ready run of the queues and definitions. */
  mostUrgent(
    now: number,
    queues: readonly string[] | undefined,
    definitions: readonly string[] | undefined,
  ): MemoryRun | undefined {
    this.#promote(now)
    let best: MemoryRun | undefined
    for (const [name, queue] of this.#queues) {
      if (queues !== undefined && !queues.includes(name)) continue
      for (const [definition, lane] of queue.lanes) {
        if (definitions !== undefined && !definitions.includes(definition)) continue
        const head = lane.peek()
        if (head !== undefined && (best === undefined || isMoreUrgent(head, best))) best = head
      }
    }
    return best
  }

  /** Tasks of ready runs whose last hint is too old, and when there will be more. */
  sweep(
    limit: number,
    now: number,
    isWanted: (run: MemoryRun) => boolean,
  ): { readonly tasks: readonly TaskRef[]; readonly nextDueAt?: number } {
    this.#promote(now)
    const tasks: TaskRef[] = []
    const passedOver: MemoryRun[] = []
    let run = this.#hints.peek()
    while (run !== undefined && run.wakeAt <= now && tasks.length < limit) {
      this.#hints.remove(run.timer)
      if (!isWanted(run)) {
        passedOver.push(run)
        run = this.#hints.peek()
        continue
      }
      tasks.push(run.task)
      run.wakeAt = now + Math.min(HINT_GRACE_MS * 2 ** run.hints, HINT_GRACE_LIMIT_MS)
      run.hints += 1
      this.#hints.add(run.timer)
      run = this.#hints.peek()
    }
    for (const other of passedOver) this.#hints.add(other.timer)
    const nextDueAt = Math.min(run?.wakeAt ?? Infinity, this.#due.peek()?.wakeAt ?? Infinity)
    return nextDueAt === Infinity ? { tasks } : { tasks, nextDueAt }
  }

  #queue(name: string): Queue {
    let queue = this.#queues.get(name)
    if (queue === undefined) this.#queues.set(name, (queue = { unclaimed: 0, lanes: new Map() }))
    return queue
  }

  #leave(run: MemoryRun, queue: Queue): void {
    const isReady = run.lane.index >= 0
    if (isReady) queue.lanes.get(run.definition)?.remove(run.lane)
    if (run.timer.index >= 0) (isReady ? this.#hints : this.#due).remove(run.timer)
  }

  /** Makes ready what has fallen due. A run whose lease ran out keeps its status until somebody takes it over. */
  #promote(now: number): void {
    let run = this.#due.peek()
    while (run !== undefined && run.wakeAt <= now) {
      if (run.status === 'waiting') makeQueued(run, now)
      this.settle(run, now, false)
      run = this.#due.peek()
    }
  }
}

function wakesBefore(left: MemoryRun, right: MemoryRun): boolean {
  return left.wakeAt < right.wakeAt
}

function isMoreUrgent(left: MemoryRun, right: MemoryRun): boolean {
  if (left.priority !== right.priority) return left.priority > right.priority
  return left.createdAt !== right.createdAt ? left.createdAt < right.createdAt : left.ordinal < right.ordinal
}
