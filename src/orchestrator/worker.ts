import { type Claim, type DrainReport, type Fence, OpspawnError, type TaskRef, toFailure } from '../core/index.ts'
import type { ReadyAgent } from './definition.ts'
import { CANCEL, type Engine, MAX_DELIVERIES } from './engine.ts'
import type { Limiter } from './limiter.ts'
import { RunDriver } from './run-driver.ts'

/** Works on the runs of a store: takes hints from the scheduler, claims, drives, shows that it lives, sweeps. */
export interface Worker {
  start(): void
  publish(tasks: readonly TaskRef[]): void
  wakeAt(at: number): void
  poke(runId: string): void
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

interface Driving {
  readonly claimedAt: number
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
  const consumption = new AbortController()
  let consuming: Promise<void> | undefined
  let draining = false
  let nextSweepAt = Infinity
  let cancelSweep: (() => void) | undefined
  let cancelBeat: (() => void) | undefined
  let cancelLimit: (() => void) | undefined

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
      if (ready.limiter === undefined) await take(task, ready)
      else if (ready.limiter.tryTake()) await takeWithPlace(task, ready, ready.limiter)
      else defer(task, ready, ready.limiter)
    } catch (error) {
      fault(error, 'worker', task.runId)
    }
  }

  async function take(task: TaskRef, ready: ReadyAgent): Promise<void> {
    const [claim] = await store.claim({ workerId, runId: task.runId, leaseMs: timing.leaseMs, definitions })
    if (claim === undefined) return
    // It was being claimed while the worker began to stop.
    if (draining) await store.release(claim.fence, { how: 'drain' })
    else await work(claim, ready)
  }

  async function takeWithPlace(task: TaskRef, ready: ReadyAgent, limiter: Limiter): Promise<void> {
    try {
      await take(task, ready)
    } finally {
      limiter.give()
    }
  }

  /**
   * Without a free place the task waits here, once, and takes up no slot of the scheduler's. It does not go back to the
   * scheduler, which may lose it, and the place with it.
   */
  function defer(task: TaskRef, ready: ReadyAgent, limiter: Limiter): void {
    if (deferred.has(task.runId)) return
    deferred.add(task.runId)
    limiter.take(() => {
      deferred.delete(task.runId)
      if (draining) limiter.give()
      else takeWithPlace(task, ready, limiter).catch((error: unknown) => fault(error, 'worker', task.runId))
    })
  }

  async function work(claim: Claim, ready: ReadyAgent): Promise<void> {
    const { runId, deliveries } = claim.run
    if (deliveries > MAX_DELIVERIES && !claim.inbox.some((signal) => signal.name === CANCEL)) {
      await store.release(claim.fence, { how: 'quarantine' })
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
    drivings.set(runId, { driver, fence: claim.fence, done, claimedAt: clock.now() })
    try {
      await done
    } finally {
      drivings.delete(runId)
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
    try {
      if (drivings.size > 0) await beat([...drivings.values()].map((driving) => driving.fence))
      limitLease(sentAt)
    } catch (error) {
      fault(error, 'heartbeat')
    }
  }

  /** A worker that cannot reach its store stops by itself before its leases run out, counted from the last beat that arrived (S7). */
  function limitLease(sentAt: number): void {
    cancelLimit?.()
    const endsAt = sentAt + timing.leaseMs - Math.min(2_000, timing.leaseMs / 4)
    cancelLimit = clock.setTimer(Math.max(0, endsAt - clock.now()), () => {
      for (const { driver, claimedAt } of drivings.values()) {
        if (claimedAt <= sentAt)
          driver.lose(new OpspawnError('LEASE_LOST', 'the store could not be reached before the lease ran out'))
      }
    })
  }

  function wakeAt(at: number): void {
    if (draining || at >= nextSweepAt) return
    cancelSweep?.()
    nextSweepAt = at
    cancelSweep = clock.setTimer(Math.max(0, at - clock.now()), () => {
      void sweep()
    })
  }

  async function sweep(): Promise<void> {
    nextSweepAt = Infinity
    try {
      const { tasks, nextDueAt } = await store.sweep(SWEEP_BATCH, { queues: options.queues, definitions })
      publish(tasks)
      if (nextDueAt !== undefined) wakeAt(nextDueAt)
    } catch (error) {
      fault(error, 'sweep')
    }
    wakeAt(clock.now() + timing.sweepMs)
  }

  return {
    start() {
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
    poke,
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
      await within(LAST_TURNS_MS, Promise.allSettled([...drivings.values()].map(({ done }) => done)))
      consumption.abort()
      await within(LAST_TURNS_MS, consuming)
      cancelBeat?.()
      cancelLimit?.()
      return { handedBack: (await within(LAST_TURNS_MS, stillOpen(held))) ?? held }
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

/** How long a stopping worker waits for what should take no time, in milliseconds. */
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
