import { describe, expect, test } from 'vitest'
import { OpspawnError, type Memory, type MemoryEntry } from '../../core/index.ts'
import { requirePlugin } from '../../orchestrator/checks/plugin.ts'
import { manualClock } from '../../testing/clock.ts'
import { memoryConformance } from '../../testing/memory-conformance.ts'
import { asLines, fact, idsOf, linesOf, listAll, testEmbedder, textsOf, type MemorySetup } from '../../testing/memory-world.ts'
import { memoryPaths } from '../../../test/fixtures/file-memories.ts'
import { inProcessMemory } from '../memory-in-process/index.ts'
import { keyvMemory } from '../memory-keyv/index.ts'
import { compositeMemory, type CompositeMemoryOptions } from './index.ts'

const message = (text: string, more: Partial<MemoryEntry> = {}): MemoryEntry => ({ kind: 'message', role: 'user', text, ...more })
const summary = (text: string, more: Partial<MemoryEntry> = {}): MemoryEntry => ({ kind: 'summary', text, ...more })

describe('memory/1, three parts in memory', () => {
  memoryConformance({
    test,
    createMemory(setup) {
      const { clock, countTokens } = setup
      return compositeMemory({
        window: inProcessMemory(setup),
        longTerm: inProcessMemory(setup),
        working: inProcessMemory(setup),
        clock,
        countTokens,
      })
    },
  })
})

describe('memory/1, a window over Keyv', () => {
  memoryConformance({
    test,
    createMemory({ clock, countTokens, embedder }: MemorySetup) {
      const window = keyvMemory({ store: new Map(), clock, countTokens })
      return compositeMemory({ window, longTerm: inProcessMemory({ clock, countTokens, embedder }), clock, countTokens })
    },
  })
})

interface World {
  readonly memory: Memory
  readonly window: Memory
  readonly longTerm: Memory
  readonly working: Memory
}

function createWorld(more: Partial<CompositeMemoryOptions> = {}): World {
  const parts = { window: inProcessMemory(), longTerm: inProcessMemory(), working: inProcessMemory() }
  return { memory: compositeMemory({ ...parts, ...more }), ...parts, ...(more as typeof parts) }
}

/** A memory some of whose calls fail. */
function failing(
  memory: Memory,
  calls: readonly string[],
  error: unknown = new OpspawnError('MEMORY_FAILED', 'down', { details: { reason: 'write' } }),
): Memory {
  return {
    ...memory,
    bind: (scope, grant) =>
      Object.fromEntries(
        Object.entries(memory.bind(scope, grant)).map(([name, call]) => [
          name,
          calls.includes(name) ? () => Promise.reject(error) : call,
        ]),
      ) as never,
  }
}

const scope = { tenant: 't', session: 's' }
const { newPath } = memoryPaths('.jsonl')

test('entries go to the part of their kind, and are found through one handle', async () => {
  const { memory, window, longTerm, working } = createWorld()
  expect(() => requirePlugin(memory)).not.toThrow()
  const handle = memory.bind(scope)
  await handle.append([
    message('the owl asks', { id: 'm' }),
    fact('owls sleep by day', { id: 'f' }),
    summary('talk about owls', { id: 's' }),
    { id: 'd', kind: 'document', text: 'a book of owls' },
  ])
  const ids = async (part: Memory): Promise<readonly string[]> => (await listAll(part.bind(scope))).map((record) => record.id)
  expect([await ids(window), await ids(longTerm), await ids(working)]).toEqual([['m'], ['f', 'd'], ['s']])
  expect((await handle.get(['d', 's', 'none', 'm'])).map((record) => record.id)).toEqual(['d', 's', 'm'])
  expect(new Set((await listAll(handle, undefined, 1)).map((record) => record.id))).toEqual(new Set(['m', 'f', 's', 'd']))
  expect((await memory.stats()).records).toBe(4)
  expect(await handle.update('m', { text: 'the owl answers' })).toMatchObject({ version: 2, kind: 'message' })
})

test('a listing of several parts goes by time of recording, whatever the size of its pages', async () => {
  const clock = manualClock()
  const parts = { window: inProcessMemory({ clock }), longTerm: inProcessMemory({ clock }) }
  const handle = compositeMemory({ ...parts, clock }).bind(scope)
  for (let at = 0; at < 30; at += 1) {
    await handle.append([(at % 3 === 0 ? fact : message)(`entry ${at}`, { id: `${at}` })])
    await clock.advance(1)
  }
  for (const limit of [1, 2, 7, 29, 30, 31])
    expect((await listAll(handle, undefined, limit)).map((record) => record.id)).toEqual(
      Array.from({ length: 30 }, (_, at) => `${at}`),
    )
})

