import { mkdtempSync, readFileSync, readdirSync } from 'node:fs'
import * as sqlite from 'node:sqlite'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { MemoryFilter } from '../../core/index.ts'
import { requirePlugin } from '../../orchestrator/checks/plugin.ts'
import { manualClock } from '../../testing/clock.ts'
import { memoryConformance } from '../../testing/memory-conformance.ts'
import { fact, listAll, testEmbedder, textsOf } from '../../testing/memory-world.ts'
import { inProcessMemory } from '../memory-in-process/index.ts'
import {
  keepsWhatItAcknowledgedWhileClosing,
  keepsWhatWasAcknowledged,
  memoryPaths,
  refusesVectorsOfAnotherSize,
} from '../../../test/fixtures/file-memories.ts'
import { sqliteMemory, type SqliteMemoryOptions } from './index.ts'
import { createSqliteMemory } from './sqlite-memory.ts'
import { inline, using } from '../../../test/fixtures/sqlite-memories.ts'

const paths = memoryPaths('.db')
const { newPath } = paths

describe('memory/1, in one thread', () => {
  memoryConformance({
    test,
    createMemory: (setup) => createSqliteMemory({ ...setup, path: newPath(), durability: 'process' }, inline),
  })
})

describe('memory/1, in a thread of its own', () => {
  memoryConformance({ test, createMemory: (setup) => sqliteMemory({ ...setup, path: newPath(), durability: 'process' }) })
})

test('it is a plugin, and says what a write survives', () => {
  const memory = sqliteMemory({ path: newPath() })
  expect(() => requirePlugin(memory)).not.toThrow()
  expect(memory.capabilities).toMatchObject({ durability: 'disk', vector: false, multiProcess: true, erase: true })
  expect(sqliteMemory({ path: newPath(), durability: 'process' }).capabilities.durability).toBe('process')
  expect(sqliteMemory({ path: newPath(), embedder: testEmbedder() }).capabilities.vector).toBe(true)
})

test.each([
  [{}],
  [{ path: '' }],
  [{ path: ':memory:' }],
  [{ path: 'file:x' }],
  [{ path: 7 }],
  [{ path: 'a\0b' }],
  [{ path: 'x', durability: 'none' }],
  [{ path: 'x', reembed: 'yes' }],
  [{ path: 'x', unknown: 1 }],
  [{ path: 'x', dims: 3 }],
  ['x'],
])('options %j are refused', (options) => {
  expect(() => sqliteMemory(options as SqliteMemoryOptions)).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }))
})

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, '5'])('busyMs %s is refused', (busyMs) => {
  expect(() => sqliteMemory({ path: 'x', busyMs: busyMs as number })).toThrow(expect.objectContaining({ code: 'LIMIT_INVALID' }))
})

test('what was acknowledged is there after it was opened again, vectors and places included', async () => {
  const path = newPath()
  await keepsWhatWasAcknowledged((parts) => createSqliteMemory({ path, ...parts }, inline))
})

test('what was acknowledged while it was being closed is there too', async () => {
  const path = newPath()
  await keepsWhatItAcknowledgedWhileClosing(() => sqliteMemory({ path, durability: 'process' }))
})

test('8: vectors of another size are refused, from whatever embedder', async () => {
  const path = newPath()
  await refusesVectorsOfAnotherSize((embedder) => createSqliteMemory({ path, embedder }, inline))
})

test('it ranks as the memory of one process does, to the last digit', async () => {
  const clock = manualClock()
  const embedder = testEmbedder()
  const words = ['harbour', 'lantern', 'orchard', 'violin', 'granite', '東京タワー', 'naïve', 'planning']
  const entries = Array.from({ length: 90 }, (_, at) => ({
    id: `id ${at}`,
    kind: (['message', 'fact', 'document'] as const)[at % 3] ?? 'fact',
    text: `${words[at % 8]} ${words[(at * 3) % 8]} ${words[(at * 5) % 7]} ${'and more '.repeat(at % 5)}${at % 11}`,
    occurredAt: clock.now() - (at % 9) * 86_400_000,
  }))
  for (const more of [{}, { embedder }]) {
    const answers = []
    for (const memory of [inProcessMemory({ clock, ...more }), createSqliteMemory({ path: newPath(), clock, ...more }, inline)]) {
      await memory.bind({ tenant: 'other' }).append(entries.slice(0, 9))
      const handle = memory.bind({ tenant: 't', session: 's' })
      await handle.append(entries)
      await handle.append([fact('granite again', { id: 'again', supersedes: 'id 4' })])
      await handle.forget({ filter: { op: 'contains', field: 'text', value: 'naïve' } }, 'soft')
      for (const query of ['harbour', 'lantern violin 3', '東京', '', 'plans of granite orchards'])
        answers.push(await handle.recall(query, { budget: { items: 30 }, context: { before: 1, after: 1 } }))
      await memory[Symbol.asyncDispose]()
    }
    expect(answers.slice(5)).toEqual(answers.slice(0, 5))
  }
})

