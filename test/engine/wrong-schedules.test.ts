/** Schedules that cannot be kept, and those that are not there. */
import { describe, expect, test } from 'vitest'
import { memoryStore } from '../../src/plugins/store-memory/index.ts'
import { agent, expectCode, guardFile, manualClock, once, open, refusal, turns } from './harness.ts'
import { finishing, START, subject } from './support/scheduled.ts'

guardFile()

describe('a mistake is refused at once', () => {
  const bad: readonly (readonly [string, object, RegExp])[] = [
    ['neither cron nor every', {}, /either cron or every/],
    ['both', { cron: '* * * * *', every: '1m' }, /either cron or every/],
    ['no cron expression', { cron: 'every monday' }, /five parts/],
    ['a part out of range', { cron: '61 * * * *' }, /cannot be read.*61/],
    ['a part too many', { cron: '* * * * * * 2026' }, /five parts/],
    ['a date', { cron: '2026-12-01T00:00:00' }, /five parts/],
    ['a sign for the time of the call', { cron: '? * * * *' }, /without "\?"/],
    ['a day that never comes', { cron: '0 0 30 2 *' }, /never comes/],
    ['no zone', { cron: '* * * * *', zone: 'Mars/Olympus' }, /Mars\/Olympus.*no time zone/],
    ['a zone with an interval', { every: '1m', zone: 'UTC' }, /zone is for cron/],
    ['no interval', { every: 'often' }, /from 1s to 366d.*often/],
    ['an interval too short', { every: '10ms' }, /from 1s to 366d/],
    ['an interval too long', { every: '400d' }, /from 1s to 366d/],
    ['no policy for what is missed', { every: '1m', missed: 'some' }, /missed "some" is none of skip, last, all/],
    ['no policy for overlaps', { every: '1m', overlap: 'queue' }, /overlap "queue" is none of allow, skip/],
    ['an unknown member', { every: '1m', timezone: 'UTC' }, /no member "timezone"/],
    ['an unknown member of start', { every: '1m', start: { dueAt: 5 } }, /no member "dueAt"/],
    ['a text for an object', { every: '1m', start: 'now' }, /start must be an object/],
  ]
  test.each(bad)('%s', async (_, more, text) => {
    const ops = await open({ agents: [agent('subject', finishing)], clock: manualClock(START) })
    await expectCode(() => ops.schedules.put({ ...subject, ...more }), 'SCHEDULE_INVALID', text)
    expect((await ops.schedules.list()).schedules).toEqual([])
    const error = await refusal({ agents: [agent('subject', finishing)], schedules: [{ ...subject, ...more }] })
    expect(error.code).toBe('SCHEDULE_INVALID')
  })
  test('what is no schedule, a name that is none, an input that does not fit', async () => {
    const strict = agent('strict', once(), { input: { type: 'object', required: ['n'] } as never })
    const ops = await open({ agents: [strict], clock: manualClock(START) })
    await expectCode(() => ops.schedules.put(null as never), 'SCHEDULE_INVALID')
    await expectCode(() => ops.schedules.put({ name: 'a b', agent: 'strict', every: '1m' }), 'NAME_INVALID')
    await expectCode(() => ops.schedules.put({ name: 'a', agent: '', every: '1m' }), 'NAME_INVALID')
    await expectCode(() => ops.schedules.put({ name: 'a', agent: 'strict', every: '1m', input: {} }), 'INPUT_INVALID')
    await expectCode(() => ops.schedules.put({ name: 'a', agent: 'strict', every: '1m', input: () => 1 }), 'JSON_INVALID')
  })
  test('a schedule that there is not', async () => {
    const ops = await open({ clock: manualClock(START) })
    for (const call of ['pause', 'resume', 'remove', 'trigger'] as const) {
      await expectCode(() => ops.schedules[call]('nobody'), 'SCHEDULE_UNKNOWN', /nobody/)
      await expectCode(() => ops.schedules[call](5 as never), 'OPTIONS_INVALID')
    }
  })
  test('a store that keeps no documents', async () => {
    const store = new Proxy(memoryStore(), {
      get(target, member) {
        if (member === 'documents') return undefined
        const value: unknown = Reflect.get(target, member, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const ops = await open({ agents: [agent('subject', finishing)], store })
    await expectCode(() => ops.schedules.list(), 'PLUGIN_CAPABILITY_MISSING', /keeps no documents/)
    await expectCode(() => ops.schedules.put({ ...subject, every: '1m' }), 'PLUGIN_CAPABILITY_MISSING')
    await turns()
  })
})
