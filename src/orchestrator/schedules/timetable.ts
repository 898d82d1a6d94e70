import { type NewRun, OpspawnError, type Run, type SlotResult, toFailure } from '../../core/index.ts'
import type { Engine } from '../engine.ts'
import { dueSlots, MAX_MISSED } from './due-slots.ts'
import type { Kept, KeptSchedules, Versioned } from './kept.ts'
import { slotsOf } from './slots.ts'
import { isUnderWay, mayPass, prepareSlotRun } from './start-slot.ts'

/** How often to look for schedules that other processes changed, in milliseconds. */
const LOOK_MS = 5_000
/** The least time between two looks. */
const PAUSE_MS = 50
/** How long to wait after a slot could not be started. */
const RETRY_MS = 1_000

/** What starts the runs of schedules. */
export interface Timetable {
  /** Begins to look. */
  start(): void
  /** Looks now: a schedule was changed here. */
  lookSoon(): void
  stop(): Promise<void>
}

/** What a timetable works with. */
export interface TimetableContext {
  readonly engine: Engine
  readonly schedules: KeptSchedules
  readonly accept: (run: NewRun) => Promise<Run>
  readonly ids: () => string
}

/** Makes a timetable; nothing happens before `start`. */
export function createTimetable(context: TimetableContext): Timetable {
  return new StoreTimetable(context)
}

/**
 * Starts what is due by the store's clock: first the slot's run, under a key of schedule and slot, then the schedule moves
 * on to its next slot, if nobody else has moved it. A crash between the two, or another worker beside this one, starts the
 * same run again, which changes nothing.
 */
class StoreTimetable implements Timetable {
  readonly #context: TimetableContext
  #cancel: (() => void) | undefined
  #looking: Promise<void> | undefined
  #isStarted = false
  #isStopped = false
  #isWanted = false

  constructor(context: TimetableContext) {
    this.#context = context
  }

  start(): void {
    this.#isStarted = true
    // In a store of this process alone nobody else can put a schedule.
    if (this.#context.engine.store.capabilities.multiProcess) this.#lookIn(0)
  }

  lookSoon(): void {
    if (!this.#isStarted) return
    this.#isWanted = true
    if (this.#looking === undefined) this.#lookIn(0)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel?.()
    await this.#looking
  }

  #lookIn(ms: number): void {
    if (this.#isStopped) return
    this.#cancel?.()
    this.#cancel = this.#context.engine.clock.setTimer(ms, () => {
      this.#looking = this.#look().finally(() => {
        this.#looking = undefined
      })
    })
  }

  async #look(): Promise<void> {
    const { engine } = this.#context
    this.#isWanted = false
    let waitMs = engine.store.capabilities.multiProcess ? LOOK_MS : Infinity
    try {
      waitMs = Math.min(waitMs, await this.#attendAll())
    } catch (error) {
      this.#fault(error)
      waitMs = RETRY_MS
    }
    if (this.#isWanted) waitMs = 0
    // A long wait is cut: the clock of this worker may be set meanwhile.
    if (waitMs !== Infinity) this.#lookIn(Math.min(Math.max(waitMs, PAUSE_MS), LOOK_MS))
  }

  /** Gives how long until something is due. */
  async #attendAll(): Promise<number> {
    const { engine, schedules } = this.#context
    let soonest = Infinity
    let cursor: string | undefined
    do {
      const page = await schedules.list(cursor === undefined ? {} : { cursor })
      const since = engine.elapsed()
      for (const one of page.schedules) {
        if (this.#isStopped) return Infinity
        const dueAt = await this.#attend(one, page.now)
        soonest = Math.min(soonest, dueAt - page.now - (engine.elapsed() - since))
      }
      cursor = page.cursor
    } while (cursor !== undefined)
    return soonest
  }

  /** Gives when to look at the schedule again, by the store's clock. */
  async #attend(one: Versioned, now: number): Promise<number> {
    const { schedule, paused, nextAt } = one.kept
    if (paused || !this.#context.engine.agents.has(schedule.agent)) return Infinity
    if (nextAt > now) return nextAt
    try {
      return await this.#run(one, now)
    } catch (error) {
      this.#fault(error)
      return now + RETRY_MS
    }
  }

  async #run(one: Versioned, now: number): Promise<number> {
    const { schedule, nextAt } = one.kept
    const slots = await slotsOf(schedule)
    const { run, passedOver, isCut } = dueSlots(slots, nextAt, now, schedule.missed)
    const afterAll = slots.next(nextAt, now)
    if (isCut) this.#tellOfCut(schedule.name, nextAt, run[0])
    let current: Versioned | undefined = one
    if (run.length === 0 && passedOver !== undefined)
      current = await this.#advance(current, { slot: passedOver, skipped: 'missed' }, afterAll)
    for (const [index, slot] of run.entries()) {
      if (current === undefined || this.#isStopped) return now
      const result = await this.#startSlot(current.kept, slot)
      current = await this.#advance(current, result, run[index + 1] ?? afterAll)
    }
    return current?.kept.nextAt ?? now
  }

  /** What became of a slot; rejects when it may be started later. */
  async #startSlot({ schedule, lastRunId }: Kept, slot: number): Promise<SlotResult> {
    const { engine, accept, ids } = this.#context
    if (schedule.overlap === 'skip' && (await isUnderWay(engine, lastRunId))) return { slot, skipped: 'overlap' }
    try {
      const { id } = await accept(await prepareSlotRun(engine, schedule, slot, ids))
      return { slot, runId: id }
    } catch (error) {
      // The slot's run was started before the schedule was changed.
      if (OpspawnError.is(error, 'RUN_EXISTS')) return { slot }
      if (mayPass(error)) throw error
      this.#fault(error)
      return { slot, error: toFailure(error, 'INTERNAL') }
    }
  }

  /** Moves a schedule on; gives nothing when somebody else has changed it. */
  #advance({ kept, version }: Versioned, last: SlotResult, nextAt: number): Promise<Versioned | undefined> {
    const runId = last.runId ?? kept.lastRunId
    const moved = { ...kept, nextAt, last, ...(runId !== undefined && { lastRunId: runId }) }
    return this.#context.schedules.replace(kept.schedule.name, moved, version)
  }

  #tellOfCut(name: string, since: number, first: number | undefined): void {
    const until = first === undefined ? '' : `, those before ${new Date(first).toISOString()} are passed over`
    const text = `schedule "${name}" missed more than ${MAX_MISSED} slots since ${new Date(since).toISOString()}: the last ${MAX_MISSED} are run${until}`
    this.#fault(new OpspawnError('SCHEDULE_MISSED', text, { details: { name } }))
  }

  #fault(error: unknown): void {
    this.#context.engine.hub.fault(toFailure(error, 'INTERNAL'), { where: 'schedules' })
  }
}
