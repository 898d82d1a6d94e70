import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Memory, MemoryFilter } from '../../core/index.ts'
import { requirePlugin } from '../../orchestrator/checks/plugin.ts'
import { matches } from '../../remembering/index.ts'
import { memoryConformance } from '../../testing/memory-conformance.ts'
import { hostileTexts } from '../../testing/memory-hostile.ts'
import { asLines, fact, idsOf, linesOf, listAll, testEmbedder, textsOf } from '../../testing/memory-world.ts'
import { seededRandom } from '../../testing/seeded.ts'
import {
  keepsWhatItAcknowledgedWhileClosing,
  keepsWhatWasAcknowledged,
  refusesVectorsOfAnotherSize,
} from '../../../test/fixtures/file-memories.ts'
import { lancedbMemories } from '../../../test/fixtures/lancedb-memories.ts'
import { lancedbMemory, type LancedbMemoryOptions } from './index.ts'

const { newPath, using } = lancedbMemories()

describe('memory/1', () => {
  memoryConformance({
    test,
    createMemory: (setup) => lancedbMemory({ ...setup, path: newPath() }),
  })
})

test('it is a plugin, and says what a write survives', () => {
  const memory = lancedbMemory({ path: newPath() })
  expect(() => requirePlugin(memory)).not.toThrow()
  expect(memory.capabilities).toEqual({
    lexical: true,
    vector: false,
    ttl: true,
    atomicAppend: true,
    multiProcess: true,
    erase: true,
    durability: 'process',
  })
  expect(lancedbMemory({ path: newPath(), embedder: testEmbedder() }).capabilities.vector).toBe(true)
})

test.each([
  [{}],
  [{ path: '' }],
  [{ path: 7 }],
  [{ path: 'a\0b' }],
  [{ path: 's3://bucket/x' }],
  [{ path: 'x', reembed: 'yes' }],
  [{ path: 'x', exactUpTo: 10 }],
  [{ path: 'x', exactUpTo: Number.NaN }],
  [{ path: 'x', unknown: 1 }],
  [{ path: 'x', dims: 3 }],
  ['x'],
])('options %j are refused', (options) => {
  const code = expect.stringMatching(/^(OPTIONS|LIMIT)_INVALID$/) as string
  expect(() => lancedbMemory(options as LancedbMemoryOptions)).toThrow(expect.objectContaining({ code }))
})

test('what was acknowledged is there after it was opened again, vectors and places included', async () => {
  const path = newPath()
  await keepsWhatWasAcknowledged((parts) => lancedbMemory({ path, ...parts }))
})

test('what was acknowledged while it was being closed is there too', async () => {
  const path = newPath()
  await keepsWhatItAcknowledgedWhileClosing(() => lancedbMemory({ path }))
})

test('8: vectors of another size are refused, from whatever embedder', async () => {
  const path = newPath()
  await refusesVectorsOfAnotherSize((embedder) => lancedbMemory({ path, embedder }))
})

test('3: hostile texts and long trees in filters on columns mean what the reference says', async () => {
  const texts = hostileTexts(200).filter((text) => text !== '')
  await using({}, async (memory) => {
    const handle = memory.bind({ tenant: 't' })
    await memory.bind({ tenant: 'u' }).append([fact('theirs', { id: "x' OR '1'='1" })])
    await handle.append([...new Set(texts)].map((text) => fact(text, { id: text, metadata: { note: text } })))
    const records = await listAll(handle)
    const random = seededRandom(7)
    for (const value of texts) {
      const field = random() < 0.5 ? 'id' : 'text'
      const op = (['eq', 'ne', 'lt', 'gte', 'contains'] as const)[Math.floor(random() * 5)] ?? 'eq'
      const own: MemoryFilter = { op, field, value }
      const filter: MemoryFilter =
        random() < 0.5 ? own : { op: 'not', filter: { op: 'and', filters: [own, { op: 'in', field: 'id', values: [value] }] } }
      const found = (await handle.list({ filter, limit: 1000 })).records
      expect([filter, idsOf(found)]).toEqual([filter, idsOf(records.filter((record) => matches(filter, record)))])
    }
    const every = texts.map((value): MemoryFilter => ({ op: 'eq', field: 'id', value }))
    for (const filter of [
      { op: 'or', filters: Array.from({ length: 40 }, () => every).flat() },
      { op: 'in', field: 'id', values: Array.from({ length: 12_000 }, (_, at) => texts[at] ?? `v${at}`) },
      { op: 'in', field: 'metadata.note', values: texts },
    ] as const)
      expect((await handle.list({ filter, limit: 1000 })).records.length).toBe(records.length)
    expect((await handle.forget({ filter: { op: 'eq', field: 'id', value: "x' OR '1'='1" } }, 'soft')).count).toBe(1)
    expect((await memory.stats('u')).records).toBe(1)
    expect((await memory.stats('t')).records).toBe(records.length - 1)
  })
})

