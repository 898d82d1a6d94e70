import type { Failure } from './failure.ts'
import type { RunRecord } from './run.ts'

/**
 * What the runs of a schedule are started with, as in the options of `start`: the tenant (absent: `default`), the session that
 * they all belong to, the caller behind them (absent: nobody), limits tighter than the agent's, and the priority. In their
 * metadata `schedule` is set to `{ name, slot }`, the slot in ISO 8601.
 */
export type ScheduleStart = Partial<Pick<RunRecord, 'tenant' | 'session' | 'limits' | 'priority' | 'caller' | 'metadata'>>

/**
 * A rule that starts runs of an agent at certain times. Give `cron` or `every`.
 *
 * @property cron Five parts (minute, hour, day of month, month, day of week), six with seconds before them, or a nickname such as `@daily`.
 * @property zone IANA time zone that `cron` is meant in, such as `Europe/Oslo`. Default: 'UTC'.
 * @property every Length of an interval, 1 second to 366 days: `30s`, `15m`, `2h`, `1d`. Counted from when the schedule was put.
 * @property name Unique in the store. As names of agents are.
 * @property agent Name of the agent. One that is not registered here is left to the workers that have it.
 */
export interface Schedule
  extends Readonly<Partial<Record<'cron' | 'zone' | 'every', string | undefined>>>, Readonly<Record<'name' | 'agent', string>> {
  /** What each run is started with. @default null */
  readonly input?: unknown
  /**
   * What becomes of slots that are noticed more than a minute late: none is run; the last one, unless a later one is due;
   * all of them, at most the last 100. @default 'last'
   */
  readonly missed?: 'skip' | 'last' | 'all' | undefined
  /** Whether a slot is run, or passed over, while the run of the one before has not ended. @default 'allow' */
  readonly overlap?: 'allow' | 'skip' | undefined
  /** For each run. */
  readonly start?: ScheduleStart | undefined
}

/**
 * What became of a slot.
 *
 * @property slot Its time, in epoch milliseconds.
 * @property runId Of the run that it started.
 * @property skipped Why it started none.
 * @property error Why none could be started.
 */
export type SlotResult = Readonly<{ slot: number; runId?: string; skipped?: 'overlap' | 'missed'; error?: Failure }>

/** A schedule as it stands in the store. */
export interface ScheduleState extends Schedule {
  /** Starts nothing until it is resumed. */
  readonly paused: boolean
  /** Its next slot, in epoch milliseconds of the store's clock. */
  readonly nextAt: number
  /** Absent before its first slot was due. */
  readonly last?: SlotResult
  /** The agent is registered in this process; otherwise only other workers can start its runs. */
  readonly isKnown: boolean
}

/**
 * A part of a listing of schedules.
 *
 * @property schedules At most as many as the limit.
 * @property cursor Gets the next part; absent at the end.
 */
export type SchedulePage = { readonly schedules: readonly ScheduleState[]; readonly cursor?: string }
