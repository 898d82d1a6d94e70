import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectTo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import KeyvRedis from '@keyv/redis'
import KeyvSqlite from '@keyv/sqlite'
import { Keyv } from 'keyv'
import { Keyv as Keyv5 } from 'keyv-5'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Memory } from '../../core/index.ts'
import { requirePlugin } from '../../orchestrator/checks/plugin.ts'
import { manualClock } from '../../testing/clock.ts'
import { memoryConformance } from '../../testing/memory-conformance.ts'
import { asLines, fact, linesOf, listAll, textsOf, type MemorySetup } from '../../testing/memory-world.ts'
import { inProcessMemory } from '../memory-in-process/index.ts'
import { keyvMemory, type KeyvMemoryOptions, type KeyvStore } from './index.ts'

const REDIS = process.env['OPSPAWN_REDIS_URL'] ?? 'redis://127.0.0.1:6379'

const PREFIX = `test-${process.pid}-`
let names = 0
const newName = (): string => `${PREFIX}${(names += 1)}`

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

const create =
  (newStore: () => KeyvStore, more: Partial<KeyvMemoryOptions> = {}) =>
  ({ clock, countTokens }: Pick<MemorySetup, 'clock' | 'countTokens'>): Memory =>
    keyvMemory({ store: newStore(), name: newName(), clock, countTokens, ...more })

/** A store as slow as one behind a network, which fails as it is told to. */
function faultyStore(): { readonly store: KeyvStore; readonly map: Map<string, string>; fault: Fault | undefined } {
  const map = new Map<string, string>()
  const world = {
    map,
    fault: undefined as Fault | undefined,
    store: {
      // Keyv asks for it to tell this from a Map.
      has: async (key: string) => map.has(key),
      clear: async () => map.clear(),
      async get(key: string) {
        return world.fault === undefined ? map.get(key) : world.fault('get', key, () => map.get(key))
      },
      async set(key: string, value: string) {
        const work = (): boolean => map.set(key, value).size > 0
        return world.fault === undefined ? work() : world.fault('set', key, work)
      },
      async delete(key: string) {
        const work = (): boolean => map.delete(key)
        return world.fault === undefined ? work() : world.fault('delete', key, work)
      },
    },
  }
  return world
}

type Fault = (call: 'get' | 'set' | 'delete', key: string, work: () => unknown) => unknown

const KEYVS: readonly (readonly [name: string, of: (store?: KeyvStore) => KeyvStore])[] = [
  ['Keyv 6', (store) => new Keyv(store === undefined ? {} : { store: store as never })],
  ['Keyv 5.6', (store) => new Keyv5(store === undefined ? {} : { store: store as never })],
]

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

/** What holds of any store that several memories share. `again` gives another way to the same data, as another process has. */
function sharedStoreCases(store: () => KeyvStore, again: () => KeyvStore = store): void {
  test('4: two memories over one store do not meet, and forgetting all of one leaves the other', async () => {
    const [one, two] = [keyvMemory({ store: store(), name: newName() }), keyvMemory({ store: store(), name: newName() })]
    const scope = { tenant: 't', session: 's' }
    await one.bind(scope).append([fact('of one', { id: 'x' })])
    expect(await listAll(two.bind(scope))).toEqual([])
    expect(await linesOf(two.export('t'))).toHaveLength(2)
    await two.bind(scope).append([fact('of two', { id: 'x' })])
    await one.bind(scope).forget('all', 'erase')
    await one.maintain()
    expect((await listAll(two.bind(scope))).map((record) => record.text)).toEqual(['of two'])
    await two.bind(scope).forget('all', 'erase')
    for (const memory of [one, two]) await memory[Symbol.asyncDispose]()
  })
  test('what was acknowledged is there for the next process, which is seen by the first', async () => {
    const name = newName()
    const scope = { tenant: 't', session: 's' }
    const first = keyvMemory({ store: store(), name, chunk: 3 })
    await first.bind(scope).append(Array.from({ length: 20 }, (_, at) => fact(`note ${at}`, { id: `${at}` })))
    await first.bind(scope).forget({ ids: ['4', '5', '6', '19'] }, 'soft')
    await first.bind(scope).update('7', { text: 'changed' })
    const before = await linesOf(first.export('t'))
    if (again === store) await first[Symbol.asyncDispose]()
    const second = keyvMemory({ store: again(), name, chunk: 5 })
    expect(await linesOf(second.export('t'))).toEqual(before)
    expect((await second.stats()).records).toBe(16)
    await second.bind(scope).append([fact('a zebra of the second', { id: 'z' })])
    expect((await second.bind(scope).get(['z']))[0]?.seq).toBe(21)
    const third = again === store ? second : first
    expect(textsOf(await third.bind(scope).recall('zebra'))).toEqual(['a zebra of the second'])
    await third.bind(scope).append([fact('goes on')])
    expect((await listAll(second.bind(scope))).at(-1)?.seq).toBe(22)
    await second.bind(scope).forget('all', 'erase')
    for (const memory of [first, second]) await memory[Symbol.asyncDispose]()
  })
  test('11: a hundred parallel appends through many handles lose nothing', async () => {
    const memory = keyvMemory({ store: store(), name: newName() })
    const scope = { tenant: 't', session: 's' }
    await Promise.all(Array.from({ length: 100 }, (_, at) => memory.bind(scope).append([fact(`turn ${at}`)])))
    expect((await listAll(memory.bind(scope))).map((record) => record.seq)).toEqual(
      Array.from({ length: 100 }, (_, at) => at + 1),
    )
    await memory[Symbol.asyncDispose]()
  })
}