test.each([
  ['words', 'apple'],
  ['time', ''],
])('where nearly all records hold no more, what still holds is found all the same, by %s', async (_, query) => {
  await using({}, async (memory) => {
    const handle = memory.bind({ tenant: 't' })
    const past = Array.from({ length: 200 }, (_, at) => fact(`apple ${at}`, { validTo: 1 + at }))
    const current = ['apple pie of now', 'apple juice of now'].map((text, at) => fact(text, { id: `now ${at}` }))
    await handle.append([...past.slice(0, 100), ...current, ...past.slice(100)])
    expect(textsOf(await handle.recall(query)).toSorted()).toEqual(['apple juice of now', 'apple pie of now'])
  })
})

test('28: files stay few over hundreds of single appends, and nothing is held up or lost', async () => {
  const path = newPath()
  await using({ path }, async (memory) => {
    const handle = memory.bind({ tenant: 't', session: 's' })
    for (let round = 0; round < 40; round += 1)
      await Promise.all([
        ...Array.from({ length: 10 }, (_, at) => handle.append([fact(`round ${round} number ${at}`)])),
        ...(round > 0 ? [handle.append([fact(`pinned ${round}`, { id: `p${round}` })])] : []),
        ...(round > 1 ? [handle.update(`p${round - 1}`, { metadata: { round } })] : []),
      ])
    const { records, upkeep } = await memory.stats()
    expect(records).toBe(439)
    expect(upkeep).toMatchObject({ failures: 0 })
    await memory.maintain()
    expect(readdirSync(path, { recursive: true, withFileTypes: true }).filter((file) => file.isFile()).length).toBeLessThan(40)
    expect((await listAll(handle, undefined, 500)).map((record) => record.seq)).toEqual(
      Array.from({ length: 439 }, (_, at) => at + 1),
    )
  })
})

test('28: what upkeep has folded it removes at once, and a reader of an older version reads again', async () => {
  const path = newPath()
  await using({ path }, async (memory) => {
    const handle = memory.bind({ tenant: 't' })
    const runsOf = async (one: Memory): Promise<number> => ((await one.stats())['upkeep'] as { readonly runs: number }).runs
    const filesIn = (part: string): number => readdirSync(join(path, 'records.lance', part)).length
    await using({ path }, async (other) => {
      const theirs = other.bind({ tenant: 't' })
      // Whichever of both comes first puts it into the table, and counts that.
      const hasFolded = async (): Promise<boolean> => (await runsOf(memory)) + (await runsOf(other)) > 0
      let rounds = 0
      for (; !(await hasFolded()); rounds += 1)
        await Promise.all([handle.append([fact(`number ${rounds}`)]), theirs.recall('number'), theirs.list({})])
      expect(rounds).toBeLessThan(100)
      expect(idsOf((await theirs.list({ limit: 100 })).records)).toEqual(idsOf((await handle.list({ limit: 100 })).records))
      expect((await theirs.list({ limit: 100 })).records).toHaveLength(rounds)
    })
    for (const part of ['data', '_versions', '_transactions']) expect(filesIn(part)).toBeLessThan(12)
  })
})

test('31: who aborts in time is rejected with the reason, writes nothing, and holds nobody up', async () => {
  await using({}, async (memory) => {
    const handle = memory.bind({ tenant: 't' })
    await handle.append([fact('first')])
    const reason = new Error('enough')
    const settled = await Promise.allSettled(
      Array.from({ length: 20 }, (_, at) => {
        const control = new AbortController()
        const call = handle.append([fact(`f ${at}`, { id: `${at}` })], { signal: control.signal })
        if (at % 2 === 0) void Promise.resolve().then(() => control.abort(reason))
        return call
      }),
    )
    expect(settled.map((one) => (one.status === 'rejected' ? one.reason === reason : false))).toEqual(
      Array.from({ length: 20 }, (_, at) => at % 2 === 0),
    )
    expect((await listAll(handle)).map((record) => record.seq)).toEqual(Array.from({ length: 11 }, (_, at) => at + 1))
  })
})

