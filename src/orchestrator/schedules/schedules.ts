import {
  canonicalJson,
  type Json,
  type NewRun,
  type OperationOptions,
  OpspawnError,
  type Run,
  type Schedule,
  type Schedules,
  type ScheduleState,
} from '../../core/index.ts'
import { requireShape } from '../checks/shape.ts'
import { show } from '../checks/show.ts'
import type { Engine } from '../engine.ts'
import { frozen } from '../frozen.ts'
import { checkSchedule } from './check.ts'
import { type Kept, keptSchedules, type KeptSchedules, toState } from './kept.ts'
import { type Slots, slotsOf } from './slots.ts'
import { prepareSlotRun } from './start-slot.ts'
import { createTimetable, type Timetable } from './timetable.ts'

/** Schedules in one page at most. */
const MAX_PAGE = 1_000
/** Attempts to put a schedule that others put too. */
const ATTEMPTS = 20

/** What schedules work with. */
export interface SchedulesContext {
  readonly engine: Engine
  readonly ids: () => string
  readonly requireOpen: () => void
  readonly accept: (run: NewRun) => Promise<Run>
}

/** The schedules of an orchestrator, and what starts their runs, if the store can keep them. */
export function createSchedules(context: SchedulesContext): {
  readonly schedules: Schedules
  readonly timetable: Timetable | undefined
} {
  const { engine, ids, requireOpen, accept } = context
  const { documents } = engine.store
  const kept = documents === undefined ? undefined : keptSchedules(documents)
  const timetable = kept === undefined ? undefined : createTimetable({ engine, schedules: kept, ids, accept })
  const stateOf = (one: Kept): ScheduleState => frozen(toState(one, engine.agents.has(one.schedule.agent)))

  function requireKept(): KeptSchedules {
    if (kept !== undefined) return kept
    throw new OpspawnError(
      'PLUGIN_CAPABILITY_MISSING',
      `store "${engine.store.name}" keeps no documents, so it can keep no schedules`,
    )
  }

  const schedules: Schedules = {
    async put(schedule, options) {
      const all = requireKept()
      const copy = (await checkSchedule(schedule)) as unknown as Schedule
      // What cannot be started is refused now, where the agent is known.
      if (engine.agents.has(copy.agent)) await prepareSlotRun(engine, copy, 0, ids)
      const done = await insistOnPut(all, copy, options)
      timetable?.lookSoon()
      return stateOf(done)
    },
    async list(page = {}, options) {
      requireShape('schedules, page', page, { cursor: 'text?', limit: 'whole?' })
      const { cursor, limit = 100 } = page
      const { schedules: listed, ...rest } = await requireKept().list(
        { limit: Math.min(limit, MAX_PAGE), ...(cursor !== undefined && { cursor }) },
        options,
      )
      return {
        schedules: listed.map((one) => stateOf(one.kept)),
        ...(rest.cursor !== undefined && { cursor: rest.cursor }),
      }
    },
    pause: async (name, options) =>
      stateOf(present(name, await requireKept().change(named(name), (one) => ({ ...one, paused: true }), options))),
    async resume(name, options) {
      const resumed = await resume(requireKept(), named(name), options)
      timetable?.lookSoon()
      return stateOf(present(name, resumed))
    },
    async remove(name, options) {
      present(name, (await requireKept().remove(named(name), options)) || undefined)
    },
    async trigger(name, options) {
      requireOpen()
      const all = requireKept()
      const { schedule } = present(name, await all.find(named(name), options)).kept
      const { now } = await all.list({ limit: 1 }, options)
      return accept(await prepareSlotRun(engine, schedule, now, ids, ids()))
    },
  }
  return { schedules, timetable }
}

async function insistOnPut(all: KeptSchedules, schedule: Schedule, options: OperationOptions | undefined): Promise<Kept> {
  const slots = await slotsOf(schedule)
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const done = await tryPut(all, schedule, slots, options)
    if (done !== undefined) return done
  }
  const text = `schedule "${schedule.name}" is being changed by others all the time; try again later`
  throw new OpspawnError('DOCUMENT_CONFLICT', text, { details: { name: schedule.name } })
}

/** Goes on with the first slot from now on. Gives nothing for a schedule that there is not. */
async function resume(all: KeptSchedules, name: string, options: OperationOptions | undefined): Promise<Kept | undefined> {
  const found = await all.find(name, options)
  if (found === undefined) return undefined
  const { now } = await all.list({ limit: 1 }, options)
  const slots = await slotsOf(found.kept.schedule)
  const nextAt = (one: Kept): number => (one.nextAt > now ? one.nextAt : slots.next(one.nextAt, now))
  return all.change(name, (one) => (one.paused ? { ...one, paused: false, nextAt: nextAt(one) } : one), options)
}

/** Gives nothing when somebody else changed the schedule meanwhile. */
async function tryPut(
  all: KeptSchedules,
  schedule: Schedule,
  slots: Slots,
  options: OperationOptions | undefined,
): Promise<Kept | undefined> {
  const found = await all.find(schedule.name, options)
  if (found !== undefined && isSame(found.kept.schedule, schedule)) return found.kept
  const { now } = await all.list({ limit: 1 }, options)
  const made: Kept = { ...found?.kept, schedule, paused: found?.kept.paused ?? false, nextAt: slots.next(now, now) }
  return (await all.replace(schedule.name, made, found?.version ?? 0, options))?.kept
}

function isSame(left: Schedule, right: Schedule): boolean {
  return canonicalJson(left as unknown as Json) === canonicalJson(right as unknown as Json)
}

function named(name: unknown): string {
  if (typeof name === 'string' && name !== '') return name
  throw new OpspawnError('OPTIONS_INVALID', `the name of a schedule must be a text, not ${show(name)}`)
}

function present<T>(name: string, found: T | undefined): T {
  if (found !== undefined) return found
  throw new OpspawnError('SCHEDULE_UNKNOWN', `there is no schedule "${name}"`, { details: { name } })
}