for (const [name, keyv] of KEYVS) {
  describe(`shared, ${name}`, () => {
    const map = new Map()
    sharedStoreCases(() => keyv(map as never))
  })

  test.each([
    ['throws', () => Promise.reject(new Error('the wire is cut'))],
    ['says false', () => false],
  ])(`17: with ${name}, a write of a store that %s is told, and nothing of it is seen`, async (_, fault) => {
    const world = faultyStore()
    const memory = keyvMemory({ store: keyv(world.store), name: newName() })
    const handle = memory.bind({ tenant: 't' })
    await handle.append([fact('before', { id: 'a' })])
    for (const call of [
      () => handle.append([fact('lost')]),
      () => handle.update('a', { text: 'changed' }),
      () => handle.forget('all', 'erase'),
    ]) {
      world.fault = (kind, _key, work) => (kind === 'set' ? fault() : work())
      await expect(call()).rejects.toMatchObject({ code: 'MEMORY_FAILED', retryable: true, details: { reason: 'write' } })
      world.fault = undefined
      expect((await listAll(handle)).map((record) => record.text)).toEqual(['before'])
    }
    await handle.append([fact('after')])
    expect((await listAll(handle)).map((record) => record.seq)).toEqual([1, 2])
  })

  test(`17: with ${name}, a read that fails is told, and not taken for an empty memory`, async () => {
    const world = faultyStore()
    const instance = keyv(world.store)
    const errors: unknown[] = []
    ;(instance as unknown as { on(event: string, listener: (error: unknown) => void): void }).on('error', (error) =>
      errors.push(error),
    )
    const handle = keyvMemory({ store: instance, name: newName() }).bind({ tenant: 't' })
    await handle.append([fact('kept', { id: 'a' })])
    world.fault = (kind, _key, work) => (kind === 'get' ? Promise.reject(new Error('the wire is cut')) : work())
    for (const call of [
      () => handle.list({}),
      () => handle.recall('kept'),
      () => handle.append([fact('x')]),
      () => handle.get(['a']),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'MEMORY_FAILED', retryable: true, details: { reason: 'read' } })
    world.fault = undefined
    expect((await listAll(handle)).map((record) => record.text)).toEqual(['kept'])
  })

  test(`with ${name}, the instance stays as it was: its time to live ends nothing, and its listeners are its own`, async () => {
    const instance = keyv() as KeyvStore & { ttl?: number; listenerCount?(event: string): number; readonly store: object }
    instance.ttl = 1
    const before = Object.keys(instance)
    const memory = keyvMemory({ store: instance, name: newName() })
    const handle = memory.bind({ tenant: 't' })
    await handle.append([fact('kept')])
    const end = Date.now() + 5
    while (Date.now() < end) await new Promise<void>((resolve) => void setImmediate(resolve))
    expect(await listAll(handle)).toHaveLength(1)
    await memory[Symbol.asyncDispose]()
    expect(Object.keys(instance)).toEqual(before)
    expect(await instance.get('opspawn')).toBeUndefined()
  })
}