test('of many records that fit equally well it gives the same ones as the memory of one process', async () => {
  const clock = manualClock()
  const entries = Array.from({ length: 600 }, (_, at) => ({
    id: `${['\u{1f600}', '\uffee', 'a'][at % 3]}${(at * 7) % 600}`,
    kind: 'fact' as const,
    text: at % 200 === 0 ? 'common violin' : `common ${at % 2 === 0 ? 'lantern' : 'orchard'}`,
    occurredAt: clock.now() - (at % 2) * 1000,
  }))
  const answers = []
  for (const memory of [inProcessMemory({ clock }), createSqliteMemory({ path: newPath(), clock }, inline)]) {
    const handle = memory.bind({ tenant: 't' })
    await handle.append(entries)
    for (const query of ['common', 'common violin', 'orchard common lantern'])
      answers.push(await handle.recall(query, { budget: { items: 10 } }))
    await memory[Symbol.asyncDispose]()
  }
  expect(answers.slice(3)).toEqual(answers.slice(0, 3))
})

test('6: filters too large for SQL have the same meaning', async () => {
  await using({ path: newPath() }, async (memory) => {
    const handle = memory.bind({ tenant: 't' })
    await handle.append(
      Array.from({ length: 30 }, (_, at) => fact(`text ${at}`, { id: `${at}`.padStart(2, '0'), metadata: { at } })),
    )
    const some = (count: number): MemoryFilter => ({
      op: 'or',
      filters: Array.from({ length: count }, (_, at) => ({ op: 'eq', field: 'metadata.at', value: at + 20 })),
    })
    for (const count of [5, 150, 5000]) {
      const expected = Array.from({ length: Math.min(count, 10) }, (_, at) => `${at + 20}`)
      expect((await listAll(handle, some(count))).map((record) => record.id)).toEqual(expected)
      const { items } = await handle.recall('text', { filter: some(count), budget: { items: 100 } })
      expect(items.map(({ record }) => record.id).toSorted()).toEqual(expected)
    }
    expect((await handle.forget({ filter: some(5000) }, 'soft')).count).toBe(10)
  })
})

describe('23: erasure', () => {
  const bytes = (own: string): string =>
    readdirSync(own)
      .map((name) => readFileSync(join(own, name), 'latin1'))
      .join('')

  test('the bytes are nowhere in the folder, and a soft forgetting is completed by upkeep', async () => {
    const own = mkdtempSync(join(paths.folder, 'erase-'))
    const path = join(own, 'memory.db')
    const embedder = testEmbedder()
    await using({ path, embedder }, async (memory) => {
      const handle = memory.bind({ tenant: 't-marker', user: 'u-marker' })
      const long = Array.from({ length: 3000 }, (_, at) => `markerlong${at}`).join(' ')
      await handle.append([
        fact('markerone text', { id: 'id-markerone', metadata: { note: 'meta-markerone' }, source: { path: '/markerone' } }),
        fact('markertwo text', { id: 'b' }),
        fact(long, { id: 'long' }),
      ])
      for (let at = 0; at < 40; at += 1) await memory.bind({ tenant: 't' }).append([fact(`stays ${at} ${'word '.repeat(200)}`)])
      await handle.update('b', { text: 'two, markerchanged' })
      expect(bytes(own)).toContain('markertwo')
      expect(await handle.forget({ ids: ['id-markerone', 'long'] }, 'erase')).toEqual({ count: 2, verified: true })
      for (const gone of ['markerone', 'markertwo', 'markerlong']) expect(bytes(own)).not.toContain(gone)
      await handle.forget('all', 'soft')
      expect(bytes(own)).toContain('markerchanged')
      await memory.maintain()
      expect(bytes(own)).not.toContain('marker')
      expect(bytes(own)).toContain('stays')
      await handle.append([fact('goes on')])
    })
    await using({ path, embedder }, async (memory) => expect((await memory.stats()).records).toBe(41))
  })

  test('what expired goes with the next upkeep, byte by byte', async () => {
    const own = mkdtempSync(join(paths.folder, 'expire-'))
    const clock = manualClock()
    await using({ path: join(own, 'memory.db'), clock }, async (memory) => {
      await memory.bind({ tenant: 't' }).append([fact('markerexpired', { expiresAt: clock.now() + 5 }), fact('stays')])
      await clock.advance(5)
      expect(bytes(own)).toContain('markerexpired')
      await memory.maintain()
      expect(bytes(own)).not.toContain('markerexpired')
    })
  })

  test('an erasure that a reader holds up says so, and the next one ends it', async () => {
    const own = mkdtempSync(join(paths.folder, 'held-'))
    const path = join(own, 'memory.db')
    await using({ path, busyMs: 100 }, async (memory) => {
      const handle = memory.bind({ tenant: 't' })
      await handle.append([fact('markerheld', { id: 'a' }), fact('stays', { id: 'b' })])
      const reader = new sqlite.DatabaseSync(path)
      reader.exec('BEGIN')
      reader.prepare('SELECT * FROM memory_records').all()
      await expect(handle.forget({ ids: ['a'] }, 'erase')).rejects.toMatchObject({
        code: 'MEMORY_FAILED',
        retryable: true,
        details: { reason: 'erase-incomplete' },
      })
      expect(await handle.get(['a'])).toEqual([])
      reader.close()
      expect(await handle.forget({ ids: ['a'] }, 'erase')).toEqual({ count: 0, verified: true })
      expect(bytes(own)).not.toContain('markerheld')
    })
  })
})

