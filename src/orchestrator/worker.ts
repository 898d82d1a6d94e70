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
  let lastBeat = clock.now()

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
    if (claim !== undefined) await work(claim, ready)
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
    drivings.set(runId, { driver, fence: claim.fence, done })
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
      void keepAlive()
    })
  }

  /** A worker that cannot reach its store stops by itself before its leases run out (S7). */
  async function keepAlive(): Promise<void> {
    const sentAt = clock.now()
    try {
      if (drivings.size > 0) await beat([...drivings.values()].map((driving) => driving.fence))
      lastBeat = sentAt
    } catch (error) {
      fault(error, 'heartbeat')
      if (clock.now() - lastBeat > timing.leaseMs - 2_000) {
        for (const { driver } of drivings.values())
          driver.lose(new OpspawnError('LEASE_LOST', 'the store could not be reached in time', { cause: error }))
      }
    }
    if (!draining || drivings.size > 0) scheduleBeat()
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
      const { tasks, nextDueAt } = await store.sweep(SWEEP_BATCH)
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
      await Promise.all([scheduler.drain(deadlineMs), settled(deadlineMs)])
      for (const { driver } of drivings.values()) driver.abandon()
      // They need a turn or two of the store; one that hangs is not waited for.
      await settled(1_000)
      consumption.abort()
      await consuming?.catch(() => {})
      cancelBeat?.()
      return { handedBack: await stillOpen(held) }
    },
  }

  /** Waits for all drivers, so long. */
  async function settled(ms: number): Promise<void> {
    if (drivings.size === 0) return
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms)
    })
    await Promise.race([Promise.allSettled([...drivings.values()].map((driving) => driving.done)), patience])
    clearTimeout(timer)
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
