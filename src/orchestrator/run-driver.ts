import { type Claim, type EffectRecord, OpspawnError, type RunEvent, type RunOutcome, type Signal } from '../core/index.ts'
import { decideOnce } from './deciding.ts'
import type { ReadyAgent } from './definition.ts'
import { mayPark, nextDue, takeDue } from './due.ts'
import { CANCEL, type Engine } from './engine.ts'
import { Execution } from './execution.ts'
import { cancelRun, failRun } from './finishing.ts'
import { takeInbox } from './inbox.ts'
import { perform } from './perform.ts'
import { type Insistence, insist } from './insisting.ts'
import { refuseForbidden } from './judging-again.ts'
import { isFirstTurn, loadPast, opened } from './opening.ts'
import { empty, type Progress } from './progress.ts'
import { announceUnsafe } from './resuming.ts'
import type { RunLog } from './run-log.ts'
import { takeSettlements } from './settling.ts'
import { takeUp } from './taking-over.ts'
import { transact } from './transacting.ts'
import { catchUp, goAhead, writeAfterAll } from './writing.ts'

/** How a driver left its run: ended, given back to wait or because it was paused, given back because the worker stops, or taken away. */
export type DriveEnd = 'ended' | 'parked' | 'drained' | 'lost'

/**
 * Drives one run from its claim until it ends, waits or is taken away: fold, decide, admit, write, perform, and again.
 * Everything that matters is in the history, so that another driver can go on from there at any moment.
 */
export class RunDriver {
  readonly #engine: Engine
  readonly #claim: Claim
  readonly #ready: ReadyAgent
  readonly #insistence: Insistence
  #progress: Progress | undefined
  #inbox: Signal[] = []
  readonly #seenSignals = new Set<string>()
  #wake: ((nothing: undefined) => void) | undefined
  #cancelTimer: (() => void) | undefined
  #draining = false
  #abandoned = false
  #lost: { readonly reason: unknown } | undefined

  constructor(engine: Engine, claim: Claim, ready: ReadyAgent) {
    this.#engine = engine
    this.#claim = claim
    this.#ready = ready
    const isGivenUp = (): boolean => this.#lost !== undefined || this.#abandoned
    this.#insistence = { engine, runId: claim.run.runId, isGivenUp }
    this.deliver(claim.inbox)
  }

  /** How the run ended, once it has. */
  get outcome(): RunOutcome | undefined {
    return this.#progress?.log.view.outcome
  }