test('17: a store that answers nothing is looked at', async () => {
  const map = new Map<string, string>()
  let isFull = false
  const store = {
    capabilities: { expires: true },
    get: async (key: string) => map.get(key),
    set: async (key: string, value: string) => {
      if (!isFull) map.set(key, value)
    },
    delete: async (key: string) => void map.delete(key),
  }
  const handle = keyvMemory({ store }).bind({ tenant: 't' })
  await handle.append([fact('before', { id: 'a' })])
  isFull = true
  await expect(handle.append([fact('lost')])).rejects.toMatchObject({ code: 'MEMORY_FAILED', details: { reason: 'write' } })
  expect((await listAll(handle)).map((record) => record.text)).toEqual(['before'])
  isFull = false
  await handle.forget('all', 'erase')
  expect(map.size).toBe(0)
})

test('17: an error that an adapter swallows and only tells to listeners is told', async () => {
  const listeners = new Set<(error: unknown) => void>()
  const world = faultyStore()
  const store = {
    ...world.store,
    on: (_: string, listener: (error: unknown) => void) => void listeners.add(listener),
    off: (_: string, listener: (error: unknown) => void) => void listeners.delete(listener),
  }
  const memory = keyvMemory({ store })
  const handle = memory.bind({ tenant: 't' })
  await handle.append([fact('kept')])
  expect(listeners.size).toBe(1)
  const swallow: Fault = () => {
    for (const listener of listeners) listener(new Error('the wire is cut'))
  }
  world.fault = swallow
  await expect(handle.list({})).rejects.toMatchObject({
    code: 'MEMORY_FAILED',
    message: expect.stringContaining('the wire is cut') as string,
  })
  world.fault = undefined
  expect(await listAll(handle)).toHaveLength(1)
  await memory[Symbol.asyncDispose]()
  expect(listeners.size).toBe(0)
})

test('a process that dies in the middle of any write leaves the state before it or behind it, and the next goes on', async () => {
  const scope = { tenant: 't', session: 's' }
  const changes: Readonly<Record<string, (memory: Memory) => Promise<unknown>>> = {
    append: (memory) => memory.bind(scope).append(['x', 'y', 'z'].map((id) => fact(`new ${id}`, { id }))),
    first: (memory) => memory.bind({ tenant: 'new' }).append([fact('the first of a tenant')]),
    supersede: (memory) => memory.bind(scope).append([fact('instead of 0', { id: 'x', supersedes: '0' })]),
    update: (memory) => memory.bind(scope).update('3', { text: 'changed' }),
    forget: (memory) => memory.bind(scope).forget({ ids: ['0', '1', '2', '5'] }, 'soft'),
    'forget all': (memory) => memory.bind(scope).forget('all', 'erase'),
    compact: async (memory) => {
      await memory.bind(scope).forget({ ids: ['0', '1', '2', '3', '5', '6'] }, 'soft')
      await memory.maintain()
    },
  }
  const stateOf = async (memory: Memory): Promise<string> =>
    JSON.stringify([await linesOf(memory.export('t')), (await linesOf(memory.export('new'))).length])
  for (const [name, change] of Object.entries(changes)) {
    const seen = new Set<string>()
    for (let point = 0, isOver = false; !isOver; point += 1) {
      const world = faultyStore()
      const options = { clock: manualClock(), chunk: 2 }
      const open = (): Memory => keyvMemory({ ...options, store: { ...world.store }, newId: () => 'made' })
      const first = open()
      await first.bind(scope).append(Array.from({ length: 7 }, (_, at) => fact(`note ${at}`, { id: `${at}` })))
      let calls = 0
      world.fault = (kind, _key, work) => {
        if (kind === 'get') return work()
        calls += 1
        if (calls > point) throw new Error('dead')
        return work()
      }
      isOver = await change(first).then(
        () => calls <= point,
        () => false,
      )
      world.fault = undefined
      const second = open()
      seen.add(await stateOf(second))
      // Done again, whatever was left of the first time, it comes to its end.
      await change(second).catch((error: unknown) => {
        if ((error as { readonly code?: unknown }).code !== 'MEMORY_CONFLICT') throw error
      })
      await second.bind(scope).append([fact('goes on')])
      expect((await listAll(second.bind(scope))).at(-1)?.text).toBe('goes on')
      await second.bind(scope).forget('all', 'erase')
      await second.bind({ tenant: 'new' }).forget('all', 'erase')
      await second.maintain()
      expect([name, point, [...world.map.keys()]]).toEqual([name, point, []])
    }
    expect([name, seen.size <= (name === 'compact' ? 3 : 2)]).toEqual([name, true])
  }
})

