import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Memory } from '../../core/index.ts'
import { compareText } from '../../remembering/index.ts'
import { fact, idsOf, listAll, testEmbedder } from '../../testing/memory-world.ts'
import { VECTOR } from './arrow-table.ts'
import { createHandle } from './handle.ts'
import type { LancedbMemoryOptions } from './index.ts'
import { checkOptions } from './options.ts'
import { openRecords, type RecordTable } from './table.ts'
import { createUpkeep } from './upkeep.ts'
import { createWriter, type Writer } from './writer.ts'

let folder = ''
let count = 0
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'opspawn-lancedb-writer-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** A memory whose table notes the commits: how many rows, and whether they were taken for new ones. */
async function noting(
  options: Partial<LancedbMemoryOptions>,
  work: (bind: Memory['bind'], commits: unknown[], table: RecordTable, writer: Writer) => Promise<void>,
): Promise<void> {
  const parts = checkOptions({ path: join(folder, `memory-${(count += 1)}`), ...options })
  const inner = await openRecords(parts)
  const commits: unknown[] = []
  const table: RecordTable = {
    ...inner,
    merge(rows, vectors, areNew) {
      commits.push([rows.length, areNew])
      return inner.merge(rows, vectors, areNew)
    },
  }
  const upkeep = createUpkeep(table, parts)
  const writer = createWriter(table, { onCommit() {}, onFailure() {}, closed: () => new Error('closed') })
  const context = { parts, workings: async () => ({ table, writer, upkeep }), noteFailure() {} }
  try {
    await work((scope) => createHandle(context, { scope, granted: [] }), commits, inner, writer)
  } finally {
    await writer.close()
    await inner.close()
  }
}

test('appends of different scopes that wait for each other are one commit, and rows that nobody has had are put beside', () =>
  noting({}, async (bind, commits, _table, writer) => {
    const handles = Array.from({ length: 8 }, (_, at) => bind({ tenant: 't', session: `${at}` }))
    await Promise.all(handles.map((handle) => handle.append([fact('without an id'), fact('with one', { id: 'own' })])))
    expect(commits).toEqual([])
    await writer.settle()
    expect(commits).toEqual([[16, true]])
    for (const handle of handles) expect((await listAll(handle)).map(({ seq }) => seq)).toEqual([1, 2])
  }))

test('a record that is there is put in its place', () =>
  noting({}, async (bind, commits) => {
    const handle = bind({ tenant: 't' })
    await handle.append([fact('first', { id: 'a' })])
    await handle.append([fact('second', { id: 'b', supersedes: 'a' })])
    await handle.update('b', { text: 'third' })
    expect(commits).toEqual([
      [1, true],
      [2, false],
      [1, false],
    ])
    expect(idsOf(await listAll(handle))).toEqual(['a', 'b'])
  }))

test('ids of a given function are looked up: one that comes twice is no second record', () =>
  noting({ newId: () => 'always' }, async (bind, commits) => {
    const handle = bind({ tenant: 't' })
    await handle.append([fact('one')])
    await expect(handle.append([fact('two')])).rejects.toMatchObject({ code: 'MEMORY_CONFLICT' })
    expect((await handle.append([fact('one')])).outcomes).toEqual([{ id: 'always', status: 'duplicate' }])
    expect(commits).toEqual([[1, true]])
  }))

test('rows that were put beside by an attempt that failed are not put there twice', () =>
  noting({}, async (bind, _commits, table, writer) => {
    let faults = 0
    await table.ask('write', async (inner) => {
      const add = inner.add.bind(inner)
      inner.add = async (...given) => {
        await add(...given)
        faults += 1
        throw new Error('Retryable commit conflict')
      }
    })
    const handle = bind({ tenant: 't' })
    await handle.append([fact('one'), fact('two', { id: 'b' })])
    await writer.settle()
    expect(faults).toBe(1)
    expect((await listAll(handle)).map(({ text }) => text)).toEqual(['one', 'two'])
    expect(await table.count()).toBe(2)
  }))

test('records with and without vectors go into one commit as they are', async () => {
  const embedder = testEmbedder()
  let calls = 0
  embedder.fault = (vectors) => {
    calls += 1
    if (calls % 2 === 0) throw new Error('down')
    return vectors
  }
  await noting({ embedder }, async (bind, commits, table, writer) => {
    await bind({ tenant: 't', session: 'first' }).append([fact('it makes the column')])
    await writer.settle()
    calls = 0
    const appends = ['a', 'b', 'c', 'd'].map((id) => bind({ tenant: 't', session: id }).append([fact(`text ${id}`, { id })]))
    await Promise.all(appends)
    await writer.settle()
    expect(commits.slice(1)).toEqual([[4, true]])
    const rows = await table.read((query) => query.where(`${VECTOR} IS NOT NULL`).select(['text', VECTOR]))
    expect(rows.map((row) => String(row['text'])).toSorted(compareText)).toEqual(['it makes the column', 'text a', 'text c'])
    for (const row of rows) expect([...(row[VECTOR] as unknown as Iterable<number>)]).toHaveLength(26)
  })
})
