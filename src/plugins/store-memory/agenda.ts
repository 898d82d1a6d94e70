import { isFinal, type TaskRef } from '../../core/index.ts'
import { Gates } from './gates.ts'
import { Heap } from './heap.ts'
import { makeQueued, NO_PLACE, readyTime, type MemoryRun } from './memory-run.ts'
import { createLevel, type Level } from './line.ts'
import { comesBefore, isMoreUrgent, leaveLine, takePlace } from './order.ts'

/** How long after a hint a ready run is told of again, in milliseconds; doubled with every further hint up to the limit. */
const HINT_GRACE_MS = 1000
const HINT_GRACE_LIMIT_MS = 60_000
/** So long a ready run that nobody wants keeps a place that others wait for, in milliseconds. */
const GIVE_BACK_MS = 60_000
const NONE: readonly TaskRef[] = Object.freeze([])
/** Priorities without ready runs that are kept, so that they need not be made anew for each run. */
const SPARE_LEVELS = 16

interface Queue {
  /** Unfinished runs that nobody owns. */
  unclaimed: number
  /** Ready runs by definition and priority, the next one first. */
  readonly lanes: Map<string, Map<number, Heap<MemoryRun>>>
  readonly levels: Map<number, Level>
}

/**
 * Knows which runs are ready, and when the others will be. Each unfinished run stands in `due` until its time, then in
 * the lane of its queue and definition and, by the time of its next hint, in `hints`. So neither a claim nor a sweep
 * ever looks at runs that are of no concern to it.
 */
export class Agenda {
  readonly #queues = new Map<string, Queue>()
  readonly #due = new Heap<MemoryRun>(wakesBefore)
  readonly #gates = new Gates()
  readonly #hints = new Heap<MemoryRun>(wakesBefore)

  /** Unfinished, unclaimed runs of a queue. */
  unclaimed(queue: string): number {
    return this.#queues.get(queue)?.unclaimed ?? 0
  }

  /**
   * Puts a run where its state belongs; to be called after every change of status, lease or due time.
   *
   * @param isTold its task goes out with the call, so that sweeps need not tell of it for a while.
   * @returns tasks of other runs that a gate let pass because of it.
   */
  settle(run: MemoryRun, now: number, isTold: boolean): readonly TaskRef[] {
    const queue = this.#queue(run.task.queue)
    if (run.gate !== undefined) this.#gates.leave(run)
    const wasReady = this.#leave(run, queue)
    count(run, queue)
    const readyAt = readyTime(run)
    if (readyAt === undefined || readyAt > now) leaveLine(run)
    if (readyAt !== undefined && readyAt > now) {
      run.wakeAt = readyAt
      this.#due.add(run.timer)
    }
    const isReady = readyAt !== undefined && readyAt <= now
    if (isReady && !wasReady) run.readySince = now
    if (run.gates !== undefined) return this.#settleAtGates(run, isReady, now, isTold)
    if (isReady) this.#makeReady(run, queue, now, isTold)
    return NONE
  }

