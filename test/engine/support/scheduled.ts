import type { Planner, Schedule } from '../../../src/index.ts'
import { plan } from '../harness.ts'

/** Ends at once. */
export const finishing: Planner = plan(() => ({ type: 'finish', output: 'done' }))

export const MINUTE = 60_000
export const HOUR: number = 60 * MINUTE
/** When the clocks begin. */
export const START: number = Date.parse('2026-03-01T12:00:00Z')

/** A schedule that says nothing of its times. */
export const subject: Schedule = { name: 'subject', agent: 'subject' }
