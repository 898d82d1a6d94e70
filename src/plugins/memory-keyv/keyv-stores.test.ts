import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectTo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import KeyvRedis from '@keyv/redis'
import KeyvSqlite from '@keyv/sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { memoryConformance } from '../../testing/memory-conformance.ts'
import { fact, listAll } from '../../testing/memory-world.ts'
import { create, faultyStore, KEYVS, newName, PREFIX, sharedStoreCases } from '../../../test/fixtures/keyv-stores.ts'
import { keyvMemory, type KeyvStore } from './index.ts'

const REDIS = process.env['OPSPAWN_REDIS_URL'] ?? 'redis://127.0.0.1:6379'

const redisFault = await new Promise<string | undefined>((resolve) => {
  const { hostname, port } = new URL(REDIS)
  const socket = connectTo(Number(port || 6379), hostname)
  const end = (fault: string | undefined): void => {
    socket.destroy()
    resolve(fault)
  }
  socket.setTimeout(5000, () => end('it does not answer'))
  socket.once('connect', () => end(undefined))
  socket.once('error', (error) => end(error.message || 'it cannot be reached'))
})

describe('memory/1, over a Map', () => {
  memoryConformance({ test, createMemory: create(() => new Map()) })
})
describe('memory/1, over a Map, one record a chunk', () => {
  memoryConformance({ test, createMemory: create(() => new Map(), { chunk: 1 }) })
})
for (const [name, keyv] of KEYVS)
  describe(`memory/1, over ${name}`, () => {
    memoryConformance({ test, createMemory: create(() => keyv()) })
  })
describe('memory/1, over an adapter', () => {
  memoryConformance({ test, createMemory: create(() => faultyStore().store) })
})

describe('over SQLite', () => {
  let folder = ''
  let adapter: KeyvSqlite
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'opspawn-keyv-'))
    adapter = new KeyvSqlite({ uri: `sqlite://${join(folder, 'keyv.sqlite')}`, driver: 'node:sqlite', wal: true })
  })
  afterAll(async () => {
    await adapter.disconnect()
    rmSync(folder, { recursive: true })
  })
  memoryConformance({ test, createMemory: create(() => adapter) })
  sharedStoreCases(() => adapter)
  test.each([['the adapter', (store: KeyvStore) => store] as const, ...KEYVS.slice(0, 1)])(
    // The adapter is one of Keyv 6.
    '27: what a full disk makes of a write through %s has a code, nothing of it is seen, and it takes up again',
    async (name, through) => {
      const uri = `sqlite://${join(folder, `full ${name}.sqlite`)}`
      const full = new KeyvSqlite({ uri, driver: 'node:sqlite', wal: true })
      const memory = keyvMemory({ store: through(full), name: newName() })
      const handle = memory.bind({ tenant: 't' })
      await handle.append([fact('first', { id: 'a' })])
      const [pages] = (await full.query('PRAGMA page_count')) as [{ readonly page_count: number }]
      await full.query(`PRAGMA max_page_count = ${pages.page_count + 4}`)
      const large = 'too large '.repeat(50_000)
      for (const call of [() => handle.append([fact(large, { id: 'b' })]), () => handle.update('a', { text: large })])
        await expect(call()).rejects.toMatchObject({ code: 'MEMORY_FAILED', retryable: true, details: { reason: 'write' } })
      expect((await listAll(handle)).map(({ text }) => text)).toEqual(['first'])
      expect((await handle.recall('first')).items).toHaveLength(1)
      await full.query('PRAGMA max_page_count = 1000000')
      await handle.append([fact(large, { id: 'b' })])
      expect((await listAll(handle)).map(({ id, seq }) => [id, seq])).toEqual([
        ['a', 1],
        ['b', 2],
      ])
      await memory[Symbol.asyncDispose]()
      await full.disconnect()
    },
  )
  test('23: an erasure removes the entries, and does not claim to know the bytes of the file', async () => {
    const memory = keyvMemory({ store: adapter, name: newName() })
    const handle = memory.bind({ tenant: 't' })
    await handle.append([fact('marker-one', { id: 'a' }), fact('stays', { id: 'b' })])
    expect(memory.capabilities.erase).toBe(false)
    expect(await handle.forget({ ids: ['a'] }, 'erase')).toEqual({ count: 1, verified: false })
    const found = await adapter.query(`SELECT count(*) AS n FROM keyv WHERE value LIKE '%marker-one%'`)
    expect(found).toEqual([{ n: 0 }])
    await memory[Symbol.asyncDispose]()
  })
})

describe.skipIf(redisFault !== undefined)(
  `over Redis${redisFault === undefined ? '' : ` (skipped: none at ${REDIS}: ${redisFault}; set OPSPAWN_REDIS_URL)`}`,
  () => {
    const adapters: KeyvRedis<unknown>[] = []
    const connect = (): KeyvRedis<unknown> => {
      const adapter = new KeyvRedis(REDIS)
      adapters.push(adapter)
      return adapter
    }
    afterAll(async () => {
      const client = adapters[0]?.client as unknown as {
        scanIterator(o: object): AsyncIterable<string[]>
        del(k: string[]): Promise<unknown>
      }
      if (client !== undefined)
        for await (const keys of client.scanIterator({ MATCH: `opspawn:${PREFIX}*`, COUNT: 1000 }))
          if (keys.length > 0) await client.del(keys)
      for (const adapter of adapters) await adapter.disconnect()
    })
    let shared: KeyvRedis<unknown>
    beforeAll(() => void (shared = connect()))
    memoryConformance({ test, createMemory: create(() => shared) })
    sharedStoreCases(() => shared, connect)

    test('17: what the adapter swallows is told: a failed read is not an empty memory', async () => {
      const name = newName()
      const memory = keyvMemory({ store: shared, name })
      const { client } = shared as unknown as {
        readonly client: { hSet(key: string, field: string, value: string): Promise<unknown> }
      }
      await client.hSet(`opspawn:${name}:scope:tt`, 'a', 'not a text')
      const handle = memory.bind({ tenant: 't' })
      await expect(handle.list({})).rejects.toMatchObject({ code: 'MEMORY_FAILED', details: { reason: 'read' } })
      await expect(handle.append([fact('x')])).rejects.toMatchObject({ code: 'MEMORY_FAILED' })
      await memory[Symbol.asyncDispose]()
    })
  },
)

test('in CI Redis is there', () => {
  expect(process.env['CI'] === 'true' ? redisFault : undefined).toBeUndefined()
})
