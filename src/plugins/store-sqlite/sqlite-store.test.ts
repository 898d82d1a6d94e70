import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import * as sqlite from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import type { Claim, NewRun, RunEvent, Store } from '../../core/index.ts'
import { requirePlugin } from '../../orchestrator/checks/plugin.ts'
import { manualClock } from '../../testing/clock.ts'
import { storeConformance } from '../../testing/store-conformance.ts'
import { inlineThreads } from '../../../test/durable/inline-threads.ts'
import { requireLocalFolder } from './file-system.ts'
import { sqliteStore, type SqliteStoreOptions } from './index.ts'
import { toAccepted } from './encoding.ts'
import { fromRefusal, toRefusal } from './failures.ts'
import { lockFolder } from './liveness.ts'
import type { Replies } from './message.ts'
import { migrate, MIGRATIONS } from './migrations.ts'
import { SharedState } from './shared-state.ts'
import { openWriter } from './writer.ts'
import { MOST_URGENT } from './claim.ts'
import { checkOptions } from './options.ts'
import { FileStore, type SqliteStore } from './sqlite-store.ts'

const folder = mkdtempSync(join(tmpdir(), 'opspawn-sqlite-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0
const newPath = (): string => join(folder, `${(count += 1)}.db`)

const opened: SqliteStore[] = []
afterEach(async () => {
  for (const store of opened.splice(0)) await store[Symbol.asyncDispose]()
})

/** A store whose threads run in this one. */
function open(options: Partial<SqliteStoreOptions> = {}): SqliteStore {
  const store = new FileStore(checkOptions({ path: newPath(), ...options }), inlineThreads)
  opened.push(store)
  return store
}

/** A store as users have it. */
function openThreaded(options: Partial<SqliteStoreOptions> = {}): SqliteStore {
  const store = sqliteStore({ path: newPath(), ...options })
  opened.push(store)
  return store
}

describe('store/1', () => {
  const clock = manualClock()
  storeConformance({ test, clock, createStore: (options) => open({ clock, ...options }) })
})

// Each case starts two threads, which takes long from sources: half a minute in all.
describe.skipIf(process.env['CI'] !== 'true')('store/1, in threads (CI runs it; set CI=true)', () => {
  const clock = manualClock()
  storeConformance({ test, clock, createStore: (options) => openThreaded({ clock, ...options }) })
})

function newRun(runId: string, rest: Omit<NewRun, 'origin'> = {}, more: Partial<NewRun['origin']> = {}): NewRun {
  const origin = { runId, agent: 'agent', definition: 'v1', tenant: 't', input: 1, rootId: runId, depth: 0, limits: {} }
  return { ...rest, origin: { ...origin, ...more } }
}

async function own(store: Store, runId: string, leaseMs: number = 60_000): Promise<Claim> {
  const [claim] = await store.claim({ workerId: 'w', leaseMs, runId })
  if (claim === undefined) throw new Error(`${runId} is not ready`)
  return claim
}

async function end(store: Store, runId: string): Promise<void> {
  const { fence, run } = await own(store, runId)
  const outcome = { status: 'completed', output: null } as const
  const event: RunEvent = { type: 'run-end', outcome, version: 1, seq: run.seq + 1, at: 0 }
  await store.append(fence, run.seq, [event], { end: { outcome } })
}

function note(seq: number, state: string = 'x'): RunEvent {
  return { type: 'decision', effects: [], state, version: 1, seq, at: seq }
}

const idsOf = async (store: Store): Promise<string[]> => (await store.list({}, {})).runs.map(({ runId }) => runId)

describe('options', () => {
  test('it is a plugin, and says what it survives', () => {
    const store = sqliteStore({ path: newPath() })
    expect(() => requirePlugin(store)).not.toThrow()
    expect(store.capabilities).toEqual({
      durability: 'disk',
      multiProcess: true,
      multiHost: false,
      liveness: 'lock',
      transactions: false,
    })
    expect('transaction' in store).toBe(false)
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

  test.each([{ capacity: 0 }, { busyMs: -1 }, { retain: { finishedRuns: Number.NaN } }, { retain: { finishedForMs: '1' } }])(
    'numbers %j are refused',
    (options) => {
      expect(() => sqliteStore({ path: 'x', ...options } as never)).toThrow(expect.objectContaining({ code: 'LIMIT_INVALID' }))
    },
  )
})

describe('a file that cannot be used is refused with a reason', () => {
  async function reasonOf(options: SqliteStoreOptions): Promise<unknown> {
    const store = open(options)
    const thrown: unknown = await store.open().catch((error: unknown) => error)
    expect(thrown).toMatchObject({ code: 'STORE_FAILED', retryable: false })
    expect((thrown as Error).message).toContain(options.path)
    // Every call says so, not only the first.
    await expect(store.create(newRun('a'))).rejects.toMatchObject({ code: 'STORE_FAILED' })
    return (thrown as { details: { reason: string } }).details.reason
  }

  test('in threads every call gets the same answer, also while the thread before is ending', async () => {
    const path = newPath()
    writeFileSync(path, 'no database '.repeat(1000))
    const store = openThreaded({ path })
    for (let count = 0; count < 4; count += 1)
      await expect(store.create(newRun('a'))).rejects.toMatchObject({ details: { reason: 'not-a-database' } })
  })
  test('no folder', async () => {
    expect(await reasonOf({ path: join(folder, 'nowhere', 'runs.db') })).toBe('no-folder')
  })
  test('a folder in its place', async () => {
    expect(await reasonOf({ path: folder })).toBe('cannot-open')
  })
  test('no database', async () => {
    const path = newPath()
    writeFileSync(path, 'This is a text, and long enough not to be taken for an empty database file. '.repeat(20))
    expect(await reasonOf({ path })).toBe('not-a-database')
  })
  test('the database of another program', async () => {
    const path = newPath()
    const db = new sqlite.DatabaseSync(path)
    db.exec('CREATE TABLE notes (text TEXT)')
    db.close()
    expect(await reasonOf({ path })).toBe('foreign')
    const after = new sqlite.DatabaseSync(path)
    expect(after.prepare('SELECT name FROM sqlite_schema').all()).toEqual([expect.objectContaining({ name: 'notes' })])
    expect(after.prepare('PRAGMA journal_mode').get()).toMatchObject({ journal_mode: 'delete' })
    after.close()
  })
  test('a newer schema', async () => {
    const path = newPath()
    const store = open({ path })
    await store.open()
    await store[Symbol.asyncDispose]()
    const db = new sqlite.DatabaseSync(path)
    db.exec('PRAGMA user_version = 99')
    db.close()
    expect(await reasonOf({ path })).toBe('newer-schema')
  })
  test('a damaged file', async () => {
    const path = newPath()
    const store = open({ path })
    for (let index = 0; index < 50; index += 1) await store.create(newRun(`run-${index}`))
    await store[Symbol.asyncDispose]()
    const size = statSync(path).size
    writeFileSync(path, Buffer.alloc(size - 4096, 7), { flag: 'r+' })
    expect(['not-a-database', 'corrupt']).toContain(await reasonOf({ path }))
  })
  test('a network file system, unless it is allowed', () => {
    for (const type of [0x6969, 0x517b, 0xff534d42 | 0, 0xfe534d42, 0x01021997, 0x65735546])
      expect(() => requireLocalFolder('/net', () => type)).toThrow(/^\/net is on a network file system \(\w+\)/)
    expect(() => requireLocalFolder('/home', () => 0xef53)).not.toThrow()
  })
  test.skipIf(process.getuid?.() === 0)('a file that may not be written (root may write all)', async () => {
    const path = newPath()
    const store = open({ path })
    await store.open()
    await store[Symbol.asyncDispose]()
    const { chmodSync } = await import('node:fs')
    chmodSync(path, 0o400)
    expect(await reasonOf({ path })).toBe('read-only')
  })
})

test.each([
  [13, 'disk-full', true],
  [8, 'read-only', false],
  [3 + 256, 'read-only', false],
  [11, 'corrupt', false],
  [1, 'failed', true],
])('what SQLite says with code %i is told as %s', (errcode, reason, retryable) => {
  const cause = Object.assign(new Error('as SQLite says it'), { errcode })
  const error = fromRefusal(structuredClone(toRefusal(cause, '/runs.db')))
  expect(error).toMatchObject({ code: 'STORE_FAILED', retryable, details: { reason } })
  expect(error.message).toContain('/runs.db')
  expect((error.cause as Error).message).toBe('as SQLite says it')
})

test('a full disk refuses what does not fit, changes nothing, and takes up again', async () => {
  const path = newPath()
  const made: sqlite.DatabaseSync[] = []
  class Watched extends sqlite.DatabaseSync {
    constructor(file: string) {
      super(file)
      made.push(this)
    }
  }
  const writer = openWriter({ DatabaseSync: Watched } as never, {
    path,
    durability: 'disk',
    owner: 'o',
    shared: new SharedState().buffer,
    busyMs: 100,
    anyFileSystem: false,
  })
  const create = (...ids: string[]): Replies => {
    const all: Replies[number][] = []
    const requests = ids.map((id, index) => {
      const input = id === 'large' ? 'x'.repeat(500_000) : 1
      return [index, 'create', { now: 1, mono: 1 }, 100, toAccepted(newRun(id, {}, { input }), 1)] as const
    })
    writer.serve(
      requests,
      (replies) => all.push(...replies),
      () => undefined,
    )
    return all
  }
  const db = made[0] as sqlite.DatabaseSync
  const { page_count } = db.prepare('PRAGMA page_count').get() as { page_count: number }
  db.exec(`PRAGMA max_page_count = ${page_count + 20}`)
  const replies = create('a', 'large', 'b')
  expect(replies.map(([, , refusal]) => refusal?.details)).toEqual([undefined, { reason: 'disk-full' }, undefined])
  db.exec('PRAGMA max_page_count = 100000')
  expect(create('large').map(([, , refusal]) => refusal)).toEqual([undefined])
  await writer.close()
  expect(await idsOf(open({ path }))).toEqual(['large', 'b', 'a'])
})

test('a newer version brings the schema up to date, once, and keeps what is there', async () => {
  const path = newPath()
  const store = open({ path })
  await store.create(newRun('a'))
  await store[Symbol.asyncDispose]()
  const db = new sqlite.DatabaseSync(path)
  const next = [...MIGRATIONS, 'CREATE TABLE schedules (name TEXT PRIMARY KEY) STRICT']
  for (let count = 0; count < 2; count += 1) migrate(db, path, next)
  expect(db.prepare('PRAGMA user_version').get()).toMatchObject({ user_version: next.length })
  expect(db.prepare('SELECT run_id FROM runs').all()).toEqual([expect.objectContaining({ run_id: 'a' })])
  db.close()
  await expect(open({ path }).open()).rejects.toMatchObject({ details: { reason: 'newer-schema' } })
})

describe('several stores of one file', () => {
  test('one store sees what the other wrote, and each run has one owner', async () => {
    const path = newPath()
    const [left, right] = [open({ path }), open({ path })]
    await left.create(newRun('a'))
    expect(await idsOf(right)).toEqual(['a'])
    const claims = (await Promise.all([left, right].map((store) => store.claim({ workerId: 'w', leaseMs: 1000 })))).flat()
    expect(claims).toHaveLength(1)
  })

  test('a store that is closed leaves its runs to the others at once', async () => {
    const path = newPath()
    const [left, right] = [open({ path }), open({ path })]
    await left.create(newRun('a'))
    await own(left, 'a')
    const watching = await right.sweep(10)
    expect(watching.tasks).toEqual([])
    expect(watching.nextDueAt).toBeLessThanOrEqual(Date.now() + 250)
    await left[Symbol.asyncDispose]()
    expect((await right.sweep(10)).tasks.map(({ runId }) => runId)).toEqual(['a'])
    await own(right, 'a')
  })

  test('lock files of the dead are removed after a while', async () => {
    const path = newPath()
    const store = open({ path })
    await store.open()
    const locks = lockFolder(path)
    const stale = join(locks, 'stale.lock')
    writeFileSync(stale, '')
    const { utimesSync } = await import('node:fs')
    utimesSync(stale, 0, 0)
    writeFileSync(join(locks, 'young.lock'), '')
    const other = open({ path })
    await other.open()
    expect(readdirSync(locks)).toHaveLength(3)
    expect(existsSync(stale)).toBe(false)
  })
})

describe('a busy file', () => {
  test('a call waits for the lock of another program, without holding up the event loop', async () => {
    const path = newPath()
    const store = openThreaded({ path })
    await store.open()
    const other = new sqlite.DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    let isDone = false
    const creating = store.create(newRun('a')).then(() => {
      isDone = true
    })
    expect(await idsOf(store)).toEqual([])
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => void setImmediate(resolve))
    expect(isDone).toBe(false)
    other.exec('COMMIT')
    await creating
    expect(await idsOf(store)).toEqual(['a'])
    other.close()
  })

  test('a call gives up after busyMs, has changed nothing, and works afterwards', async () => {
    const path = newPath()
    const store = open({ path, busyMs: 30 })
    await store.create(newRun('a'))
    const { fence } = await own(store, 'a')
    const other = new sqlite.DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    const busy = { code: 'STORE_FAILED', retryable: true, details: { reason: 'busy' } }
    await expect(store.create(newRun('b'))).rejects.toMatchObject(busy)
    await expect(store.heartbeat([fence], 1000)).rejects.toMatchObject(busy)
    other.exec('COMMIT')
    other.close()
    expect(await idsOf(store)).toEqual(['a'])
    await store.create(newRun('b'))
    expect((await store.heartbeat([fence], 1000)).lost).toEqual([])
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
  const db = new sqlite.DatabaseSync(path)
  const blobs = (): unknown => db.prepare('SELECT count(*) AS count FROM blobs').get()?.['count']
  expect(blobs()).toBe(2)
  expect(await store.prune()).toBe(1)
  expect(blobs()).toBe(1)
  expect((await store.read('b', 4, 1))[0]).toEqual(note(4, large))
  await expect(store.read('a', 1)).rejects.toMatchObject({ code: 'RUN_UNKNOWN' })
  db.close()
})

describe('retention', () => {
  test('finished runs go by age and number, unfinished ones and members of an unfinished tree never', async () => {
    const clock = manualClock(1_000_000)
    const store = open({ clock, retain: { finishedForMs: 5_000, finishedRuns: 3 } })
    await store.create(newRun('root'))
    await store.create(newRun('child', {}, { rootId: 'root', parent: { runId: 'root', key: 'k' }, depth: 1 }))
    await end(store, 'child')
    for (const id of ['old', 'open']) await store.create(newRun(id, { idempotencyKey: id }))
    await end(store, 'old')
    await clock.advance(6_000)
    for (const id of ['1', '2', '3', '4']) {
      await store.create(newRun(id))
      await end(store, id)
    }
    expect(await store.prune()).toBe(3)
    expect(await idsOf(store)).toEqual(['4', '3', 'open', 'child', 'root'])
    expect(await store.prune()).toBe(0)
    expect((await store.create(newRun('again', { idempotencyKey: 'old' }))).created).toBe(true)
    expect((await store.create(newRun('again', { idempotencyKey: 'open' }))).created).toBe(false)
    await end(store, 'root')
    await clock.advance(120_000)
    expect(await idsOf(store)).toEqual(['again', 'open'])
  })

  test('more than a batch goes at one call', async () => {
    const store = open({ retain: { finishedRuns: 10 }, durability: 'process' })
    for (let index = 0; index < 130; index += 1) {
      await store.create(newRun(`${index}`))
      await end(store, `${index}`)
    }
    expect(await store.prune()).toBe(120)
    expect(await idsOf(store)).toEqual(Array.from({ length: 10 }, (_, index) => `${129 - index}`))
  })
})

describe('the file itself', () => {
  test('a backup is the whole store at one moment, and is used like one', async () => {
    const store = openThreaded()
    for (const id of ['a', 'b']) await store.create(newRun(id))
    const { fence, run } = await own(store, 'a')
    await store.append(fence, run.seq, [note(3)])
    const to = newPath()
    const writes = Promise.all(Array.from({ length: 50 }, (_, index) => store.create(newRun(`later-${index}`))))
    await store.backup(to)
    await writes
    await expect(store.backup(to)).rejects.toMatchObject({ code: 'STORE_FAILED', details: { reason: 'backup-exists' } })
    await expect(store.backup('')).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
    const copy = open({ path: to })
    expect(await copy.read('a', 1)).toEqual(await store.read('a', 1))
    expect((await copy.list({ runId: 'a' }, {})).runs).toEqual((await store.list({ runId: 'a' }, {})).runs)
    // Nobody holds the locks of the copy, so the run that was under way is free at once.
    await copy.sweep(1000)
    expect((await own(copy, 'a')).fence.epoch).toBe(fence.epoch + 1)
    await store.append(fence, 3, [note(4)])
  })

  test('vacuum gives space back', async () => {
    const path = newPath()
    const store = openThreaded({ path, retain: { finishedRuns: 1 }, durability: 'process' })
    for (const id of ['a', 'b']) {
      await store.create(newRun(id, {}, { input: 'x'.repeat(2_000_000) }))
      await end(store, id)
    }
    await store.prune()
    const pages = (): number => {
      const db = new sqlite.DatabaseSync(path)
      const { page_count } = db.prepare('PRAGMA page_count').get() as { page_count: number }
      db.close()
      return page_count
    }
    const before = pages()
    await store.vacuum()
    expect(pages()).toBeLessThan(before * 0.7)
    expect(await store.read('b', 1)).toHaveLength(3)
  })
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
  const db = new sqlite.DatabaseSync(path)
  const planOf = (sql: string): string =>
    db
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => String(row['detail']))
      .join('; ')
  expect(planOf(MOST_URGENT)).toMatch(/SCAN r USING INDEX runs_ready/)
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

test('what is no data is refused alone, and a thread that cannot be started says so at every call', async () => {
  const store = openThreaded()
  const wrong = store.create(newRun('wrong', { queue: (() => {}) as never }))
  const right = store.create(newRun('right'))
  await expect(wrong).rejects.toMatchObject({ code: 'STORE_FAILED', details: { reason: 'not-data' } })
  expect((await right).created).toBe(true)
  const bundled = new FileStore(checkOptions({ path: newPath() }), () => () => {
    throw new Error('no such file')
  })
  for (let count = 0; count < 2; count += 1) await expect(bundled.create(newRun('a'))).rejects.toThrow('no such file')
  await expect(bundled.open()).rejects.toThrow('no such file')
  await bundled[Symbol.asyncDispose]()
})

test('a thread that dies rejects what it owes, and the next call starts another', async () => {
  const threads: { kill: () => void }[] = []
  const store = new FileStore(checkOptions({ path: newPath() }), (name, data) => (onReplies, onEnd) => {
    const thread = inlineThreads(name, data)(onReplies, onEnd)
    let isDead = false
    threads.push({
      kill: () => {
        isDead = true
        onEnd(new Error('out of memory'))
      },
    })
    return { ...thread, post: (requests) => (isDead ? undefined : thread.post(requests)) }
  })
  opened.push(store)
  await store.create(newRun('a'))
  const pending = store.create(newRun('b'))
  threads[0]?.kill()
  await expect(pending).rejects.toMatchObject({
    code: 'STORE_FAILED',
    retryable: true,
    message: expect.stringContaining('out of memory') as string,
  })
  expect((await store.create(newRun('c'))).created).toBe(true)
})
