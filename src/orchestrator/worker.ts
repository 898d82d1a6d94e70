import { type Claim, type DrainReport, type Fence, OpspawnError, type TaskRef, toFailure } from '../core/index.ts'
import type { ReadyAgent } from './definition.ts'
import { CANCEL, type Engine, MAX_DELIVERIES } from './engine.ts'
import { createLimiter, type Limiter } from './limiter.ts'
import { RunDriver } from './run-driver.ts'

/** Works on the runs of a store: takes hints from the scheduler, claims, drives, shows that it lives, sweeps. */
export interface Worker {
  start(): void
  publish(tasks: readonly TaskRef[]): void
  wakeAt(at: number): void
  /** The store's clock says so now. */
  learnClock(storeNow: number): void
  poke(runId: string): void
  /** Takes up a run that is to end, without regard to limits. */
  hurry(runId: string): void
  drain(deadlineMs: number): Promise<DrainReport>
}

/** How much a worker takes on. */
export interface WorkerOptions {
  readonly queues: readonly string[]
  /** Runs worked on at once. */
  readonly concurrency: number
  /** Keeps the process alive until the returned function is called. */
  readonly hold: () => () => void
}

/** So many forgotten runs are taken up at one sweep; more follow at the next. */
const SWEEP_BATCH = 500
/** The least time between two sweeps, in milliseconds, whatever the clocks say. */
const SWEEP_PAUSE_MS = 20

interface Driving {
  /** By this worker's clock; moved on by every heartbeat that arrives. */
  aliveUntil: number
  readonly driver: RunDriver
  readonly fence: Fence
  readonly done: Promise<void>
}

