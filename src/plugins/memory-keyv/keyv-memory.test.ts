import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Keyv } from 'keyv'
import { Keyv as Keyv5 } from 'keyv-5'
import { expect, test } from 'vitest'
import type { Memory } from '../../core/index.ts'
import { requirePlugin } from '../../orchestrator/checks/plugin.ts'
import { manualClock } from '../../testing/clock.ts'
import { asLines, fact, linesOf, listAll, textsOf } from '../../testing/memory-world.ts'
import { keepsWhatItAcknowledgedWhileClosing } from '../../../test/fixtures/file-memories.ts'
import { faultyStore, newName } from '../../../test/fixtures/keyv-stores.ts'
import { inProcessMemory } from '../memory-in-process/index.ts'
import { keyvMemory, type KeyvMemoryOptions, type KeyvStore } from './index.ts'

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

test('what was acknowledged while it was being closed is there too', async () => {
  const map = new Map<string, string>()
  await keepsWhatItAcknowledgedWhileClosing(() => keyvMemory({ store: map }))
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

test('30: a thousand memories leave no listener at the adapter', async () => {
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