test('23: after an erasure nothing of it is in the store, whatever a failed write left there', async () => {
  const world = faultyStore()
  const memory = keyvMemory({ store: world.store, chunk: 2 })
  const handle = memory.bind({ tenant: 't', user: 'u-marker' })
  const bytes = (): string => JSON.stringify([...world.map])
  await handle.append([fact('stays', { id: 'a' }), fact('marker-one', { id: 'b' }), fact('more', { id: 'c' })])
  for (const fails of [2, 3]) {
    let sets = 0
    world.fault = (kind, _key, work) => (kind === 'set' && (sets += 1) >= fails ? Promise.reject(new Error('full')) : work())
    await expect(handle.append(['x', 'y', 'z'].map((id) => fact(`marker-left ${id}`)))).rejects.toMatchObject({
      code: 'MEMORY_FAILED',
    })
    await expect(handle.update('b', { text: 'marker-two' })).rejects.toMatchObject({ code: 'MEMORY_FAILED' })
  }
  world.fault = undefined
  expect(bytes()).toContain('marker-left')
  await handle.forget({ ids: ['b'] }, 'erase')
  expect(bytes()).not.toMatch(/marker-(one|two|left)/)
  expect((await listAll(handle)).map((record) => record.id)).toEqual(['a', 'c'])
  world.fault = (kind, _key, work) => (kind === 'delete' ? Promise.reject(new Error('no')) : work())
  await expect(handle.forget({ ids: ['a'] }, 'erase')).rejects.toMatchObject({
    code: 'MEMORY_FAILED',
    details: { reason: 'erase-incomplete' },
  })
  await memory.maintain()
  expect((await memory.stats()).failures).toBeGreaterThan(0)
  world.fault = undefined
  expect(await handle.forget('all', 'erase')).toEqual({ count: 1, verified: false })
  expect([...world.map]).toEqual([])
})

test('23: in a Map an erasure is verified, and leaves no key behind', async () => {
  const map = new Map<string, unknown>()
  const memory = keyvMemory({ store: map, chunk: 2 })
  const handle = memory.bind({ tenant: 't' })
  await handle.append(Array.from({ length: 9 }, (_, at) => fact(`marker ${at}`)))
  expect(await handle.forget('all', 'erase')).toEqual({ count: 9, verified: true })
  expect(map.size).toBe(0)
})

test('two memories of one name over one store are refused, through whatever stands around it, until one is disposed', async () => {
  const map = new Map<string, string>()
  const first = keyvMemory({ store: map })
  for (const store of [map, new Keyv({ store: map }), new Keyv5(map as never), new Keyv({ store: map, namespace: 'other' })])
    expect(() => keyvMemory({ store: store as KeyvStore })).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }))
  expect(() => keyvMemory({ store: map, name: 'other' })).not.toThrow()
  await first[Symbol.asyncDispose]()
  expect(() => keyvMemory({ store: map })).not.toThrow()
  expect([...map]).toEqual([])
})

test('25: what was remembered elsewhere is imported and exported the same', async () => {
  const clock = manualClock()
  const source = inProcessMemory({ clock })
  for (const session of ['a', 'é/b']) {
    const entries = Array.from({ length: 40 }, (_, at) => fact(`note ${at}`, { id: `${at}`, metadata: { at } }))
    await source.bind({ tenant: 't', session }).append(entries)
    await source.bind({ tenant: 't', session }).forget({ ids: ['3'] }, 'soft')
  }
  const lines = await linesOf(source.export('t'))
  const memory = keyvMemory({ store: new Map(), clock })
  await memory.import(asLines(lines))
  const exported = await linesOf(memory.export('t'))
  expect(exported).toEqual(lines)
  const back = inProcessMemory({ clock })
  await back.import(asLines(exported))
  expect(await linesOf(back.export('t'))).toEqual(lines)
})

