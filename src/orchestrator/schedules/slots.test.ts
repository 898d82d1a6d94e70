import { describe, expect, test } from 'vitest'
import type { Schedule } from '../../core/index.ts'
import { dueSlots, MISSED_MS } from './due-slots.ts'
import { slotsOf } from './slots.ts'

const BASE: Schedule = { name: 'subject', agent: 'agent' }
const at = (text: string): number => Date.parse(text)
const show = (times: readonly number[]): string[] => times.map((time) => new Date(time).toISOString().slice(0, 16))

/** The slots after a moment, as found one by one. */
async function following(schedule: Partial<Schedule>, from: string, count: number): Promise<string[]> {
  const slots = await slotsOf({ ...BASE, ...schedule })
  const found: number[] = []
  for (let last = at(from); found.length < count; found.push(last)) last = slots.next(last, last)
  return show(found)
}

describe('in a zone with summer time', () => {
  const zone = 'Europe/Berlin'

  test('a fixed time that the spring skips comes right after the gap, once', async () => {
    expect(await following({ cron: '30 2 * * *', zone }, '2026-03-28T00:00Z', 3)).toEqual([
      '2026-03-28T01:30',
      '2026-03-29T01:00',
      '2026-03-30T00:30',
    ])
  })
  test('a fixed time that the autumn has twice comes once, the first time', async () => {
    expect(await following({ cron: '30 2 * * *', zone }, '2026-10-24T12:00Z', 2)).toEqual([
      '2026-10-25T00:30',
      '2026-10-26T01:30',
    ])
  })
  test('a list of hours counts as fixed', async () => {
    expect(await following({ cron: '30 2,14 * * *', zone }, '2026-10-24T22:00Z', 3)).toEqual([
      '2026-10-25T00:30',
      '2026-10-25T13:30',
      '2026-10-26T01:30',
    ])
  })
  test('every half hour is every half hour, through both changes', async () => {
    const slots = await slotsOf({ ...BASE, cron: '*/30 * * * *', zone })
    for (const from of [at('2026-03-29T00:00Z'), at('2026-10-25T00:00Z')]) {
      const found = slots.due(from, from + 4 * 3_600_000, 100)
      expect(found).toEqual(Array.from({ length: 9 }, (_, index) => from + index * 1_800_000))
    }
  })
  test('looking back finds the same slots as looking forward', async () => {
    for (const cron of ['30 2 * * *', '15 2,3 * * *', '0 * * * *', '@daily', '59 23 L * *']) {
      const slots = await slotsOf({ ...BASE, cron, zone })
      const found: number[] = []
      const until = at('2026-11-05T00:00Z')
      const first = slots.next(0, at('2026-10-20T00:00Z'))
      for (let slot = first; slot <= until; slot = slots.next(slot, slot)) found.push(slot)
      expect(slots.due(first, until, 1_000)).toEqual(found)
      expect(slots.due(first, until, 2)).toEqual(found.slice(-2))
    }
  })
})

describe('intervals', () => {
  test('are counted from where they began, whatever was missed', async () => {
    const slots = await slotsOf({ ...BASE, every: '15m' })
    const first = at('2026-01-01T00:07Z')
    expect(show(slots.due(first, at('2026-01-01T01:00Z'), 2))).toEqual(['2026-01-01T00:37', '2026-01-01T00:52'])
    expect(slots.due(first, first - 1, 5)).toEqual([])
    expect(slots.due(first, first, 5)).toEqual([first])
    expect(show([slots.next(first, first), slots.next(first, at('2026-01-01T01:00Z'))])).toEqual([
      '2026-01-01T00:22',
      '2026-01-01T01:07',
    ])
  })
  test('of a second are found after a month without counting them one by one', async () => {
    const slots = await slotsOf({ ...BASE, every: '1s' })
    expect(slots.due(0, 31 * 86_400_000, 2)).toEqual([31 * 86_400_000 - 1_000, 31 * 86_400_000])
  })
})

describe('slots that were missed', () => {
  const now = at('2026-01-02T10:10Z')
  const first = at('2026-01-02T07:00Z')
  const hourly = slotsOf({ ...BASE, cron: '0 * * * *' })
  const of = async (missed: Schedule['missed'], when: number = now): Promise<unknown> => {
    const { run, passedOver, isCut } = dueSlots(await hourly, first, when, missed)
    return [show(run), passedOver === undefined ? undefined : show([passedOver])[0], isCut]
  }
  const all = ['2026-01-02T07:00', '2026-01-02T08:00', '2026-01-02T09:00', '2026-01-02T10:00']

  test.each([
    ['skip', [[], all[3], false]],
    ['last', [[all[3]], all[2], false]],
    ['all', [all, undefined, false]],
    [undefined, [[all[3]], all[2], false]],
  ] as const)('%s', async (missed, expected) => {
    expect(await of(missed)).toEqual(expected)
  })
  test.each([
    ['skip', [[all[3]], all[2], false]],
    ['last', [[all[3]], all[2], false]],
    ['all', [all, undefined, false]],
  ] as const)('%s, with one in time', async (missed, expected) => {
    expect(await of(missed, at(`${all[3]}Z`) + MISSED_MS)).toEqual(expected)
  })
  test('all is the last hundred, and says that there were more', async () => {
    const { run, isCut } = dueSlots(await hourly, first, first + 100 * 3_600_000, 'all')
    expect([run.length, run[0], isCut]).toEqual([100, first + 3_600_000, true])
    expect(dueSlots(await hourly, first, first + 99 * 3_600_000, 'all')).toMatchObject({ passedOver: undefined, isCut: false })
  })
})