describe('8: another embedder', () => {
  const one = testEmbedder('one', 8)
  const scope = { tenant: 't' }

  test('is refused with both named', async () => {
    const path = newPath()
    await using({ path, embedder: one }, (memory) => memory.bind(scope).append([fact('zebra crossing')]))
    const error = { code: 'MEMORY_MISMATCH', message: expect.stringMatching(/test\/one.*test\/two/) as string }
    await using({ path, embedder: testEmbedder('two', 26) }, (memory) => expect(memory.stats()).rejects.toMatchObject(error))
    await using({ path, embedder: testEmbedder('one', 9) }, (memory) =>
      expect(memory.bind(scope).append([fact('of another size')])).rejects.toMatchObject({
        code: 'MEMORY_MISMATCH',
        details: { expected: 8, actual: 9 },
      }),
    )
    await using({ path }, async (memory) => expect(textsOf(await memory.bind(scope).recall('zebra'))).toEqual(['zebra crossing']))
  })

  test('takes the place of the first when all its vectors are made, and goes on where it broke off', async () => {
    const path = newPath()
    const two = testEmbedder('two', 26)
    await using({ path, embedder: one }, async (old) => {
      await old.bind(scope).append(Array.from({ length: 299 }, (_, at) => fact(`zebra ${at}`)))
      await old.bind(scope).append([fact('a quokka')])
      let batches = 0
      two.fault = (vectors) => {
        batches += 1
        if (batches > 10) throw new Error('down')
        return vectors
      }
      await using({ path, embedder: two, reembed: true }, async (memory) => {
        expect((await memory.stats()).pending).toBe(300)
        await memory.maintain()
        expect(await memory.stats()).toMatchObject({ pending: 172, failures: 1 })
      })
      two.fault = undefined
      expect((await old.stats()).pending).toBe(0)
      expect((await old.bind(scope).recall('zany', { strict: true })).items[0]?.parts['vector']).toBeGreaterThan(0)
      await using({ path, embedder: two, reembed: true }, async (memory) => {
        expect((await memory.stats()).pending).toBe(172)
        expect(textsOf(await memory.bind(scope).recall('quokka'))).toContain('a quokka')
        await memory.maintain()
        expect((await memory.stats()).pending).toBe(0)
      })
      await expect(old.bind(scope).append([fact('late')])).rejects.toMatchObject({ code: 'MEMORY_MISMATCH' })
    })
    await using({ path, embedder: two }, async (memory) => expect((await memory.stats()).pending).toBe(0))
  })
})

test('8: an embedder does not take the place of another while a text that changed meanwhile has no vector', async () => {
  const path = newPath()
  await using({ path, embedder: testEmbedder('one') }, async (old) => {
    const handle = old.bind({ tenant: 't' })
    await handle.append([fact('zebra', { id: 'a' }), fact('quokka', { id: 'b' })])
    const two = testEmbedder('two')
    const plain = testEmbedder('two')
    two.doEmbed = async (options) => {
      await handle.update('a', { text: `zebra ${options.values.length}` })
      return plain.doEmbed(options)
    }
    await using({ path, embedder: two, reembed: true }, async (memory) => {
      await memory.maintain()
      expect((await memory.stats()).pending).toBe(1)
      expect((await old.stats()).pending).toBe(0)
      two.doEmbed = (options) => plain.doEmbed(options)
      await memory.maintain()
      expect((await memory.stats()).pending).toBe(0)
    })
    await expect(old.stats()).rejects.toMatchObject({ code: 'MEMORY_MISMATCH' })
  })
})

test.runIf(process.platform === 'linux')('30: a thousand that were opened and closed leave no file open', async () => {
  const path = newPath()
  const open = (): number => readdirSync('/proc/self/fd').length
  await using({ path }, (memory) => memory.stats())
  const before = open()
  for (let at = 0; at < 1000; at += 1)
    await using({ path, embedder: testEmbedder() }, async (memory) => (await memory.bind({ tenant: 't' }).recall('kept')).items)
  expect(open()).toBeLessThan(before + 10)
})

test('thousands of records that come and go leave nothing growing', async () => {
  const path = newPath()
  await using({ path, durability: 'process' }, async (memory) => {
    const handle = memory.bind({ tenant: 't' })
    const sizes: number[] = []
    for (let round = 0; round < 3; round += 1) {
      await handle.append(Array.from({ length: 1000 }, (_, at) => fact(`round ${round} number ${at}`)))
      await handle.forget({ filter: { op: 'contains', field: 'text', value: 'number' } }, 'soft')
      await memory.maintain()
      sizes.push(readFileSync(path).length)
    }
    expect(new Set(sizes).size).toBe(1)
    await handle.append([fact('the last')])
    expect(textsOf(await handle.recall('number'))).toEqual([])
    expect(textsOf(await handle.recall('last'))).toEqual(['the last'])
  })
})
