/** The file of a memory: what cannot be used, what others hold, what an older version has left. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import * as sqlite from 'node:sqlite'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fact, listAll, textsOf } from '../../testing/memory-world.ts'
import { sqliteStore } from '../store-sqlite/index.ts'
import { memoryPaths } from '../../../test/fixtures/file-memories.ts'
import { fromRefusal, toRefusal } from './failures.ts'
import { sqliteMemory } from './index.ts'
import { migrate, MIGRATIONS } from './schema.ts'
import { createSqliteMemory } from './sqlite-memory.ts'
import { inline, using } from '../../../test/fixtures/sqlite-memories.ts'

const paths = memoryPaths('.db')
const { newPath } = paths

describe('a file that cannot be used is refused with a reason, and left as it is', () => {
  async function refused(path: string, error: object): Promise<void> {
    const before = contents(path)
    for (const memory of [createSqliteMemory({ path }, inline), sqliteMemory({ path })]) {
      for (let count = 0; count < 2; count += 1) await expect(memory.stats()).rejects.toMatchObject(error)
      await expect(memory.bind({ tenant: 't' }).append([fact('x')])).rejects.toMatchObject(error)
      await memory[Symbol.asyncDispose]()
    }
    expect(contents(path)).toBe(before)
  }
  const contents = (path: string): string | undefined =>
    statSync(path, { throwIfNoEntry: false })?.isFile() === true ? readFileSync(path, 'latin1') : undefined
  const reason = (text: string): object => ({ code: 'MEMORY_FAILED', retryable: false, details: { reason: text } })
  const write = (path: string, sql: string): void => {
    const db = new sqlite.DatabaseSync(path)
    db.exec(sql)
    db.close()
  }
  test('no folder', () => refused(join(paths.folder, 'nowhere', 'memory.db'), reason('no-folder')))
  test('a folder in its place', () => refused(paths.folder, reason('cannot-open')))
  test('no database', async () => {
    const path = newPath()
    writeFileSync(path, 'This is a text, and long enough not to be taken for an empty database file. '.repeat(20))
    await refused(path, reason('not-a-database'))
  })
  test('the database of another program', async () => {
    const path = newPath()
    write(path, 'CREATE TABLE notes (text TEXT)')
    await refused(path, reason('foreign'))
  })
  test('a newer schema', async () => {
    const path = newPath()
    await using({ path }, (memory) => memory.bind({ tenant: 't' }).append([fact('x')]))
    write(path, 'UPDATE memory_meta SET version = 99')
    await refused(path, { code: 'MEMORY_MISMATCH', message: expect.stringContaining('schema 99') as string })
  })
  test('a damaged file', async () => {
    const path = newPath()
    await using({ path }, (memory) => memory.bind({ tenant: 't' }).append([fact('x'.repeat(50_000))]))
    writeFileSync(path, Buffer.alloc(readFileSync(path).length - 4096, 7), { flag: 'r+' })
    await refused(path, reason('not-a-database'))
  })
})

test.each([
  [13, 'disk-full', true],
  [8, 'read-only', false],
  [3 + 256, 'read-only', false],
  [14, 'cannot-open', false],
  [11, 'corrupt', false],
  [5, 'busy', true],
  [1, 'failed', true],
])('what SQLite says with code %i is told as %s', (errcode, reason, retryable) => {
  const cause = Object.assign(new Error('as SQLite says it'), { errcode })
  const error = fromRefusal(structuredClone(toRefusal(cause, '/memory.db')))
  expect(error).toMatchObject({ code: 'MEMORY_FAILED', retryable, details: { reason } })
  expect(error.message).toContain('/memory.db')
  expect((error.cause as Error).message).toBe('as SQLite says it')
})

/** A module that lets a test get at the connections that are made with it. */
function watched(): { readonly module: Pick<typeof sqlite, 'DatabaseSync'>; readonly made: sqlite.DatabaseSync[] } {
  const made: sqlite.DatabaseSync[] = []
  class Watched extends sqlite.DatabaseSync {
    constructor(...given: ConstructorParameters<typeof sqlite.DatabaseSync>) {
      super(...given)
      made.push(this)
    }
  }
  return { module: { DatabaseSync: Watched }, made }
}

test('27: a full disk refuses what does not fit, changes nothing, and all can still be read', async () => {
  const { module, made } = watched()
  const memory = createSqliteMemory({ path: newPath() }, (data) => inline(data, module))
  const handle = memory.bind({ tenant: 't' })
  await handle.append([fact('first', { id: 'a' })])
  const db = made[0] as sqlite.DatabaseSync
  db.exec(`PRAGMA max_page_count = ${Number(db.prepare('PRAGMA page_count').get()?.['page_count']) + 20}`)
  const [one, large, two] = await Promise.allSettled([
    handle.append([fact('small', { id: 'b' })]),
    handle.append([fact('too large '.repeat(50_000), { id: 'large' })]),
    handle.append([fact('small umbrella', { id: 'c' })]),
  ])
  expect([one.status, two.status]).toEqual(['fulfilled', 'fulfilled'])
  expect(large).toMatchObject({ status: 'rejected', reason: { code: 'MEMORY_FAILED', details: { reason: 'disk-full' } } })
  expect((await listAll(handle)).map((record) => record.id)).toEqual(['a', 'b', 'c'])
  expect(textsOf(await handle.recall('small'))).toHaveLength(2)
  db.exec('PRAGMA max_page_count = 1000000')
  await handle.append([fact('too large '.repeat(50_000), { id: 'large' })])
  await memory[Symbol.asyncDispose]()
})

