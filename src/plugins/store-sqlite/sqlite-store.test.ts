import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test, vi } from 'vitest'
import { requirePlugin } from '../../orchestrator/checks/plugin.ts'
import { manualClock } from '../../testing/clock.ts'
import { storeConformance } from '../../testing/store-conformance.ts'
import { sqliteStore } from './index.ts'
import { MOST_URGENT } from './order.ts'
import {
  end,
  idsOf,
  newPath,
  newRun,
  note,
  open,
  openThreaded,
  own,
  transactions,
  withNotes,
} from '../../../test/durable/stores.ts'

describe('store/1', () => {
  const clock = manualClock()
  storeConformance({ test, clock, transactions, createStore: (options) => withNotes(open({ clock, ...options })) })
})

// Each case starts two threads, which takes long from sources: half a minute in all.
describe.skipIf(process.env['CI'] !== 'true')('store/1, in threads (CI runs it; set CI=true)', () => {
  const clock = manualClock()
  storeConformance({ test, clock, transactions, createStore: (options) => withNotes(openThreaded({ clock, ...options })) })
})

describe('options', () => {
  test('it is a plugin, and says what it survives', () => {
    const store = sqliteStore({ path: newPath() })
    expect(() => requirePlugin(store)).not.toThrow()
    expect(store.capabilities).toEqual({
      durability: 'disk',
      multiProcess: true,
      multiHost: false,
      liveness: 'lock',
      transactions: true,
      gates: true,
    })
    expect(sqliteStore({ path: newPath(), durability: 'process' }).capabilities.durability).toBe('process')
  })

  test.each([
    [{}, 'path must be the path of a file'],
    [{ path: '' }, 'path must be the path of a file'],
    [{ path: ':memory:' }, 'use memoryStore'],
    [{ path: 'x', durability: 'none' }, "'disk' or 'process'"],
    [{ path: 'x', file: 'y' }, 'has no member "file"'],
    [{ path: 'x', retain: { runs: 1 } }, 'has no member "runs"'],
    [{ path: 'x', retain: null }, 'must be given an object'],
    [{ path: 'x', clock: null }, 'clock must be an object'],
    [{ path: 'x', anyFileSystem: 1 }, 'true or false'],
    [null, 'must be given an object'],
  ])('%j is refused', (options, text) => {
    expect(() => sqliteStore(options as never)).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringContaining(text) as string }),
    )
  })

  test.each([
    { capacity: 0 },
    { busyMs: -1 },
    { transactionMs: 0 },
    { retain: { finishedRuns: Number.NaN } },
    { retain: { finishedForMs: '1' } },
  ])('numbers %j are refused', (options) => {
    expect(() => sqliteStore({ path: 'x', ...options } as never)).toThrow(expect.objectContaining({ code: 'LIMIT_INVALID' }))
  })
})

test('of a group, one that the database refuses fails alone', async () => {
  const store = open()
  const wrong = newRun('wrong', { priority: { not: 'a number' } as never })
  const results = await Promise.allSettled([store.create(newRun('a')), store.create(wrong), store.create(newRun('b'))])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(await idsOf(store)).toEqual(['b', 'a'])
})

test('large payloads stand in blobs, are read as ever, and go with their run', async () => {
  const path = newPath()
  const store = open({ path, retain: { finishedRuns: 1 } })
  const large = 'x'.repeat(100_000)
  for (const runId of ['a', 'b']) {
    await store.create(newRun(runId, {}, { input: runId === 'a' ? large : 'small' }))
    const { fence, run } = await own(store, runId)
    await store.append(fence, run.seq, [note(3), note(4, large), note(5)])
    expect((await store.read(runId, 4, 1))[0]).toEqual(note(4, large))
    expect((await store.read(runId, 1))[0]).toMatchObject({ origin: { input: runId === 'a' ? large : 'small' } })
    await store.release(fence, { how: 'drain' })
    await end(store, runId)
  }
  const db = new DatabaseSync(path)
  const blobs = (): unknown => db.prepare('SELECT count(*) AS count FROM blobs').get()?.['count']
  expect(blobs()).toBe(2)
  expect(await store.prune()).toBe(1)
  expect(blobs()).toBe(1)
  expect((await store.read('b', 4, 1))[0]).toEqual(note(4, large))
  await expect(store.read('a', 1)).rejects.toMatchObject({ code: 'RUN_UNKNOWN' })
  db.close()
})