test('a scope that lost a part says so, keeps what is there, and may be forgotten', async () => {
  const map = new Map<string, unknown>()
  const options = { store: map, chunk: 2 }
  const first = keyvMemory(options)
  const handle = first.bind({ tenant: 't' })
  await handle.append(Array.from({ length: 6 }, (_, at) => fact(`note ${at}`)))
  await first[Symbol.asyncDispose]()
  const chunk = 'opspawn:memory-keyv:scope:tt:1'
  const sound = map.get(chunk)
  for (const damage of [
    () => map.delete(chunk),
    () => map.set(chunk, 'x'),
    () => map.set(chunk, String(sound).replace('note 2', 'forged')),
  ]) {
    damage()
    const memory = keyvMemory(options)
    await expect(memory.bind({ tenant: 't' }).list({})).rejects.toMatchObject({
      code: 'MEMORY_FAILED',
      details: { reason: 'read' },
    })
    await expect(memory.bind({ tenant: 't' }).append([fact('x')])).rejects.toMatchObject({ code: 'MEMORY_FAILED' })
    map.set(chunk, sound)
    expect(await listAll(memory.bind({ tenant: 't' }))).toHaveLength(6)
    await memory[Symbol.asyncDispose]()
  }
  map.delete(chunk)
  const memory = keyvMemory(options)
  expect(await memory.bind({ tenant: 't' }).forget('all', 'erase')).toEqual({ count: 4, verified: true })
  expect(map.size).toBe(0)
})

test('26: documents of another version, and values of somebody else, are refused and left as they are', async () => {
  const map = new Map<string, unknown>()
  const memory = keyvMemory({ store: map })
  await memory.bind({ tenant: 't' }).append([fact('x')])
  const key = 'opspawn:memory-keyv:scope:tt'
  const sound = map.get(key) as string
  const cases = [
    [sound.replace('"v":1', '"v":2'), 'MEMORY_MISMATCH'],
    [sound.replace('"owner":"tt"', '"owner":"tu"'), 'MEMORY_FAILED'],
    ['{', 'MEMORY_FAILED'],
    ['[]', 'MEMORY_FAILED'],
    [sound.replace(/"next":\d+/, '"next":"x"'), 'MEMORY_FAILED'],
    [{ foreign: true }, 'MEMORY_FAILED'],
  ] as const
  for (const [value, code] of cases) {
    map.set(key, value)
    await expect(memory.bind({ tenant: 't' }).append([fact('y')])).rejects.toMatchObject({ code })
    expect(map.get(key)).toBe(value)
  }
})

test('records that come and go leave the store and this process small, and the head stays small', async () => {
  const map = new Map<string, string>()
  const memory = keyvMemory({ store: map as Map<string, unknown> as KeyvStore, chunk: 4, clock: manualClock() })
  const handle = memory.bind({ tenant: 't' })
  for (let at = 0; at < 400; at += 1) {
    await handle.append([fact(`note ${at}`, { id: `${at}` })])
    if (at % 8 !== 0) await handle.forget({ ids: [`${at}`] }, 'soft')
    if (at % 100 === 99) await memory.maintain()
  }
  expect((await memory.stats()).records).toBe(50)
  expect(map.size).toBeLessThan(20)
  expect(Math.max(...[...map].filter(([key]) => key.endsWith(':tt')).map(([, text]) => text.length))).toBeLessThan(500)
  expect(await listAll(handle)).toHaveLength(50)
  expect(textsOf(await handle.recall('note 8', { budget: { items: 1 } }))).toEqual(['note 8'])
})

test('a memory that holds but one record in this process reads the rest again, and loses nothing to calls at once', async () => {
  const memory = keyvMemory({ store: new Map(), cache: 1 })
  const scopes = ['a', 'b', 'c'].map((session) => ({ tenant: 't', session }))
  await Promise.all(
    Array.from({ length: 60 }, (_, at) => memory.bind(scopes[at % 3] as { tenant: string }).append([fact(`owl ${at}`)])),
  )
  for (const scope of scopes) {
    const handle = memory.bind(scope, { across: ['session'] })
    expect((await listAll(handle)).map((record) => record.seq)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1))
    expect((await handle.recall('owl', { across: ['session'], budget: { items: 100 } })).items).toHaveLength(60)
  }
})