test('recall keeps to one budget, begins with working memory, and gives each part its share', async () => {
  const countTokens = (): number => 10
  const { memory } = createWorld({ countTokens })
  const handle = memory.bind(scope)
  await handle.append([
    ...Array.from({ length: 8 }, (_, at) => summary(`plan number ${at}`)),
    ...Array.from({ length: 8 }, (_, at) => message(`heron said ${at}`)),
    ...Array.from({ length: 8 }, (_, at) => fact(`heron fact ${at}`)),
  ])
  const found = await handle.recall('heron', { budget: { tokens: 100, items: 20 } })
  expect(found.tokens).toBe(100)
  const kinds = found.items.map((item) => item.record.kind)
  expect(kinds.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => 'summary'))
  expect(new Set(kinds.slice(5))).toEqual(new Set(['message', 'fact']))
  expect(found.omitted).toBe(14)
  await handle.append([fact('said twice, heron'), message('said twice, heron')])
  const texts = textsOf(await handle.recall('said twice'))
  expect(texts.filter((text) => text === 'said twice, heron')).toHaveLength(1)
})

test.each([Number.NaN, -1, '7', undefined])('a counter that gives %s fails the recall', async (count) => {
  const handle = createWorld({ countTokens: () => count as number }).memory.bind(scope)
  await handle.append([fact('heron')])
  await expect(handle.recall('heron')).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
})

test('a part that fails is named, and a strict recall fails with it', async () => {
  const { memory } = createWorld({ window: failing(inProcessMemory(), ['recall']) })
  const handle = memory.bind(scope)
  await handle.append([fact('the heron'), message('a heron')])
  const found = await handle.recall('heron')
  expect([textsOf(found), found.degraded]).toEqual([['the heron'], ['window']])
  await expect(handle.recall('heron', { strict: true })).rejects.toMatchObject({ code: 'MEMORY_FAILED' })
  const broken = failing(inProcessMemory(), ['recall'])
  const all = compositeMemory({ window: broken, longTerm: failing(inProcessMemory(), ['recall']) }).bind(scope)
  await expect(all.recall('heron')).rejects.toMatchObject({ code: 'MEMORY_FAILED' })
  const fault = createWorld({ window: failing(inProcessMemory(), ['recall'], new TypeError('a bug')) }).memory.bind(scope)
  await expect(fault.recall('heron')).rejects.toThrow('a bug')
})

test('an append over two parts keeps all or none, an id is one record in all parts, and a repetition is none', async () => {
  const { memory, window } = createWorld({ longTerm: failing(inProcessMemory(), ['append']) })
  const handle = memory.bind(scope)
  await handle.append([message('there before', { id: 'before' })])
  await expect(
    handle.append([message('there before', { id: 'before' }), message('half'), fact('other half')]),
  ).rejects.toMatchObject({ code: 'MEMORY_FAILED' })
  expect((await listAll(handle)).map((record) => record.id)).toEqual(['before'])
  expect((await window.stats()).records).toBe(1)
  const whole = createWorld().memory.bind(scope)
  const entries = [message('one', { id: 'a' }), fact('two')]
  const first = await whole.append(entries, { idempotencyKey: 'k' })
  expect(first.outcomes.map(({ status }) => status)).toEqual(['inserted', 'inserted'])
  expect((await whole.append(entries, { idempotencyKey: 'k' })).outcomes).toEqual(
    first.outcomes.map(({ id }) => ({ id, status: 'duplicate' })),
  )
  await expect(whole.append([fact('x'), fact('a fact under the id of a message', { id: 'a' })])).rejects.toMatchObject({
    code: 'MEMORY_CONFLICT',
  })
  expect(await listAll(whole)).toHaveLength(2)
})

