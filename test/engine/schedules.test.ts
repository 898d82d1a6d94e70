/** Schedules: one run for each slot, by the clock of the store. */
import { afterEach, describe, expect, test } from 'vitest'
import type { Orchestrator, OrchestratorOptions, RunRecord, Store } from '../../src/index.ts'
import { memoryStore } from '../../src/plugins/store-memory/index.ts'
import { agent, ended, expectCode, guardFile, manualClock, type ManualClock, once, open } from './harness.ts'
import { finishing, HOUR, MINUTE, START, subject } from './support/scheduled.ts'

guardFile()

/** One store, whose clock may differ from those of its workers, and as many workers as a test wants. */
function world(): {
  readonly clock: ManualClock
  readonly store: Store
  /** The store's clock goes on by itself, as if all workers had been away. */
  readonly leap: (ms: number) => void
  readonly now: () => number
  readonly worker: (options?: OrchestratorOptions) => Promise<Orchestrator>
} {
  const clock = manualClock(START)
  let ahead = 0
  const now = (): number => clock.now() + ahead
  const store = memoryStore({ clock: { now, setTimer: (ms, callback) => clock.setTimer(ms, callback) } })
  opened.push(store)
  // Closed once, by the test, and not with the first of its workers.
  const shared = new Proxy(store, {
    get(target, member) {
      if (member === Symbol.asyncDispose) return undefined
      const value: unknown = Reflect.get(target, member, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return {
    clock,
    store: shared,
    leap: (ms) => (ahead += ms),
    now,
    worker: (options = {}) => open({ agents: [agent('subject', finishing)], clock, store: shared, ...options }),
  }
}

const opened: Store[] = []
afterEach(async () => {
  for (const store of opened.splice(0)) await store[Symbol.asyncDispose]?.()
})

async function slotsRun(store: Store): Promise<string[]> {
  const { runs } = await store.list({}, {})
  return runs.map(slotOf).toReversed()
}

function slotOf({ metadata = {} }: RunRecord): string {
  const { slot } = metadata['schedule'] as { readonly slot: string }
  return slot.slice(11, 19)
}

describe('slots', () => {
  test('each starts one run, when its time has come and not before', async () => {
    const { clock, store, worker } = world()
    const ops = await worker({ schedules: [{ ...subject, cron: '*/15 * * * *', input: { n: 1 } }] })
    await clock.advance(15 * MINUTE - 1)
    expect(await slotsRun(store)).toEqual([])
    await clock.advance(1_000)
    expect(await slotsRun(store)).toEqual(['12:15:00'])
    await clock.advance(30 * MINUTE)
    expect(await slotsRun(store)).toEqual(['12:15:00', '12:30:00', '12:45:00'])
    const { runs } = await ops.list()
    expect(runs.map(({ status }) => status)).toEqual(['completed', 'completed', 'completed'])
    expect(runs[0]).toMatchObject({
      agent: 'subject',
      input: { n: 1 },
      metadata: { schedule: { name: 'subject', slot: '2026-03-01T12:45:00.000Z' } },
    })
    expect((await ops.schedules.list()).schedules).toEqual([
      {
        ...subject,
        cron: '*/15 * * * *',
        input: { n: 1 },
        paused: false,
        isKnown: true,
        nextAt: START + HOUR,
        last: { slot: START + 45 * MINUTE, runId: runs[0]?.runId },
      },
    ])
  })
  test('of an interval are counted from when it was put', async () => {
    const { clock, store, worker } = world()
    const ops = await worker()
    await clock.advance(90_500)
    expect(await ops.schedules.put({ ...subject, every: '10m' })).toMatchObject({ nextAt: START + 90_500 + 10 * MINUTE })
    await clock.advance(20 * MINUTE + 1_000)
    expect(await slotsRun(store)).toEqual(['12:11:30', '12:21:30'])
  })
  test('carry what their runs are started with', async () => {
    const { clock, worker } = world()
    const start = { tenant: 'acme', session: 'daily', priority: 3, limits: { steps: 7 }, metadata: { team: 'a' } }
    const ops = await worker({ schedules: [{ ...subject, every: '1m', start }] })
    await clock.advance(MINUTE + 1_000)
    const [run] = (await ops.list()).runs
    expect(run).toMatchObject({ tenant: 'acme', session: 'daily', priority: 3, limits: { steps: 7 }, metadata: { team: 'a' } })
    expect(run?.metadata?.['schedule']).toMatchObject({ name: 'subject' })
  })
  test.each([HOUR, -HOUR])('come by the clock of the store, whatever that of the worker says (%i ms off)', async (skew) => {
    const { clock, store, leap, now, worker } = world()
    leap(skew)
    const from = now()
    const ops = await worker()
    await ops.schedules.put({ ...subject, every: '10m' })
    await clock.advance(10 * MINUTE - 1)
    expect(await slotsRun(store)).toEqual([])
    await clock.advance(20 * MINUTE + 1_000)
    const { runs } = await store.list({}, {})
    expect(runs.map(({ createdAt }) => createdAt - from).toReversed()).toHaveLength(3)
    for (const [index, { createdAt }] of runs.toReversed().entries()) {
      const lateMs = createdAt - from - (index + 1) * 10 * MINUTE
      expect(lateMs).toBeGreaterThanOrEqual(0)
      expect(lateMs).toBeLessThanOrEqual(1_000)
    }
  })
  test('a clock of the store that leaps back starts none a second time', async () => {
    const { clock, store, leap, worker } = world()
    await worker({ schedules: [{ ...subject, cron: '*/10 * * * *' }] })
    await clock.advance(21 * MINUTE)
    leap(-15 * MINUTE)
    await clock.advance(20 * MINUTE)
    expect(await slotsRun(store)).toEqual(['12:10:00', '12:20:00'])
    await clock.advance(6 * MINUTE)
    expect(await slotsRun(store)).toEqual(['12:10:00', '12:20:00', '12:30:00'])
  })
  test('with several workers each slot has one run', async () => {
    const { clock, store, worker } = world()
    const schedules = [{ ...subject, cron: '*/10 * * * *' }]
    for (let count = 0; count < 4; count += 1) {
      const ops = await worker({ schedules })
      await ops.schedules.put({ ...subject, cron: '*/10 * * * *' })
    }
    await clock.advance(21 * MINUTE)
    expect(await slotsRun(store)).toEqual(['12:10:00', '12:20:00'])
  })
  test('a crash between the start of a run and the next slot starts no second run', async () => {
    const { clock, store, worker } = world()
    let crashes = 2
    const documents = store.documents as NonNullable<Store['documents']>
    const crashing = new Proxy(store, {
      get(target, member) {
        if (member !== 'documents') return Reflect.get(target, member) as unknown
        return {
          get: documents.get.bind(documents),
          list: documents.list.bind(documents),
          delete: documents.delete.bind(documents),
          async put(...given: Parameters<typeof documents.put>) {
            if ((given[2] as { last?: unknown }).last !== undefined && (crashes -= 1) >= 0) throw new Error('the disk is away')
            return documents.put(...given)
          },
        }
      },
    })
    const ops = await worker({ store: crashing })
    const faults: string[] = []
    ops.on('fault', ({ message }) => void faults.push(message))
    await ops.schedules.put({ ...subject, cron: '10 * * * *' })
    await clock.advance(10 * MINUTE + 20_000)
    expect(faults.filter((text) => text.includes('the disk is away'))).toHaveLength(2)
    expect(await slotsRun(store)).toEqual(['12:10:00'])
    expect((await ops.schedules.list()).schedules).toMatchObject([
      { nextAt: START + HOUR + 10 * MINUTE, last: { slot: START + 10 * MINUTE } },
    ])
  })
  test('a run that cannot be started now is started later, one that never can is noted', async () => {
    const { clock, worker } = world()
    const strict = agent('strict', once(), { input: { type: 'object', required: ['n'] } as never })
    const first = await worker({ agents: [agent('strict', finishing)], work: false })
    await first.schedules.put({ name: 'bad', agent: 'strict', input: {}, every: '1m' })
    const ops = await worker({ agents: [strict] })
    await ops.schedules.put({ name: 'good', agent: 'strict', input: { n: 1 }, every: '1m' })
    await clock.advance(MINUTE + 10_000)
    const { schedules } = await ops.schedules.list()
    expect(schedules).toMatchObject([
      { name: 'bad', nextAt: START + 2 * MINUTE, last: { slot: START + MINUTE, error: { code: 'INPUT_INVALID' } } },
      { name: 'good', last: { slot: START + MINUTE, runId: expect.any(String) as string } },
    ])
  })
})

describe('slots that were missed while nobody was there', () => {
  test.each([
    ['skip', ['13:00:00']],
    ['last', ['12:50:00', '13:00:00']],
    ['all', ['12:10:00', '12:20:00', '12:30:00', '12:40:00', '12:50:00', '13:00:00']],
  ] as const)('%s', async (missed, expected) => {
    const { clock, store, leap, worker } = world()
    const ops = await worker({ schedules: [{ ...subject, cron: '*/10 * * * *', missed }] })
    leap(55 * MINUTE)
    await clock.advance(5 * MINUTE + 10_000)
    expect(await slotsRun(store)).toEqual(expected)
    expect((await ops.schedules.list()).schedules).toMatchObject([{ nextAt: START + HOUR + 10 * MINUTE }])
  })
  test('all is bounded, and says what it leaves out', async () => {
    const { clock, store, leap, worker } = world()
    const ops = await worker({ schedules: [{ ...subject, every: '1m', missed: 'all' }] })
    const faults: string[] = []
    ops.on('fault', ({ code, message }) => void faults.push(`${code}: ${message}`))
    leap(150 * MINUTE + 30_000)
    await clock.advance(10_000)
    const slots = await slotsRun(store)
    expect([slots.length, slots[0], slots.at(-1)]).toEqual([100, '12:51:00', '14:30:00'])
    expect(faults).toEqual([
      expect.stringMatching(/^SCHEDULE_MISSED: schedule "subject" missed more than 100 slots since .*12:01.*before .*12:51/),
    ])
  })
})

describe('while the run before goes on', () => {
  const slow = agent('subject', once({ kind: 'wait', key: 'nap', for: { type: 'time', ms: 25 * MINUTE } }))
  test.each([
    ['allow', { slot: START + 30 * MINUTE, runId: expect.any(String) }, ['12:10:00', '12:20:00', '12:30:00', '12:40:00']],
    ['skip', { slot: START + 30 * MINUTE, skipped: 'overlap' }, ['12:10:00', '12:40:00']],
  ] as const)('%s', async (overlap, last, expected) => {
    const { clock, store, worker } = world()
    const ops = await worker({ agents: [slow], schedules: [{ ...subject, cron: '*/10 * * * *', overlap }] })
    await clock.advance(31 * MINUTE)
    const [state] = (await ops.schedules.list()).schedules
    expect(state?.last).toEqual(last)
    await clock.advance(10 * MINUTE)
    expect(await slotsRun(store)).toEqual(expected)
  })
})

describe('at run time', () => {
  test('a schedule is paused and resumed; the slots between are not made good', async () => {
    const { clock, store, worker } = world()
    const ops = await worker({ schedules: [{ ...subject, cron: '*/10 * * * *', missed: 'all' }] })
    expect(await ops.schedules.pause('subject')).toMatchObject({ paused: true })
    await clock.advance(35 * MINUTE)
    expect(await slotsRun(store)).toEqual([])
    expect(await ops.schedules.resume('subject')).toMatchObject({ paused: false, nextAt: START + 40 * MINUTE })
    await clock.advance(6 * MINUTE)
    expect(await slotsRun(store)).toEqual(['12:40:00'])
    expect(await ops.schedules.resume('subject')).toMatchObject({ nextAt: START + 50 * MINUTE })
  })
  test('a schedule that is put anew as it is keeps its next slot and its pause; a changed one gets another', async () => {
    const { clock, store, worker } = world()
    const ops = await worker({ schedules: [{ ...subject, every: '10m' }] })
    await clock.advance(4 * MINUTE)
    await ops.schedules.pause('subject')
    const again = await worker({ schedules: [{ ...subject, every: '10m' }] })
    expect(await again.schedules.put({ ...subject, every: '10m' })).toMatchObject({ nextAt: START + 10 * MINUTE, paused: true })
    expect(await again.schedules.put({ ...subject, every: '30m' })).toMatchObject({ nextAt: START + 34 * MINUTE, paused: true })
    await clock.advance(12 * MINUTE)
    expect(await slotsRun(store)).toEqual([])
  })
  test('a schedule is removed, and comes again only when it is put', async () => {
    const { clock, store, worker } = world()
    const ops = await worker({ schedules: [{ ...subject, every: '10m' }] })
    await ops.schedules.remove('subject')
    await clock.advance(12 * MINUTE)
    expect([await slotsRun(store), (await ops.schedules.list()).schedules]).toEqual([[], []])
    await ops.schedules.put({ ...subject, every: '10m' })
    await clock.advance(11 * MINUTE)
    expect(await slotsRun(store)).toEqual(['12:22:00'])
  })
  test('a run is triggered beside the slots, as often as is asked for', async () => {
    const { clock, store, worker } = world()
    const ops = await worker({ schedules: [{ ...subject, cron: '0 * * * *', input: 'x' }] })
    await ops.schedules.pause('subject')
    const first = await ops.schedules.trigger('subject')
    const second = await ops.schedules.trigger('subject')
    expect(first.id).not.toBe(second.id)
    expect(await ended(first, clock)).toMatchObject({ status: 'completed' })
    expect(await ops.record(second.id)).toMatchObject({ input: 'x', metadata: { schedule: { name: 'subject' } } })
    expect(await slotsRun(store)).toEqual(['12:00:00', '12:00:00'])
    expect((await ops.schedules.list()).schedules).toMatchObject([{ nextAt: START + HOUR, paused: true }])
  })
  test('a listing comes in parts', async () => {
    const { worker } = world()
    const ops = await worker()
    for (const name of ['a', 'b', 'c']) await ops.schedules.put({ name, agent: 'subject', every: '1h' })
    const first = await ops.schedules.list({ limit: 2 })
    const rest = await ops.schedules.list({ limit: 2, ...(first.cursor !== undefined && { cursor: first.cursor }) })
    expect([...first.schedules, ...rest.schedules].map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    expect(rest.cursor).toBeUndefined()
  })
  test('an orchestrator that leaves the work to others starts nothing, nor does one that is closed', async () => {
    const { clock, store, worker } = world()
    await worker({ work: false, schedules: [{ ...subject, every: '10m' }] })
    const closing = await worker()
    await closing.close()
    await clock.advance(12 * MINUTE)
    expect(await slotsRun(store)).toEqual([])
    await expectCode(() => closing.schedules.trigger('subject'), 'ORCHESTRATOR_DRAINING')
  })
  test('a schedule whose agent is not here is left to who has it, and can be seen', async () => {
    const { clock, store, worker } = world()
    const front = await worker({ schedules: [{ name: 'foreign', agent: 'elsewhere', cron: '*/10 * * * *' }] })
    await clock.advance(15 * MINUTE)
    expect(await slotsRun(store)).toEqual([])
    expect((await front.schedules.list()).schedules).toMatchObject([
      { name: 'foreign', isKnown: false, nextAt: START + 10 * MINUTE },
    ])
    const back = await worker({ agents: [agent('elsewhere', finishing)] })
    await back.schedules.put({ name: 'other', agent: 'elsewhere', cron: '0 0 1 1 *' })
    await clock.advance(2 * MINUTE)
    expect(await slotsRun(store)).toEqual(['12:10:00'])
    await clock.advance(5 * MINUTE)
    expect(await slotsRun(store)).toEqual(['12:10:00', '12:20:00'])
  })
})