test('13: upkeep reads only scopes in which something ends', async () => {
  const world = faultyStore()
  const clock = manualClock()
  const memory = keyvMemory({ store: world.store, clock })
  await memory.bind({ tenant: 't', session: 'stays' }).append([fact('stays')])
  await memory.bind({ tenant: 't', session: 'ends' }).append([fact('ends', { expiresAt: clock.now() + 10 })])
  await clock.advance(10)
  await memory.maintain()
  expect((await memory.stats()).records).toBe(1)
  expect([...world.map.keys()].filter((key) => key.includes('ends'))).toEqual([])
  let reads = 0
  world.fault = (kind, key, work) => {
    if (kind === 'get' && /:\d+$/.test(key)) reads += 1
    return work()
  }
  const again = keyvMemory({ store: { ...world.store }, clock })
  await again.maintain()
  expect(reads).toBe(1)
})

test('it is a plugin, and says what it can do over which store', () => {
  const over = (store: KeyvStore): Memory => keyvMemory({ store, name: newName() })
  expect(() => requirePlugin(over(new Map()))).not.toThrow()
  for (const store of [new Map(), new Keyv() as KeyvStore, new Keyv5() as KeyvStore])
    expect(over(store).capabilities).toEqual({
      lexical: true,
      vector: false,
      ttl: true,
      atomicAppend: true,
      multiProcess: false,
      erase: true,
      durability: 'none',
    })
  const far = keyvMemory({ store: faultyStore().store, durability: 'replicated' })
  expect(far.capabilities).toMatchObject({ atomicAppend: false, multiProcess: false, erase: false, durability: 'replicated' })
})

test.each([
  [undefined, 'OPTIONS_INVALID'],
  [{}, 'OPTIONS_INVALID'],
  [{ store: 'redis://127.0.0.1' }, 'OPTIONS_INVALID'],
  [{ store: { get() {} } }, 'OPTIONS_INVALID'],
  [{ store: new Map(), chunk: 0 }, 'LIMIT_INVALID'],
  [{ store: new Map(), chunk: 257 }, 'LIMIT_INVALID'],
  [{ store: new Map(), cache: 1.5 }, 'LIMIT_INVALID'],
  [{ store: new Map(), durability: 'yes' }, 'OPTIONS_INVALID'],
  [{ store: new Map(), unknown: 1 }, 'OPTIONS_INVALID'],
  [{ store: new Map(), name: '' }, 'OPTIONS_INVALID'],
  [{ store: new Map(), embedder: { provider: 'p', modelId: 'm', doEmbed: () => {} } }, 'OPTIONS_INVALID'],
])('options %j are refused', (options, code) => {
  expect(() => keyvMemory(options as KeyvMemoryOptions)).toThrow(expect.objectContaining({ code }))
})

test('30: a thousand recalls print nothing, and a thousand memories leave no listener at the adapter', async () => {
  const listeners = new Set<unknown>()
  const store = {
    ...faultyStore().store,
    on: (_: string, listener: unknown) => void listeners.add(listener),
    off: (_: string, listener: unknown) => void listeners.delete(listener),
  }
  for (let turn = 0; turn < 1000; turn += 1) {
    const memory = keyvMemory({ store })
    await memory.bind({ tenant: 't' }).recall('x')
    await memory[Symbol.asyncDispose]()
  }
  expect(listeners.size).toBe(0)
})

/** A process in which the optional package cannot be found. */
const PROGRAM = `
import { registerHooks } from 'node:module'
const loaded = []
registerHooks({
  resolve(specifier, context, next) {
    loaded.push(specifier)
    if (specifier === 'keyv') throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
    return next(specifier, context)
  },
})
const { keyvMemory } = await import(${JSON.stringify(new URL('index.ts', import.meta.url).href)})
const records = async (store) => (await keyvMemory({ store }).bind({ tenant: 't' }).list({})).records.length
const none = await records(new Map())
const before = loaded.includes('keyv')
const map = new Map()
const adapter = { get: async (key) => map.get(key), set: async () => true, delete: async () => true }
const error = await records(adapter).catch((thrown) => thrown)
console.log(JSON.stringify([none, before, error.code, error.message]))
`

test('29: a Map needs no package; an adapter without it names the package and the command', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', PROGRAM])
  const [none, before, code, message] = JSON.parse(stdout) as unknown[]
  expect([none, before, code]).toEqual([0, false, 'PLUGIN_PACKAGE_MISSING'])
  expect(message).toContain('npm install keyv')
  expect(stderr).toBe('')
})
