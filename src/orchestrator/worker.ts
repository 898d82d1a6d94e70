import {
  type Claim,
  type ClaimQuery,
  type DrainReport,
  OpspawnError,
  type TaskRef,
  toFailure,
  type WorkerCounts,
} from '../core/index.ts'
import type { ReadyAgent } from './definition.ts'
import { CANCEL, type Engine, MAX_DELIVERIES } from './engine.ts'
import { createHints, type Hints } from './hints.ts'
import { Leases } from './leases.ts'
import { Places } from './places.ts'
import { RunDriver } from './run-driver.ts'
import { Sweeper } from './sweeper.ts'

/** Works on the runs of a store: takes hints from the scheduler, claims, drives, shows that it lives, sweeps. */
export interface Worker {
  start(): void
  publish(tasks: readonly TaskRef[]): void
  wakeAt(at: number): void
  /** The store's clock says so now. */
  learnClock(storeNow: number): void
  /** Whether the run is worked on in this process. */
  isWorkingOn(runId: string): boolean
  poke(runId: string): void
  /** Takes up a run that is to end, without regard to limits. */
  hurry(runId: string): void
  drain(deadlineMs: number): Promise<DrainReport>
  counts(): WorkerCounts
}

/** How much a worker takes on. */
export interface WorkerOptions {
  readonly queues: readonly string[]
  /** Runs worked on at once. */
  readonly concurrency: number
  /** Keeps the process alive until the returned function is called. */
  readonly hold: () => () => void
}

/** Makes a worker; nothing happens before `start`. */
export function createWorker(engine: Engine, options: WorkerOptions): Worker {
  return new EngineWorker(engine, options)
}

class EngineWorker implements Worker {
  readonly #engine: Engine
  readonly #options: WorkerOptions
  readonly #definitions: readonly string[]
  /** What a task of an agent may be spent on: runs of that agent, or of all agents that have no limit of their own. */
  readonly #interchangeable: ReadonlyMap<string, readonly string[]>
  /** Tasks that were spent on more urgent runs, by run. */
  readonly #owed = new Map<string, TaskRef>()
  readonly #leases: Leases
  readonly #places: Places
  readonly #hints: Hints
  readonly #sweeper: Sweeper
  readonly #counts = { hints: 0, dropped: 0, claims: 0, blockedMs: 0, longestBlockMs: 0 }
  readonly #consumption = new AbortController()
  #consuming: Promise<void> | undefined
  #isDraining = false

