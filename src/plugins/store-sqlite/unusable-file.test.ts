import { statSync, writeFileSync } from 'node:fs'
import * as sqlite from 'node:sqlite'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { requireLocalFolder } from './file-system.ts'
import { type SqliteStoreOptions } from './index.ts'
import { toAccepted } from './encoding.ts'
import { fromRefusal, toRefusal } from './failures.ts'
import type { Replies } from './message.ts'
import { migrate, MIGRATIONS } from './migrations.ts'
import { SharedState } from './shared-state.ts'
import { openWriter } from './writer.ts'
import { folder, newPath, open, openThreaded, newRun, idsOf } from '../../../test/durable/stores.ts'

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