  /** Of a run with gates: it asks for a place before it is ready, and gives it back when it is not at work any more. */
  #settleAtGates(run: MemoryRun, isReady: boolean, now: number, isTold: boolean): readonly TaskRef[] {
    const { status } = run
    if (isReady && (run.isInside || run.isCancelled || status === 'running')) {
      this.#makeReady(run, this.#queue(run.task.queue), now, isTold)
      return NONE
    }
    if (status === 'running') return NONE
    return this.#letIn(isReady ? this.#gates.ask(run, now) : this.#gates.free(run, now), now, isTold ? run : undefined)
  }

  /** Makes ready what gates let pass. */
  #letIn(passed: readonly MemoryRun[], now: number, told: MemoryRun | undefined): readonly TaskRef[] {
    for (const run of passed) this.#makeReady(run, this.#queue(run.task.queue), now, run === told)
    return passed.length === 0 ? NONE : passed.filter((run) => run !== told).map(({ task }) => task)
  }

  #makeReady(run: MemoryRun, queue: Queue, now: number, isTold: boolean): void {
    this.#enter(run, queue)
    run.hints = isTold ? 1 : 0
    run.wakeAt = isTold ? now + HINT_GRACE_MS : now
    this.#hints.add(run.timer)
  }

  /** A worker of the run's definition may never come again: those who wait for its place go first then. */
  #giveBack(run: MemoryRun, now: number): void {
    if (now - run.readySince < GIVE_BACK_MS || run.status !== 'queued' || !this.#gates.isWantedBack(run)) return
    this.#leave(run, this.#queue(run.task.queue))
    leaveLine(run)
    const passed = [...this.#gates.free(run, now), ...this.#gates.askLast(run, now)]
    this.#letIn(passed, now, undefined)
  }

  /** The most urgent ready run of the queues and definitions. */
  mostUrgent(
    now: number,
    queues: readonly string[] | undefined,
    definitions: readonly string[] | undefined,
  ): MemoryRun | undefined {
    this.promote(now)
    let best: MemoryRun | undefined
    for (const [name, queue] of this.#queues) {
      if (queues !== undefined && !queues.includes(name)) continue
      for (const [definition, lane] of queue.lanes) {
        if (definitions !== undefined && !definitions.includes(definition)) continue
        for (const heap of lane.values()) {
          const head = heap.peek()
          if (head !== undefined && (best === undefined || isMoreUrgent(head, best, now))) best = head
        }
      }
    }
    if (best !== undefined) this.#call(best)
    return best
  }

  /** Tasks of ready runs whose last hint is too old, and when there will be more. */
  sweep(
    limit: number,
    now: number,
    isWanted: (run: MemoryRun) => boolean,
  ): { readonly tasks: readonly TaskRef[]; readonly nextDueAt?: number } {
    this.promote(now)
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
    for (const other of passedOver) {
      this.#hints.add(other.timer)
      this.#giveBack(other, now)
    }
    const nextDueAt = Math.min(run?.wakeAt ?? Infinity, this.#due.peek()?.wakeAt ?? Infinity, this.#gates.nextLookAt)
    return nextDueAt === Infinity ? { tasks } : { tasks, nextDueAt }
  }

  #queue(name: string): Queue {
    let queue = this.#queues.get(name)
    if (queue === undefined) this.#queues.set(name, (queue = { unclaimed: 0, lanes: new Map(), levels: new Map() }))
    return queue
  }

  /** The places up to that of a run that is claimed in its turn have been called. */
  #call({ place, line }: MemoryRun): void {
    if (line !== undefined && place > line.level.served) line.level.served = place
  }

  #enter(run: MemoryRun, queue: Queue): void {
    const { definition, priority } = run
    let lane = queue.lanes.get(definition)
    if (lane === undefined) queue.lanes.set(definition, (lane = new Map()))
    let heap = lane.get(priority)
    if (heap === undefined) lane.set(priority, (heap = new Heap(comesBefore)))
    if (run.place === NO_PLACE) {
      let level = queue.levels.get(priority)
      if (level === undefined) queue.levels.set(priority, (level = createLevel()))
      takePlace(run, level, heap.peek())
    }
    heap.add(run.lane)
  }

  /** Gives whether the run was ready. */
  #leave(run: MemoryRun, queue: Queue): boolean {
    const isReady = run.lane.index >= 0
    if (isReady) {
      const lane = queue.lanes.get(run.definition)
      const heap = lane?.get(run.priority)
      heap?.remove(run.lane)
      if (heap?.peek() === undefined && (lane?.size ?? 0) > SPARE_LEVELS) this.#forget(run, queue)
    }
    if (run.timer.index >= 0) (isReady ? this.#hints : this.#due).remove(run.timer)
    return isReady
  }

  /** Of priorities that nobody waits at only some are kept: callers may give each run one of its own. */
  #forget({ definition, priority }: MemoryRun, queue: Queue): void {
    queue.lanes.get(definition)?.delete(priority)
    for (const lane of queue.lanes.values()) if (lane.get(priority)?.peek() !== undefined) return
    queue.levels.delete(priority)
  }

  /** Makes ready what has fallen due. A run whose lease ran out keeps its status until somebody takes it over. */
  promote(now: number): void {
    let run = this.#due.peek()
    while (run !== undefined && run.wakeAt <= now) {
      if (run.status === 'waiting') makeQueued(run, now)
      this.settle(run, now, false)
      run = this.#due.peek()
    }
    if (this.#gates.nextLookAt <= now) this.#letIn(this.#gates.look(now), now, undefined)
  }
}

function wakesBefore(left: MemoryRun, right: MemoryRun): boolean {
  return left.wakeAt < right.wakeAt
}

function count(run: MemoryRun, queue: Queue): void {
  const isUnclaimed = run.status !== 'running' && !isFinal(run.status)
  if (isUnclaimed !== run.isCounted) {
    run.isCounted = isUnclaimed
    queue.unclaimed += isUnclaimed ? 1 : -1
  }
}