  constructor(engine: Engine, options: WorkerOptions) {
    this.#engine = engine
    this.#options = options
    this.#definitions = [...engine.agents.values()].map((ready) => `${ready.agent.name}@${ready.hash}`)
    this.#interchangeable = interchangeable([...engine.agents.values()])
    this.#leases = new Leases(engine, this.#fault)
    this.#places = new Places(
      options.concurrency,
      (task) => this.#takeUp(task),
      (error, runId) => this.#fault(error, 'worker', runId),
      () => this.#sweeper.roomAgain(),
    )
    this.#hints = createHints(engine.scheduler, engine.clock, (error) => this.#fault(error, 'publish'))
    this.#sweeper = new Sweeper(engine, {
      queues: options.queues,
      definitions: this.#definitions,
      room: () => this.#places.room,
      publish: (tasks) => this.#hints.publish(tasks),
      onFault: (error) => this.#fault(error, 'sweep'),
      onLate: (ms) => this.#countBlock(ms),
    })
  }

  start(): void {
    const { queues, concurrency } = this.#options
    const { signal } = this.#consumption
    this.#consuming = this.#engine.scheduler.consume(this.#handle, { queues, concurrency, signal })
    this.#consuming.catch((error: unknown) => this.#fault(error, 'consume'))
    this.#leases.start()
    this.#sweeper.start()
  }

  publish(tasks: readonly TaskRef[]): void {
    this.#hints.publish(tasks)
  }

  wakeAt(at: number): void {
    this.#sweeper.wakeAt(at)
  }

  learnClock(storeNow: number): void {
    this.#sweeper.learnClock(storeNow)
  }

  isWorkingOn(runId: string): boolean {
    return this.#leases.drivings.has(runId)
  }

  poke(runId: string): void {
    this.#leases.poke(runId)
  }

  hurry(runId: string): void {
    if (this.#consuming === undefined) return
    if (this.#isDraining || this.isWorkingOn(runId)) this.poke(runId)
    else
      this.#claimAndWork({ runId, definitions: this.#definitions }).catch((error: unknown) => this.#fault(error, 'worker', runId))
  }

  async drain(deadlineMs: number): Promise<DrainReport> {
    const { scheduler } = this.#engine
    const { drivings } = this.#leases
    const allDone = (): Promise<unknown> => Promise.allSettled([...drivings.values()].map(({ done }) => done))
    this.#isDraining = true
    this.#places.stop()
    this.#hints.stop()
    this.#sweeper.stop()
    const held = [...drivings.keys()]
    for (const { driver } of drivings.values()) driver.drain()
    // A scheduler that cannot be drained takes no time from what still runs.
    const drained = (async () => scheduler.drain(deadlineMs))().catch((error: unknown) => this.#fault(error, 'drain'))
    await atMost(deadlineMs, Promise.all([drained, allDone()]))
    for (const { driver } of drivings.values()) driver.abandon()
    // They need a turn or two of the store; one that hangs is not waited for.
    const endBy = performance.now() + LAST_TURNS_MS
    const leftMs = (): number => Math.max(0, endBy - performance.now())
    await atMost(leftMs(), allDone())
    this.#consumption.abort()
    await atMost(leftMs(), this.#consuming)
    this.#leases.stop()
    return { handedBack: (await atMost(leftMs(), this.#stillOpen(held))) ?? held }
  }

  counts(): WorkerCounts {
    return { ...this.#counts }
  }

  #countBlock(lateMs: number): void {
    if (lateMs < BLOCK_MS) return
    this.#counts.blockedMs += Math.round(lateMs)
    this.#counts.longestBlockMs = Math.max(this.#counts.longestBlockMs, Math.round(lateMs))
  }

  readonly #fault = (error: unknown, where: string, runId?: string): void => {
    this.#engine.hub.fault(toFailure(error, 'INTERNAL'), runId === undefined ? { where } : { where, runId })
  }

  readonly #handle = async (task: TaskRef): Promise<void> => {
    try {
      this.#counts.hints += 1
      if (this.#isDraining) return
      const due = this.isWorkingOn(task.runId) ? this.#pokeInstead(task.runId) : task
      if (due === undefined) return
      const ready = this.#engine.agents.get(due.agent)
      if (ready === undefined) this.#counts.dropped += 1
      else await this.#places.take(due, ready.limiter)
    } catch (error) {
      this.#fault(error, 'worker', task.runId)
    }
  }

  /** A run that is worked on here hears the news; the task is spent on one that is owed work. */
  #pokeInstead(runId: string): TaskRef | undefined {
    this.poke(runId)
    return this.#takeOwed()
  }

  #takeOwed(): TaskRef | undefined {
    const [task] = this.#owed.values()
    if (task !== undefined) this.#owed.delete(task.runId)
    return task
  }

  /** A task says that there is work; the store knows what is most urgent. */
  async #takeUp(task: TaskRef): Promise<void> {
    const definitions = this.#interchangeable.get(task.agent) ?? []
    await this.#claimAndWork({ queues: this.#options.queues, definitions }, task)
    const owed = this.#takeOwed()
    if (owed !== undefined) this.#hints.publish([owed])
  }

  async #claimAndWork(wanted: Pick<ClaimQuery, 'runId' | 'queues' | 'definitions'>, task?: TaskRef): Promise<void> {
    const { agents, elapsed, store, timing, workerId } = this.#engine
    const sentAt = elapsed()
    const [claim] = await store.claim({ ...wanted, workerId, leaseMs: timing.leaseMs })
    if (task !== undefined) this.#settleDebt(task, claim?.run.runId)
    if (claim !== undefined) this.#counts.claims += 1
    else if (task !== undefined) this.#counts.dropped += 1
    const ready = claim === undefined ? undefined : agents.get(claim.run.agent)
    if (claim === undefined || ready === undefined) return
    this.#sweeper.learnClock(claim.run.updatedAt)
    // It was being claimed while the worker began to stop.
    if (this.#isDraining) await store.release(claim.fence, { how: 'drain' })
    else if (isPoison(claim)) await this.#quarantine(claim)
    else await this.#work(claim, ready, sentAt)
  }

  /** Where another run was more urgent than the one that the task was for, that one is still owed its own. */
  #settleDebt(task: TaskRef, runId: string | undefined): void {
    if (runId !== undefined) this.#owed.delete(runId)
    if (runId === undefined || runId === task.runId || this.isWorkingOn(task.runId)) this.#owed.delete(task.runId)
    else this.#owed.set(task.runId, task)
  }

  async #quarantine({ fence, run: { runId, deliveries } }: Claim): Promise<void> {
    const task = await this.#engine.store.release(fence, { how: 'quarantine' })
    if (task !== undefined) this.#engine.publish([task])
    this.#engine.hub.setAside(runId)
    const text = `run ${runId} was set aside after ${deliveries - 1} claims that ended in a crash`
    this.#fault(new OpspawnError('RUN_QUARANTINED', text), 'worker', runId)
  }

  async #work(claim: Claim, ready: ReadyAgent, sentAt: number): Promise<void> {
    const driver = new RunDriver(this.#engine, claim, ready)
    const release = this.#options.hold()
    const done = this.#drive(driver, claim, ready).finally(release)
    this.#leases.add(driver, claim.fence, done, sentAt)
    try {
      await done
    } finally {
      this.#leases.remove(claim.run.runId)
    }
  }

  async #drive(driver: RunDriver, claim: Claim, ready: ReadyAgent): Promise<void> {
    const { runId } = claim.run
    const { board } = this.#engine
    board.begin(ready.agent.name, runId)
    try {
      const end = await driver.drive()
      if (end === 'lost') this.#fault(new OpspawnError('LEASE_LOST', `run ${runId} is worked on elsewhere now`), 'worker', runId)
    } catch (error) {
      // The run stays claimed; when the lease has run out, somebody takes it up again.
      this.#fault(error, 'driver', runId)
    } finally {
      board.end(ready.agent.name, runId, driver.outcome)
    }
  }

  async #stillOpen(runIds: readonly string[]): Promise<readonly string[]> {
    const open: string[] = []
    for (const runId of runIds) {
      const { runs } = await this.#engine.store.list({ runId }, { limit: 1 })
      if (runs[0] !== undefined && runs[0].outcome === undefined) open.push(runId)
    }
    return open
  }
}

function interchangeable(agents: readonly ReadyAgent[]): ReadonlyMap<string, readonly string[]> {
  const definitionOf = ({ agent, hash }: ReadyAgent): string => `${agent.name}@${hash}`
  const unlimited = agents.filter(({ limiter }) => limiter === undefined).map(definitionOf)
  return new Map(agents.map((one) => [one.agent.name, one.limiter === undefined ? unlimited : [definitionOf(one)]]))
}

/** It crashed too many workers; one that is to be cancelled may still end. */
function isPoison({ run, inbox }: Claim): boolean {
  return run.deliveries > MAX_DELIVERIES && !inbox.some((signal) => signal.name === CANCEL)
}

/** How long a stopping worker waits, past its deadline, for what should take no time, in milliseconds. */
const LAST_TURNS_MS = 1_000
/** What other work alone may make a timer late by, in milliseconds: from here on the event loop was blocked. */
const BLOCK_MS = 1_000

/** Waits for work, so long; gives nothing when it takes longer or fails. */
export async function atMost<T>(ms: number, work: Promise<T> | undefined): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.min(ms, 2_147_483_647))
  })
  try {
    return await Promise.race([work, patience])
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
  }
}