/** Makes a worker; nothing happens before `start`. */
export function createWorker(engine: Engine, options: WorkerOptions): Worker {
  const { store, scheduler, clock, hub, timing, workerId } = engine
  const definitions = [...engine.agents.values()].map((ready) => `${ready.agent.name}@${ready.hash}`)
  const drivings = new Map<string, Driving>()
  /** Runs that wait for a place in their agent's limit. */
  const deferred = new Set<string>()
  const slots = createLimiter(options.concurrency)
  const consumption = new AbortController()
  let consuming: Promise<void> | undefined
  let draining = false
  let isWorking = false
  /** What the store's clock is ahead of this worker's, as the last claim told. */
  let skewMs = 0
  let nextSweepAt = Infinity
  let lastSweep = -Infinity
  let cancelSweep: (() => void) | undefined
  let cancelBeat: (() => void) | undefined
  let cancelWatch: (() => void) | undefined

  function fault(error: unknown, where: string, runId?: string): void {
    hub.fault(toFailure(error, 'INTERNAL'), runId === undefined ? { where } : { where, runId })
  }

  function publish(tasks: readonly TaskRef[]): void {
    if (tasks.length === 0 || draining) return
    // What does not fit is not lost: the store still holds it and the sweep finds it.
    scheduler.publish(tasks).catch((error: unknown) => {
      if (!OpspawnError.is(error, 'QUEUE_FULL')) fault(error, 'publish')
    })
  }

  async function handle(task: TaskRef): Promise<void> {
    try {
      const ready = engine.agents.get(task.agent)
      if (draining || ready === undefined) return
      if (drivings.has(task.runId)) {
        poke(task.runId)
        return
      }
      if (ready.limiter === undefined) await take(task)
      else if (ready.limiter.tryTake()) await takeWithPlace(task, ready.limiter)
      else defer(task, ready.limiter)
    } catch (error) {
      fault(error, 'worker', task.runId)
    }
  }

  async function take(task: TaskRef): Promise<void> {
    // Runs that waited for their agent's place come beside the scheduler's: together they keep the overall limit.
    if (!slots.tryTake()) await new Promise<void>((resolve) => void slots.take(resolve))
    try {
      await claimAndWork(task.runId)
    } finally {
      slots.give()
    }
  }

  async function takeWithPlace(task: TaskRef, limiter: Limiter): Promise<void> {
    try {
      await take(task)
    } finally {
      limiter.give()
    }
  }

  /**
   * Without a free place the task waits here, once, and takes up no slot of the scheduler's. It does not go back to the
   * scheduler, which may lose it, and the place with it.
   */
  function defer(task: TaskRef, limiter: Limiter): void {
    if (deferred.has(task.runId)) return
    deferred.add(task.runId)
    limiter.take(() => {
      deferred.delete(task.runId)
      if (draining) limiter.give()
      else takeWithPlace(task, limiter).catch((error: unknown) => fault(error, 'worker', task.runId))
    })
  }

  async function claimAndWork(runId: string): Promise<void> {
    const sentAt = clock.now()
    const [claim] = await store.claim({ workerId, runId, leaseMs: timing.leaseMs, definitions })
    const ready = claim === undefined ? undefined : engine.agents.get(claim.run.agent)
    if (claim === undefined || ready === undefined) return
    skewMs = claim.run.updatedAt - clock.now()
    // It was being claimed while the worker began to stop.
    if (draining) await store.release(claim.fence, { how: 'drain' })
    else await work(claim, ready, sentAt)
  }

  /** For a run that is to end: it needs no place, and its worker, if there is one here, looks at once. */
  function hurry(runId: string): void {
    if (draining || drivings.has(runId)) poke(runId)
    else claimAndWork(runId).catch((error: unknown) => fault(error, 'worker', runId))
  }

  async function work(claim: Claim, ready: ReadyAgent, sentAt: number): Promise<void> {
    const { runId, deliveries } = claim.run
    if (deliveries > MAX_DELIVERIES && !claim.inbox.some((signal) => signal.name === CANCEL)) {
      await store.release(claim.fence, { how: 'quarantine' })
      hub.setAside(runId)
      fault(
        new OpspawnError('RUN_QUARANTINED', `run ${runId} was set aside after ${deliveries - 1} claims that ended in a crash`),
        'worker',
        runId,
      )
      return
    }
    const driver = new RunDriver(engine, claim, ready)
    const release = options.hold()
    const done = drive(driver, claim, ready).finally(release)
    drivings.set(runId, { driver, fence: claim.fence, done, aliveUntil: limitOf(sentAt) })
    try {
      await done
    } finally {
      drivings.delete(runId)
      if (drivings.size === 0 && cancelWatch !== undefined) {
        cancelWatch()
        cancelWatch = undefined
      }
    }
  }

  async function drive(driver: RunDriver, claim: Claim, ready: ReadyAgent): Promise<void> {
    const { runId } = claim.run
    engine.board.begin(ready.agent.name, runId)
    try {
      const end = await driver.drive()
      if (end === 'lost') fault(new OpspawnError('LEASE_LOST', `run ${runId} is worked on elsewhere now`), 'worker', runId)
    } catch (error) {
      // The run stays claimed; when the lease has run out, somebody takes it up again.
      fault(error, 'driver', runId)
    } finally {
      engine.board.end(ready.agent.name, runId, driver.outcome)
    }
  }

  function poke(runId: string): void {
    const driving = drivings.get(runId)
    if (driving !== undefined) beat([driving.fence]).catch((error: unknown) => fault(error, 'heartbeat', runId))
  }

  async function beat(fences: readonly Fence[]): Promise<void> {
    const { lost, inbox } = await store.heartbeat(fences, timing.leaseMs)
    for (const { runId } of lost)
      drivings.get(runId)?.driver.lose(new OpspawnError('LEASE_LOST', `run ${runId} is worked on elsewhere now`))
    for (const [runId, signals] of inbox) drivings.get(runId)?.driver.deliver(signals)
  }

  function scheduleBeat(): void {
    cancelBeat = clock.setTimer(timing.heartbeatMs, () => {
      // A beat that hangs holds up neither the next one nor the limit.
      void keepAlive()
      if (!draining || drivings.size > 0) scheduleBeat()
    })
  }

  async function keepAlive(): Promise<void> {
    const sentAt = clock.now()
    const beating = [...drivings.values()]
    if (beating.length === 0) return
    // Beats come more often than leases end, so it is enough to look after the leases from beat to beat.
    watchLeases()
    try {
      await beat(beating.map((driving) => driving.fence))
      for (const driving of beating) driving.aliveUntil = limitOf(sentAt)
    } catch (error) {
      fault(error, 'heartbeat')
    }
  }

  /** Until when a worker that hears nothing may believe in a lease that it asked for then. */
  function limitOf(sentAt: number): number {
    return sentAt + timing.leaseMs - Math.min(2_000, timing.leaseMs / 4)
  }

  /** A worker that cannot reach its store stops by itself before its leases run out (S7). */
  function watchLeases(): void {
    if (cancelWatch !== undefined || drivings.size === 0) return
    let first = Infinity
    for (const { aliveUntil } of drivings.values()) first = Math.min(first, aliveUntil)
    cancelWatch = clock.setTimer(Math.max(0, first - clock.now()), () => {
      cancelWatch = undefined
      const now = clock.now()
      for (const { driver, aliveUntil } of drivings.values()) {
        if (aliveUntil <= now)
          driver.lose(new OpspawnError('LEASE_LOST', 'the store could not be reached before the lease ran out'))
      }
      // Those that were lost end by themselves; the others are looked at again when it is their time.
      if ([...drivings.values()].some(({ aliveUntil }) => aliveUntil > now)) watchLeases()
    })
  }

  /** Sweeps at a time of the store's clock, as well as this worker knows it; never without a pause. */
  function wakeAt(at: number): void {
    if (draining || at >= nextSweepAt) return
    cancelSweep?.()
    nextSweepAt = at
    const now = clock.now()
    const pauseMs = Math.max(0, lastSweep + SWEEP_PAUSE_MS - now)
    cancelSweep = clock.setTimer(Math.max(pauseMs, at - skewMs - now), () => {
      void sweep()
    })
  }

  async function sweep(): Promise<void> {
    nextSweepAt = Infinity
    lastSweep = clock.now()
    try {
      const { tasks, nextDueAt } = await store.sweep(SWEEP_BATCH, { queues: options.queues, definitions })
      publish(tasks)
      if (nextDueAt !== undefined) wakeAt(nextDueAt)
    } catch (error) {
      fault(error, 'sweep')
    }
    wakeAt(clock.now() + skewMs + timing.sweepMs)
  }

  return {
    start() {
      isWorking = true
      consuming = scheduler.consume(handle, {
        queues: options.queues,
        concurrency: options.concurrency,
        signal: consumption.signal,
      })
      consuming.catch((error: unknown) => fault(error, 'consume'))
      scheduleBeat()
      wakeAt(clock.now() + timing.sweepMs)
    },
    publish,
    wakeAt,
    learnClock(storeNow) {
      skewMs = storeNow - clock.now()
    },
    poke,
    hurry: (runId) => {
      if (isWorking) hurry(runId)
    },
    async drain(deadlineMs) {
      draining = true
      cancelSweep?.()
      const held = [...drivings.keys()]
      for (const { driver } of drivings.values()) driver.drain()
      const stopped = Promise.all([
        scheduler.drain(deadlineMs),
        Promise.allSettled([...drivings.values()].map(({ done }) => done)),
      ])
      await within(deadlineMs, stopped)
      for (const { driver } of drivings.values()) driver.abandon()
      // They need a turn or two of the store; one that hangs is not waited for.
      const endBy = performance.now() + LAST_TURNS_MS
      const leftMs = (): number => Math.max(0, endBy - performance.now())
      await within(leftMs(), Promise.allSettled([...drivings.values()].map(({ done }) => done)))
      consumption.abort()
      await within(leftMs(), consuming)
      cancelBeat?.()
      cancelWatch?.()
      return { handedBack: (await within(leftMs(), stillOpen(held))) ?? held }
    },
  }

  async function stillOpen(runIds: readonly string[]): Promise<readonly string[]> {
    const open: string[] = []
    for (const runId of runIds) {
      const { runs } = await store.list({ runId }, { limit: 1 })
      if (runs[0] !== undefined && runs[0].outcome === undefined) open.push(runId)
    }
    return open
  }
}

/** How long a stopping worker waits, past its deadline, for what should take no time, in milliseconds. */
const LAST_TURNS_MS = 1_000

/** Waits for work, so long; gives nothing when it takes longer or fails. */
async function within<T>(ms: number, work: Promise<T> | undefined): Promise<T | undefined> {
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