describe('leases', () => {
  test('without a renewal in time the own writes are refused here, until a heartbeat succeeds', async () => {
    const clock = manualClock(0)
    const store = open({ clock })
    await store.create(newRun('a'))
    const { fence, run } = await own(store, 'a', 15_000)
    await clock.advance(12_900)
    await store.append(fence, run.seq, [note(3)])
    await clock.advance(200)
    await expect(store.append(fence, 3, [note(4)])).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect((await store.heartbeat([fence], 15_000)).lost).toEqual([])
    await store.append(fence, 3, [note(4)])
  })

  test('setting the clock of the machine neither ends nor prolongs a lease', async () => {
    const path = newPath()
    const [left, right] = [open({ path }), open({ path })]
    await left.create(newRun('a'))
    const { fence, run } = await own(left, 'a', 60_000)
    const real = Date.now
    for (const hours of [5, -5]) {
      const clock = vi.spyOn(Date, 'now').mockImplementation(() => real() + hours * 3_600_000)
      expect((await right.sweep(10)).tasks).toEqual([])
      expect(await right.claim({ workerId: 'x', leaseMs: 1000 })).toEqual([])
      clock.mockRestore()
    }
    await left.append(fence, run.seq, [note(3)])
  })

  test('a store that is reopened goes on with what it finds', async () => {
    const path = newPath()
    const first = open({ path })
    await first.create(newRun('a', { idempotencyKey: 'k' }))
    await first.signal('a', { id: 's', name: 'news', payload: { n: 1 } })
    await own(first, 'a')
    await first[Symbol.asyncDispose]()
    await expect(first.create(newRun('b'))).rejects.toMatchObject({ code: 'STORE_FAILED', details: { reason: 'closed' } })
    const second = open({ path })
    await second.sweep(10)
    const { inbox, run } = await own(second, 'a')
    expect(inbox).toEqual([{ id: 's', name: 'news', payload: { n: 1 } }])
    expect([run.deliveries, run.epoch]).toEqual([2, 2])
    expect((await second.create(newRun('b', { idempotencyKey: 'k' }))).created).toBe(false)
  })
})

test('claims, sweeps and takeovers search by index, however many runs have finished or wait', async () => {
  const path = newPath()
  await open({ path }).open()
  const db = new DatabaseSync(path)
  const planOf = (sql: string): string =>
    db
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => String(row['detail']))
      .join('; ')
  expect(planOf(MOST_URGENT)).toMatch(/SEARCH r USING INDEX runs_ready/)
  expect(planOf(MOST_URGENT)).not.toMatch(/TEMP B-TREE/)
  expect(planOf('SELECT * FROM runs WHERE run_id = ?')).toMatch(/SEARCH runs USING INDEX runs_id/)
  expect(planOf('SELECT ordinal FROM runs WHERE ready = 0 AND due_at <= ? ORDER BY due_at LIMIT 9')).toMatch(
    /SEARCH runs USING (COVERING )?INDEX runs_due/,
  )
  expect(
    planOf("SELECT ordinal FROM runs WHERE ready = 0 AND status = 'running' AND lease_until <= ? ORDER BY lease_until LIMIT 9"),
  ).toMatch(/SEARCH runs USING (COVERING )?INDEX runs_lease/)
  expect(planOf("SELECT DISTINCT owner FROM runs WHERE status = 'running' AND owner <> ?")).toMatch(/INDEX runs_owner/)
  db.close()
})

describe('the history that comes along with a claim (S8)', () => {
  /** Claims a run whose history has so many events of so many characters; gives whether that came along, all of it. */
  async function comesAlong(events: number, characters: number): Promise<boolean> {
    const store = open()
    const text = 'x'.repeat(characters)
    const filler = { type: 'session-load', messages: [{ role: 'user', content: [{ type: 'text', text }] }] } as const
    await store.create({ ...newRun('run'), history: Array.from({ length: events }, () => filler) })
    const { history } = await own(store, 'run')
    expect(history ?? (await store.read('run', 1))).toEqual(await store.read('run', 1))
    return history !== undefined
  }

  test('is a short one', async () => {
    expect(await comesAlong(0, 0)).toBe(true)
    expect(await comesAlong(50, 100)).toBe(true)
  })

  test('is none that has many events, or one that stands elsewhere', async () => {
    expect(await comesAlong(300, 1)).toBe(false)
    expect(await comesAlong(1, 200_000)).toBe(false)
  })

  test('is none that became long', async () => {
    const store = open()
    await store.create(newRun('run'))
    for (const isShort of [true, true, false]) {
      const { fence, run, history } = await own(store, 'run')
      expect(history !== undefined).toBe(isShort)
      await store.append(fence, run.seq, [note(run.seq + 1, 'x'.repeat(40_000))])
      await store.release(fence, { how: 'drain' })
    }
  })
})