test('a file that may not be written can be read, and every write is refused', async () => {
  const path = newPath()
  await using({ path }, (memory) => memory.bind({ tenant: 't' }).append([fact('first', { id: 'a' })]))
  const { module, made } = watched()
  const memory = createSqliteMemory({ path }, (data) => inline(data, module))
  const handle = memory.bind({ tenant: 't' })
  expect(textsOf(await handle.recall('first'))).toEqual(['first'])
  // What SQLite answers is what it answers for a file without the right to write; root may write any.
  made[0]?.exec('PRAGMA query_only = 1')
  const error = { code: 'MEMORY_FAILED', retryable: false, details: { reason: 'read-only' } }
  await expect(handle.append([fact('second')])).rejects.toMatchObject(error)
  await expect(handle.forget('all', 'erase')).rejects.toMatchObject(error)
  expect(textsOf(await handle.recall('first'))).toEqual(['first'])
  await memory[Symbol.asyncDispose]()
})

test('while another process holds the lock, writes wait in their thread and the event loop goes on', async () => {
  const path = newPath()
  await using({ path }, (memory) => memory.bind({ tenant: 't' }).append([fact('first')]))
  const other = new sqlite.DatabaseSync(path)
  other.exec('BEGIN IMMEDIATE')
  const memory = sqliteMemory({ path, busyMs: 300 })
  let turns = 0
  let isOver = false
  const turn = (): void => {
    turns += 1
    if (!isOver) setImmediate(turn)
  }
  turn()
  const error = { code: 'MEMORY_FAILED', retryable: true, details: { reason: 'busy' } }
  await expect(memory.bind({ tenant: 't' }).append([fact('second')])).rejects.toMatchObject(error)
  isOver = true
  expect(turns).toBeGreaterThan(20)
  expect(textsOf(await memory.bind({ tenant: 't' }).recall('first'))).toEqual(['first'])
  other.exec('ROLLBACK')
  await memory.bind({ tenant: 't' }).append([fact('second')])
  other.close()
  await memory[Symbol.asyncDispose]()
})

test.each(['the memory', 'the store'])('it shares the file of a store of runs, when %s is first', async (first) => {
  const path = newPath()
  const [store, memory] = [sqliteStore({ path }), sqliteMemory({ path })]
  const steps = [
    () => memory.bind({ tenant: 't' }).append([fact('remembered')]),
    () =>
      store.create({
        origin: { runId: 'r', agent: 'a', definition: 'v', tenant: 't', input: 1, rootId: 'r', depth: 0, limits: {} },
      }),
  ]
  for (const step of first === 'the memory' ? steps : steps.toReversed()) await step()
  await memory.bind({ tenant: 't' }).forget('all', 'erase')
  await memory.bind({ tenant: 't' }).append([fact('again')])
  expect((await store.list({}, {})).runs.map((run) => run.runId)).toEqual(['r'])
  expect((await store.read('r', 1)).length).toBe(1)
  expect(textsOf(await memory.bind({ tenant: 't' }).recall('again'))).toEqual(['again'])
  await Promise.all([store[Symbol.asyncDispose](), memory[Symbol.asyncDispose]()])
})

test('of many that start at once in a new file each can use it', async () => {
  const path = newPath()
  const memories = Array.from({ length: 6 }, () => sqliteMemory({ path }))
  await Promise.all(memories.map((memory, at) => memory.bind({ tenant: 't' }).append([fact(`by ${at}`)])))
  expect((await memories[0]?.stats())?.records).toBe(6)
  await Promise.all(memories.map((memory) => memory[Symbol.asyncDispose]()))
})

test('a schema of an older version is brought up to date, once, and keeps what is there', async () => {
  const path = newPath()
  await using({ path }, (memory) => memory.bind({ tenant: 't' }).append([fact('old')]))
  const db = new sqlite.DatabaseSync(path)
  const next = [...MIGRATIONS, 'CREATE TABLE memory_more (name TEXT PRIMARY KEY) STRICT']
  for (let count = 0; count < 2; count += 1) migrate(db, path, next)
  expect(db.prepare('SELECT version FROM memory_meta').get()?.['version']).toBe(next.length)
  expect(db.prepare('SELECT text FROM memory_records').get()?.['text']).toBe('old')
  db.close()
  await using({ path }, (memory) => expect(memory.stats()).rejects.toMatchObject({ code: 'MEMORY_MISMATCH' }))
})