test('an append over two parts that is under way when it is closed is whole or not there', async () => {
  for (let turns = 0; turns < 14; turns += 1) {
    const [window, longTerm] = [newPath(), newPath()]
    const parts = (): Pick<CompositeMemoryOptions, 'window' | 'longTerm'> => ({
      window: inProcessMemory({ path: window, sync: false }),
      longTerm: inProcessMemory({ path: longTerm, sync: false }),
    })
    const memory = compositeMemory(parts())
    await memory.stats()
    const appended = memory.bind(scope).append([message('one', { id: 'm' }), fact('two', { id: 'f' })])
    const isKept = appended.then(
      () => true,
      () => false,
    )
    for (let turn = 0; turn < turns; turn += 1) await new Promise<void>((resolve) => void setImmediate(resolve))
    await memory[Symbol.asyncDispose]()
    const expected = (await isKept) ? ['f', 'm'] : []
    await using again = compositeMemory(parts())
    expect([turns, idsOf(await listAll(again.bind(scope)))]).toEqual([turns, expected])
  }
})

test('what supersedes goes where the old one is, also within one append', async () => {
  const { memory, window } = createWorld()
  const handle = memory.bind(scope)
  await handle.append([message('I live in Bergen', { id: 'said' })])
  await handle.append([
    fact('Ada lives in Oslo', { id: 'known', supersedes: 'said' }),
    fact('Ada lives in Rome', { id: 'last', supersedes: 'known' }),
  ])
  expect(textsOf(await handle.recall('where Ada lives'))).toEqual(['Ada lives in Rome'])
  expect((await window.stats()).records).toBe(3)
})

test('forgetting reaches every part, summaries across parts included, and is verified only if all parts are', async () => {
  const { memory } = createWorld()
  const handle = memory.bind(scope)
  const fill = (): Promise<unknown> =>
    handle.append([
      message('raw', { id: 'm' }),
      fact('kept', { id: 'f' }),
      summary('of raw', { id: 's', source: { ids: ['m'] } }),
    ])
  await fill()
  expect(await handle.forget({ ids: ['m'] }, 'erase')).toEqual({ count: 2, verified: true })
  expect((await listAll(handle)).map((record) => record.id)).toEqual(['f'])
  await handle.forget('all', 'soft')
  const honest = createWorld({
    window: keyvMemory({
      store: {
        capabilities: { expires: true },
        get: async () => undefined,
        set: async () => true,
        delete: async () => true,
      } as never,
    }),
  })
  expect(honest.memory.capabilities).toMatchObject({ erase: false, atomicAppend: false, multiProcess: false })
  await honest.memory.bind(scope).append([fact('x')])
  expect(await honest.memory.bind(scope).forget('all', 'erase')).toEqual({ count: 1, verified: false })
})

test('25: records of several parts have places of their own in an export, which any memory imports', async () => {
  const { memory } = createWorld()
  for (const session of ['a', 'b']) {
    const handle = memory.bind({ tenant: 't', session })
    for (let at = 0; at < 6; at += 1) await handle.append([(at % 2 === 0 ? fact : message)(`entry ${at}`, { id: `${at}` })])
  }
  const lines = await linesOf(memory.export('t'))
  const places = lines.filter((line) => line['type'] === 'record').map((line) => line['seq'])
  expect(new Set(places.slice(0, 6)).size).toBe(6)
  for (const other of [inProcessMemory(), keyvMemory({ store: new Map() }), createWorld().memory]) {
    expect(await other.import(asLines(lines))).toEqual({ imported: 12 })
    expect((await linesOf(other.export('t'))).slice(1)).toEqual(lines.slice(1))
    expect(await other.import(asLines(lines))).toEqual({ imported: 0 })
  }
})

test('it can what all parts can, and disposes them', async () => {
  const { memory, window } = createWorld({ longTerm: inProcessMemory({ embedder: testEmbedder() }) })
  expect(memory.capabilities).toEqual({
    lexical: true,
    vector: false,
    ttl: true,
    atomicAppend: true,
    multiProcess: false,
    erase: true,
    durability: 'none',
  })
  await memory[Symbol.asyncDispose]?.()
  await expect(window.stats()).rejects.toMatchObject({ code: 'MEMORY_FAILED', details: { reason: 'closed' } })
})

const one = inProcessMemory()
test.each([
  [undefined],
  [{}],
  [{ window: one }],
  [{ window: one, longTerm: one }],
  [{ window: one, longTerm: {} }],
  [{ window: one, longTerm: inProcessMemory(), working: null }],
  [{ window: one, longTerm: inProcessMemory(), other: 1 }],
  [{ window: one, longTerm: inProcessMemory(), embedder: testEmbedder() }],
])('options %# are refused', (options) => {
  expect(() => compositeMemory(options as unknown as CompositeMemoryOptions)).toThrow(
    expect.objectContaining({ code: 'OPTIONS_INVALID' }),
  )
})
