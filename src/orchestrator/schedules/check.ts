import { OpspawnError, type JsonObject, type Schedule, toJson } from '../../core/index.ts'
import { requireCaller } from '../checks/caller.ts'
import { requireName } from '../checks/name.ts'
import { requireShape, type Shape } from '../checks/shape.ts'
import { show } from '../checks/show.ts'
import { durationMs } from './duration.ts'
import { slotsOf } from './slots.ts'

const SCHEDULE: Shape = {
  name: 'text',
  agent: 'text',
  input: 'any?',
  cron: 'text?',
  zone: 'text?',
  every: 'text?',
  missed: 'text?',
  overlap: 'text?',
  start: 'object?',
}
const START: Shape = {
  tenant: 'text?',
  session: 'text?',
  caller: 'object?',
  limits: 'object?',
  priority: 'number?',
  metadata: 'object?',
}
const POLICIES = { missed: ['skip', 'last', 'all'], overlap: ['allow', 'skip'] } as const
const MIN_EVERY_MS = 1_000
const MAX_EVERY_MS = 366 * 86_400_000

/**
 * Checks a schedule, and copies it as JSON.
 *
 * @throws OpspawnError `SCHEDULE_INVALID`, `NAME_INVALID`, `JSON_INVALID`, `PAYLOAD_TOO_LARGE`
 */
export async function checkSchedule(schedule: Schedule): Promise<JsonObject> {
  requireShape('schedule', schedule, SCHEDULE, 'SCHEDULE_INVALID')
  const { name, agent, cron, zone, every, start } = schedule
  requireName('schedule', name)
  requireName('agent', agent)
  const where = `schedule "${name}"`
  if (start !== undefined) requireShape(`${where}, start`, start, START, 'SCHEDULE_INVALID')
  if (start?.caller !== undefined) requireCaller(`${where}, start`, start.caller, 'SCHEDULE_INVALID')
  if ((cron === undefined) === (every === undefined))
    throw new OpspawnError('SCHEDULE_INVALID', `${where} must have either cron or every`, { details: { name } })
  if (zone !== undefined && cron === undefined)
    throw new OpspawnError('SCHEDULE_INVALID', `${where}: zone is for cron; an interval is as long in every zone`, {
      details: { name },
    })
  if (every !== undefined) requireEvery(where, every)
  for (const [member, known] of Object.entries(POLICIES)) {
    const value = schedule[member as keyof typeof POLICIES]
    if (value === undefined || (known as readonly string[]).includes(value)) continue
    const text = `${where}: ${member} ${show(value)} is none of ${known.join(', ')}`
    throw new OpspawnError('SCHEDULE_INVALID', text, { details: { name, member } })
  }
  await slotsOf(schedule)
  const given = Object.entries(schedule).filter(([, value]) => value !== undefined)
  return toJson(Object.fromEntries(given)) as JsonObject
}

function requireEvery(where: string, every: string): void {
  const ms = durationMs(every)
  if (ms !== undefined && ms >= MIN_EVERY_MS && ms <= MAX_EVERY_MS) return
  throw new OpspawnError('SCHEDULE_INVALID', `${where}: every must be a time from 1s to 366d, such as 15m, not ${show(every)}`)
}