test('31: a memory that is closed while LanceDB still answers what was aborted waits for it', async () => {
  const path = newPath()
  await using({ path, embedder: testEmbedder() }, (memory) =>
    memory.bind({ tenant: 't' }).append(Array.from({ length: 500 }, (_, at) => fact(`apple ${at}`))),
  )
  for (let round = 0; round < 10; round += 1)
    await using({ path, embedder: testEmbedder() }, async (memory) => {
      await memory.stats()
      const control = new AbortController()
      const reason = new Error('enough')
      const call = memory.bind({ tenant: 't' }).recall('apple', { signal: control.signal })
      setImmediate(() => control.abort(reason))
      await expect(call).rejects.toBe(reason)
    })
})

test('two memories over one folder in one process see each other at once, and count places together', async () => {
  const path = newPath()
  await using({ path }, (one) =>
    using({ path }, async (two) => {
      const scope = { tenant: 't' }
      await Promise.all(Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? one : two).bind(scope).append([fact(`f ${at}`)])))
      for (const memory of [one, two])
        expect((await listAll(memory.bind(scope))).map((record) => record.seq)).toEqual(
          Array.from({ length: 20 }, (_, at) => at + 1),
        )
      await one.bind(scope).forget('all', 'erase')
      expect(await listAll(two.bind(scope))).toEqual([])
    }),
  )
})

test('a folder of somebody else, and one that cannot be made, are refused', async () => {
  const file = newPath()
  writeFileSync(file, 'a note')
  await using({ path: file }, (memory) =>
    expect(memory.stats()).rejects.toMatchObject({ code: 'MEMORY_FAILED', details: { reason: 'read' } }),
  )
  const path = newPath()
  const { connect } = await import('@lancedb/lancedb')
  const connection = await connect(path)
  await connection.createTable('records', [{ name: 'theirs' }])
  connection.close()
  await using({ path }, (memory) => expect(memory.stats()).rejects.toMatchObject({ code: 'MEMORY_MISMATCH' }))
})

test.each([
  ['data', /\.lance$/],
  ['_versions', /\.manifest$/],
])('a file in %s that was written by half is told', async (part, ending) => {
  const path = newPath()
  await using({ path }, (memory) => memory.bind({ tenant: 't' }).append([fact('umbrella '.repeat(1000), { id: 'a' })]))
  const files = readdirSync(join(path, 'records.lance'), { recursive: true, withFileTypes: true })
  for (const file of files)
    if (file.isFile() && file.parentPath.includes(part) && ending.test(file.name)) {
      const whole = readFileSync(join(file.parentPath, file.name))
      writeFileSync(join(file.parentPath, file.name), whole.subarray(0, whole.length / 2))
    }
  await using({ path }, async (memory) => {
    const handle = memory.bind({ tenant: 't' })
    for (const call of [() => handle.list({}), () => handle.get(['a']), () => handle.append([fact('x', { id: 'a' })])])
      await expect(call()).rejects.toMatchObject({ code: 'MEMORY_FAILED', details: { reason: 'read' } })
  })
})

test('an import of many scopes keeps places that are free, and puts the others behind', async () => {
  const lines = await using({}, async (memory) => {
    for (const session of ['a', 'b'])
      await memory.bind({ tenant: 't', session }).append([fact('one', { id: '1' }), fact('two', { id: '2' })])
    return linesOf(memory.export('t'))
  })
  await using({}, async (memory) => {
    await memory.bind({ tenant: 't', session: 'b' }).append([fact('mine', { id: 'm' })])
    expect(await memory.import(asLines(lines))).toEqual({ imported: 4 })
    const places = async (session: string) =>
      (await listAll(memory.bind({ tenant: 't', session }))).map(({ id, seq }) => [id, seq])
    expect(await places('a')).toEqual([
      ['1', 1],
      ['2', 2],
    ])
    expect(await places('b')).toEqual([
      ['m', 1],
      ['1', 2],
      ['2', 3],
    ])
  })
})