  /** Hands over signals that came since the claim. */
  deliver(signals: readonly Signal[]): void {
    for (const signal of signals) {
      if (this.#seenSignals.has(signal.id)) continue
      this.#seenSignals.add(signal.id)
      this.#inbox.push(signal)
    }
    this.#wake?.(undefined)
  }

  /** The run belongs to another worker: stop, and write nothing more. */
  lose(reason: unknown): void {
    this.#lost ??= { reason }
    this.#stopAll(reason)
  }

  /** The worker stops: start nothing new, and give the run back once what runs has settled. */
  drain(): void {
    this.#draining = true
    this.#wake?.(undefined)
  }

  /** The worker's patience is over: give the run back now. What is under way stays open in the history. */
  abandon(): void {
    this.#draining = true
    this.#abandoned = true
    this.#stopAll(new OpspawnError('ORCHESTRATOR_DRAINING', 'the orchestrator stops; another worker goes on with the run'))
    empty(this.#progress?.inFlight ?? [])
    empty(this.#progress?.over ?? [])
  }

  /** Drives. Rejects only for faults of the store or of the engine itself; the run then stays claimed until its lease runs out. */
  async drive(): Promise<DriveEnd> {
    try {
      const progress = await this.#open()
      const { log } = progress
      while (this.#lost === undefined) {
        if (log.hasFailed) await catchUp(this.#insistence, progress)
        log.tick()
        const advancing = this.#advance(progress)
        if (advancing !== undefined && (await this.#isOvertaken(advancing, progress))) continue
        const begins = this.#begins(progress)
        const ahead = goAhead(this.#insistence, progress, begins)
        if (ahead !== undefined) await ahead
        else if (!log.isClean) {
          const isBehind = log.isAhead
          try {
            log.written(await log.write())
          } catch (error) {
            await writeAfterAll(this.#insistence, progress, isBehind, error)
          }
        }
        empty(progress.reserving)
        if (log.view.outcome !== undefined) return 'ended'
        const pause = this.#goOn(progress, begins)
        if (pause === undefined) continue
        const end = await pause
        if (end !== undefined) return end
        this.#stopResting()
      }
      return 'lost'
    } catch (error) {
      return this.#breakOff(error)
    }
  }

  /** Nothing more is done here: the run is another worker's. @throws the error where it is not */
  #breakOff(error: unknown): DriveEnd {
    this.#stopAll(error)
    if (this.#lost !== undefined || OpspawnError.is(error, 'LEASE_LOST') || OpspawnError.is(error, 'SEQUENCE_CONFLICT'))
      return 'lost'
    throw error
  }

  /** A step that is not waited for any more does not count. The run goes on without it, unless it is to be given back now. */
  async #isOvertaken(advancing: Promise<void>, progress: Progress): Promise<boolean> {
    if (await this.#finishes(advancing, progress)) return false
    progress.turn += 1
    if (!this.#abandoned) return true
    progress.log.dropDecision()
    return false
  }

  /** Decided once for the round: what is announced is begun, or a deploy would make it unknown. */
  #begins(progress: Progress): boolean {
    if (this.#draining || progress.paused) return false
    announceUnsafe(progress)
    return true
  }

  /** Begins what may begin, and says what there is to wait for: nothing, something that happens, or that the run is given back, which is how the drive ends. */
  #goOn(progress: Progress, begins: boolean): Promise<DriveEnd | undefined> | undefined {
    if (this.#lost !== undefined) return undefined
    // Abandoned while it was being written: what was under way is not in flight any more, and not to be waited for.
    if (begins && !this.#abandoned) this.#start(progress)
    else if (progress.inFlight.length === 0 && progress.over.length === 0)
      return this.#giveBack(this.#draining ? 'drain' : 'park')
    if (progress.context.transactions !== undefined)
      return transact(progress, this.#insistence, (over) => this.#finishes(over, progress))
    return this.#isBusy(progress) ? undefined : this.#waitFor(progress)
  }

  /** Waits for what comes next: here where that is near, given back where it is not; not at all where it is due already. */
  #waitFor(progress: Progress): Promise<DriveEnd | undefined> | undefined {
    const { log } = progress
    const dueAt = progress.paused ? undefined : nextDue(progress)
    if (dueAt !== undefined && dueAt <= log.steady()) return undefined
    return mayPark(progress, dueAt) ? this.#giveBack('wait', dueAt && log.fromSteady(dueAt)) : this.#rest(log, dueAt)
  }

  /** Reads the history and takes up what was open in it. */
  async #open(): Promise<Progress> {
    const { run, history } = this.#claim
    // A short one came along with the claim.
    const events = history ?? (await insist(this.#insistence, 'read', () => this.#engine.store.read(run.runId, 1)))
    const wake = (): void => this.#wake?.(undefined)
    const progress = opened(this.#engine, this.#claim, this.#ready, events, wake)
    this.#progress = progress
    this.#tellBeginning(events)
    if (progress.log.view.decisions > 0) await takeUp(progress, events, run.spending)
    else if (isFirstTurn(progress, events)) await loadPast(progress, this.#insistence)
    return progress
  }

  /** What the store wrote by itself, the acceptance and this claim, is told here. */
  #tellBeginning(events: readonly RunEvent[]): void {
    const claimed = events.findLastIndex((event) => event.type === 'run-claim')
    this.#engine.hub.recorded(this.#claim.run.runId, this.#claim.fence.epoch === 1 ? events : events.slice(claimed))
  }

  /**
   * Waits for a step that takes time (an asynchronous planner or schema), but no longer than it matters: gives false when
   * the run is cancelled, out of time, lost or abandoned first. What the step comes to then does not count.
   */
  async #finishes(advancing: Promise<void>, progress: Progress): Promise<boolean> {
    const { log } = progress
    const { durationMs } = log.view.limits
    const endsAt = durationMs === undefined ? undefined : progress.context.startedAt + durationMs
    let finished = false
    const done = advancing.then(() => {
      finished = true
    })
    // When it is not waited for any more, its failure is nobody's concern.
    done.catch(() => {})
    for (;;) {
      await Promise.race([done, this.#rest(log, log.view.cancelReason === undefined ? endsAt : undefined)])
      this.#stopResting()
      if (finished) return true
      log.tick()
      const isCancelled = log.view.cancelReason === undefined && this.#inbox.some((signal) => signal.name === CANCEL)
      const isLate = log.view.cancelReason === undefined && endsAt !== undefined && log.steady() >= endsAt
      if (isCancelled || isLate || this.#lost !== undefined || this.#abandoned) return false
    }
  }

  /** Brings the run as far as it gets without waiting for the world: all of it is recorded, nothing is performed. */
  #advance(progress: Progress): void | Promise<void> {
    try {
      takeSettlements(progress)
      if (this.#inbox.length > 0) takeInbox(progress, this.#inbox.splice(0))
      if (!progress.paused) takeDue(progress)
      if (progress.log.view.cancelReason !== undefined) return cancelRun(progress)
      if (progress.forbidden.size > 0 && !progress.paused) refuseForbidden(progress)
      const asking = this.#askPlanner(progress)
      return asking === undefined ? undefined : this.#guard(progress, asking)
    } catch (error) {
      return failRun(progress, error)
    }
  }

  async #guard(progress: Progress, asking: Promise<void>): Promise<void> {
    const { turn } = progress
    try {
      await asking
    } catch (error) {
      if (progress.turn === turn) failRun(progress, error)
    }
  }

  #askPlanner(progress: Progress): void | Promise<void> {
    const { view } = progress.log
    const reactive = this.#ready.planner.reactive === true
    const isStopping = this.#draining || progress.paused
    while (progress.askPlanner && !isStopping && view.outcome === undefined && (reactive || view.open === 0)) {
      progress.askPlanner = false
      const deciding = decideOnce(progress)
      if (deciding !== undefined) return deciding.then(() => this.#askPlanner(progress))
    }
    return undefined
  }

  #start(progress: Progress): void {
    const { startable, log } = progress
    if (startable.length === 0) return
    let taken = 0
    while (taken < startable.length && progress.inFlight.length < log.view.limits.parallel) {
      const record = log.view.effects.get(startable[taken] as string)
      taken += 1
      // What has settled meanwhile (a child that ended while it waited for a place) takes up none.
      if (record !== undefined && record.outcome === undefined) this.#execute(progress, record)
    }
    if (taken === startable.length) empty(startable)
    else if (taken > 0) startable.splice(0, taken)
  }

  #execute(progress: Progress, record: EffectRecord): void {
    const execution = new Execution(record, progress.log.now(), this.#engine.clock, this.#onEnd)
    progress.inFlight.push(execution)
    try {
      const performing = perform(progress.context, execution)
      // A tool that returns at once costs no turn of the event loop.
      if (performing instanceof Promise) {
        performing.then(
          (performed) => execution.succeed(performed),
          (thrown: unknown) => execution.fail(thrown),
        )
      } else execution.succeed(performing)
    } catch (thrown) {
      execution.fail(thrown)
    }
  }

  readonly #onEnd = (execution: Execution): void => {
    if (this.#progress !== undefined) this.#progress.over.push(execution)
    this.#wake?.(undefined)
  }

  #isBusy(progress: Progress): boolean {
    if (progress.over.length > 0 || this.#inbox.length > 0 || this.#lost !== undefined) return true
    return progress.askPlanner && !progress.paused && progress.log.view.open === 0
  }

  /** Waits until something happens, at most until a time of {@link RunLog.steady}. */
  #rest(log: RunLog, dueAt: number | undefined): Promise<undefined> {
    return new Promise<undefined>((resolve) => {
      this.#wake = resolve
      if (dueAt !== undefined) this.#cancelTimer = this.#engine.clock.setTimer(dueAt - log.steady(), () => resolve(undefined))
    })
  }

  #stopResting(): void {
    this.#wake = undefined
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  async #giveBack(how: 'wait' | 'drain' | 'park', dueAt?: number): Promise<DriveEnd> {
    if (this.#progress?.log.isAhead === true) await catchUp(this.#insistence, this.#progress)
    const reason = how !== 'wait' || dueAt === undefined ? { how } : { how, dueAt }
    const task = await insist(this.#insistence, 'release', () => this.#engine.store.release(this.#claim.fence, reason))
    if (task !== undefined) this.#engine.publish([task])
    if (dueAt !== undefined) this.#engine.wakeAt(dueAt)
    return how === 'drain' ? 'drained' : 'parked'
  }

  #stopAll(reason: unknown): void {
    for (const execution of this.#progress?.inFlight ?? []) execution.abort(reason)
    this.#wake?.(undefined)
  }
}
