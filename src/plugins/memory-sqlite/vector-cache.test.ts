import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createVectorCache, type VectorCache, type Versioned } from '../../remembering/index.ts'
import { fact, testEmbedder, textsOf } from '../../testing/memory-world.ts'
import { sqliteMemory } from './index.ts'

const EMBEDDER = 1
const DIMS = 4
const BYTES = DIMS * 4

function tableOf(count: number): { readonly db: DatabaseSync; readonly set: (record: number, first: number) => void } {
  const db = new DatabaseSync(':memory:')
  db.exec('CREATE TABLE memory_vectors (embedder INTEGER, record INTEGER, vector BLOB, PRIMARY KEY (embedder, record))')
  const insert = db.prepare('INSERT OR REPLACE INTO memory_vectors VALUES (?, ?, ?)')
  const set = (record: number, first: number): void =>
    void insert.run(EMBEDDER, record, new Uint8Array(Float32Array.of(first, record, 0, 1).buffer))
  for (let record = 1; record <= count; record += 1) set(record, 0)
  return { db, set }
}

function reader(db: DatabaseSync): (embedder: number, record: number) => Uint8Array | undefined {
  const read = db.prepare('SELECT vector FROM memory_vectors WHERE embedder = ? AND record = ?')
  return (...place) => read.get(...place)?.['vector'] as Uint8Array | undefined
}

function seen(cache: VectorCache, records: readonly Versioned[], embedder = EMBEDDER): readonly string[] {
  const found: string[] = []
  cache.each(embedder, DIMS, records, ([ordinal], block, offset) =>
    found.push(`${ordinal}: ${block[offset]} ${block[offset + 1]}`),
  )
  return found
}

const version = (number: number, ...ordinals: readonly number[]): readonly Versioned[] =>
  ordinals.map((ordinal) => [ordinal, number] as const)

test('what was read is held, and read anew when the version has changed', () => {
  const { db, set } = tableOf(200)
  const cache = createVectorCache(reader(db))
  const all = version(1, ...Array.from({ length: 200 }, (_, at) => at + 1))
  const first = seen(cache, all)
  expect(first).toEqual(all.map(([ordinal]) => `${ordinal}: 0 ${ordinal}`))
  set(7, 9)
  db.exec('DELETE FROM memory_vectors WHERE record <> 7')
  expect(seen(cache, all)).toEqual(first)
  expect(seen(cache, version(2, 7))).toEqual(['7: 9 7'])
  expect(seen(cache, version(1, 6, 8))).toEqual(['6: 0 6', '8: 0 8'])
  // Removed meanwhile by another process.
  expect(seen(cache, version(2, 8))).toEqual([])
  cache.clear()
  expect(seen(cache, version(1, 6))).toEqual([])
})

test('it holds no more than it may; the rest is read each time, and scopes that are asked for make room', () => {
  const { db } = tableOf(9)
  const cache = createVectorCache(reader(db), 3 * BYTES + 1)
  const five = version(1, 1, 2, 3, 4, 5)
  for (let round = 0; round < 3; round += 1) expect(seen(cache, five)).toEqual(['1: 0 1', '2: 0 2', '3: 0 3', '4: 0 4', '5: 0 5'])
  db.exec('DELETE FROM memory_vectors WHERE record < 6')
  expect(seen(cache, five)).toEqual(['1: 0 1', '2: 0 2', '3: 0 3'])
  expect(seen(cache, version(1, 6, 7))).toEqual(['6: 0 6', '7: 0 7'])
  db.exec('DELETE FROM memory_vectors')
  expect(seen(cache, version(1, 6, 7))).toEqual(['6: 0 6', '7: 0 7'])
  expect(seen(cache, five)).toEqual([])
})

test('vectors of another embedder are not taken for those of this one', () => {
  const { db } = tableOf(2)
  const cache = createVectorCache(reader(db))
  expect(seen(cache, version(1, 1))).toHaveLength(1)
  expect(seen(cache, version(1, 1), 2)).toEqual([])
})

test('what another memory over the file changed, removed or added is searched at once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'opspawn-vectors-'))
  const open = () => sqliteMemory({ path: join(folder, 'memory.db'), durability: 'process', embedder: testEmbedder() })
  const [own, other] = [open(), open()]
  try {
    const [here, there] = [own, other].map((memory) => memory.bind({ tenant: 't' })) as [
      ReturnType<typeof own.bind>,
      ReturnType<typeof own.bind>,
    ]
    const found = async (query: string) => textsOf(await here.recall(query, { budget: { items: 1 } }))
    await here.append(['apple', 'melon', 'plum'].map((id) => fact(id, { id })))
    expect(await found('aardvark')).toEqual(['apple'])
    await there.update('apple', { text: 'zebra' })
    await there.append([fact('quince', { id: 'quince' })])
    await there.forget({ ids: ['melon'] }, 'soft')
    expect(await found('zoo')).toEqual(['zebra'])
    expect(await found('queue')).toEqual(['quince'])
    expect(await found('mmm')).not.toEqual(['melon'])
  } finally {
    await own[Symbol.asyncDispose]()
    await other[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  }
})
