import { mkdtempSync, readFileSync, readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import type { Memory } from '../../core/index.ts'
import { requirePlugin } from '../../orchestrator/checks/plugin.ts'
import { memoryConformance } from '../../testing/memory-conformance.ts'
import { fact, listAll, testEmbedder, textsOf } from '../../testing/memory-world.ts'
import {
  keepsWhatItAcknowledgedWhileClosing,
  keepsWhatWasAcknowledged,
  makesVectorsAnew,
  memoryPaths,
  refusesVectorsOfAnotherSize,
  using as usingMemory,
} from '../../../test/fixtures/file-memories.ts'
import { inProcessMemory, type InProcessMemoryOptions } from './index.ts'

const paths = memoryPaths('.jsonl')
const { newPath } = paths

const using = <T>(options: InProcessMemoryOptions, work: (memory: Memory) => Promise<T>): Promise<T> =>
  usingMemory(inProcessMemory(options), work)

const scope = { tenant: 't' }

describe('memory/1, in memory alone', () => {
  memoryConformance({ test, createMemory: (setup) => inProcessMemory(setup) })
})

describe('memory/1, in a file', () => {
  memoryConformance({ test, createMemory: (setup) => inProcessMemory({ ...setup, path: newPath(), sync: false }) })
})

test('it is a plugin, and says what a write survives', () => {
  expect(() => requirePlugin(inProcessMemory())).not.toThrow()
  expect(inProcessMemory().capabilities).toMatchObject({ durability: 'none', vector: false, multiProcess: false })
  expect(inProcessMemory({ path: newPath() }).capabilities.durability).toBe('disk')
  expect(inProcessMemory({ path: newPath(), sync: false }).capabilities.durability).toBe('process')
  expect(inProcessMemory({ embedder: testEmbedder() }).capabilities.vector).toBe(true)
})

test.each([
  [{ path: '' }],
  [{ path: 7 }],
  [{ path: 'a\0b' }],
  [{ sync: 1 }],
  [{ reembed: 'yes' }],
  [{ name: '' }],
  [{ unknown: 1 }],
  [{ embedder: {} }],
  [{ dims: 3 }],
  [{ clock: {} }],
  [{ countTokens: 4 }],
  ['x'],
])('options %j are refused', (options) => {
  expect(() => inProcessMemory(options as InProcessMemoryOptions)).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }))
})

test('what was acknowledged is there after it was opened again, vectors and places included', async () => {
  const path = newPath()
  await keepsWhatWasAcknowledged((parts) => inProcessMemory({ path, ...parts }))
})

test('what was acknowledged while it was being closed is there too', async () => {
  const path = newPath()
  await keepsWhatItAcknowledgedWhileClosing(() => inProcessMemory({ path }))
})

test('8: vectors of another size are refused, from whatever embedder', async () => {
  const path = newPath()
  await refusesVectorsOfAnotherSize((embedder) => inProcessMemory({ path, embedder }))
})

test('a vector that was damaged in the file is left out, and made anew', async () => {
  const path = newPath()
  const embedder = testEmbedder('one', 8)
  await using({ path, embedder }, (memory) => memory.bind(scope).append([fact('zebra'), fact('apple'), fact('melon')]))
  const [header = '', line = ''] = readFileSync(path, 'utf8').split('\n')
  const commit = JSON.parse(line) as { vectors: string[] }
  commit.vectors[1] = Buffer.from(new Float32Array(5).fill(1).buffer).toString('base64')
  writeFileSync(path, `${header}\n${JSON.stringify(commit)}\n`)
  await using({ path, embedder }, async (memory) => {
    expect((await memory.stats()).pending).toBe(1)
    expect(textsOf(await memory.bind(scope).recall('zoo'))[0]).toBe('zebra')
    await memory.maintain()
    expect((await memory.stats()).pending).toBe(0)
    expect(textsOf(await memory.bind(scope).recall('art'))[0]).toBe('apple')
  })
})

test('a torn last line is taken off, and everything before it stays', async () => {
  const path = newPath()
  await using({ path }, async (memory) => memory.bind({ tenant: 't' }).append([fact('first', { id: 'a' })]))
  const whole = readFileSync(path)
  await using({ path }, async (memory) =>
    memory.bind({ tenant: 't' }).append([fact('second', { id: 'b' }), fact('third', { id: 'c' })]),
  )
  const longer = readFileSync(path)
  for (let cut = whole.length; cut < longer.length; cut += 37) {
    writeFileSync(path, longer.subarray(0, cut))
    await using({ path }, async (memory) => {
      expect((await listAll(memory.bind({ tenant: 't' }))).map((record) => record.id)).toEqual(['a'])
      expect(statSync(path).size).toBe(whole.length)
      await memory.bind({ tenant: 't' }).append([fact('after', { id: 'd' })])
    })
    await using({ path }, async (memory) => expect((await memory.stats()).records).toBe(2))
  }
})

test('a line that was damaged, and a file of somebody else, are refused and left as they are', async () => {
  const path = newPath()
  await using({ path }, async (memory) => {
    const handle = memory.bind({ tenant: 't' })
    await handle.append([fact('the first text')])
    await handle.append([fact('the second text')])
  })
  const sound = readFileSync(path, 'utf8')
  const cases = [
    [sound.replace('the first text', 'the forged text'), { code: 'MEMORY_FAILED', details: { reason: 'read' } }],
    [sound.replace('"the second text"', 'the second text'), { code: 'MEMORY_FAILED', details: { reason: 'read' } }],
    [sound.replace('{"put":[', '{"put":[[['), { code: 'MEMORY_FAILED', details: { reason: 'read' } }],
    ['name,age\nAda,36\n', { code: 'MEMORY_MISMATCH' }],
    ['a precious note without an end', { code: 'MEMORY_MISMATCH' }],
    [sound.replace('"version":1', '"version":9'), { code: 'MEMORY_MISMATCH' }],
  ] as const
  for (const [text, error] of cases) {
    writeFileSync(path, text)
    await using({ path }, async (memory) => {
      const told: unknown = await memory.stats().catch((thrown: unknown) => thrown)
      expect(told).toMatchObject(error)
      expect((told as Error).message, "texts are nobody's business").not.toMatch(/first|second|note/)
    })
    expect(readFileSync(path, 'utf8')).toBe(text)
  }
})

test('a folder that is not there is told, and the next call tries again', async () => {
  const path = join(paths.folder, 'missing', 'memory.jsonl')
  await using({ path }, async (memory) => {
    await expect(memory.stats()).rejects.toMatchObject({ code: 'MEMORY_FAILED', retryable: true })
    await expect(memory.bind({ tenant: 't' }).append([fact('x')])).rejects.toMatchObject({ code: 'MEMORY_FAILED' })
  })
})

test('23: after an erasure the bytes are nowhere in the folder, and a soft forgetting is completed by upkeep', async () => {
  const own = mkdtempSync(join(paths.folder, 'erase-'))
  const bytes = (): string =>
    readdirSync(own)
      .map((name) => readFileSync(join(own, name), 'utf8'))
      .join('')
  await using({ path: join(own, 'memory.jsonl') }, async (memory) => {
    const handle = memory.bind({ tenant: 't', user: 'u-marker' })
    await handle.append([fact('marker-one', { id: 'id-marker-one' }), fact('marker-two', { id: 'b' })])
    await memory.bind({ tenant: 't' }).append([fact('stays')])
    await handle.update('b', { text: 'two, marker-changed' })
    expect(bytes()).toContain('marker-two')
    expect(await handle.forget({ ids: ['id-marker-one'] }, 'erase')).toEqual({ count: 1, verified: true })
    expect(bytes()).not.toContain('marker-one')
    expect(bytes()).not.toContain('marker-two')
    await handle.forget('all', 'soft')
    expect(bytes()).toContain('marker-changed')
    await memory.maintain()
    expect(bytes()).not.toContain('marker')
    expect(bytes()).toContain('stays')
    expect(readdirSync(own)).toEqual(['memory.jsonl'])
    await handle.append([fact('goes on')])
  })
  await using({ path: join(own, 'memory.jsonl') }, async (memory) => expect((await memory.stats()).records).toBe(2))
})

test('8: another embedder is refused with both named, or its vectors are made anew while words go on finding', async () => {
  const path = newPath()
  const one = testEmbedder('one', 8)
  const two = testEmbedder('two', 26)
  await using({ path, embedder: one }, async (memory) => memory.bind(scope).append([fact('zebra crossing'), fact('apple tree')]))
  await using({ path, embedder: two }, (memory) =>
    expect(memory.stats()).rejects.toMatchObject({
      code: 'MEMORY_MISMATCH',
      message: expect.stringMatching(/test\/one.*test\/two/) as string,
    }),
  )
  await makesVectorsAnew((reembed) => inProcessMemory({ path, embedder: two, reembed }), scope)
})

test('without an embedder a file with vectors goes by words, keeps them, and what is added gets its own later', async () => {
  const path = newPath()
  const embedder = testEmbedder('one')
  await using({ path, embedder }, (memory) =>
    memory.bind(scope).append([fact('zebra crossing'), fact('apple tree', { id: 'tree' })]),
  )
  await using({ path }, async (memory) => {
    expect(memory.capabilities.vector).toBe(false)
    expect(textsOf(await memory.bind(scope).recall('zebra'))).toEqual(['zebra crossing'])
    expect(textsOf(await memory.bind(scope).recall('zoo'))).toEqual([])
    await memory.bind(scope).append([fact('melon field')])
    await memory.bind(scope).forget({ ids: ['tree'] }, 'erase')
  })
  await using({ path, embedder }, async (memory) => {
    expect((await memory.stats()).pending).toBe(1)
    expect(textsOf(await memory.bind(scope).recall('zoo'))[0]).toBe('zebra crossing')
    await memory.maintain()
    expect((await memory.stats()).pending).toBe(0)
    expect(textsOf(await memory.bind(scope).recall('mild'))[0]).toBe('melon field')
  })
})

test.skipIf(process.platform === 'win32')('what is no regular file is refused, and not read for ever', async () => {
  for (const path of ['/dev/zero', '/dev/null'])
    await using({ path }, (memory) =>
      expect(memory.stats()).rejects.toMatchObject({ code: 'MEMORY_MISMATCH', message: `${path} is no regular file` }),
    )
})

test('thousands of records that come and go leave neither the file nor the indexes growing', async () => {
  const path = newPath()
  await using({ path, sync: false }, async (memory) => {
    const handle = memory.bind({ tenant: 't' })
    for (let round = 0; round < 5; round += 1) {
      await handle.append(Array.from({ length: 1000 }, (_, at) => fact(`round ${round} number ${at}`)))
      await handle.forget({ filter: { op: 'contains', field: 'text', value: 'number' } }, 'soft')
      await memory.maintain()
    }
    await handle.append([fact('the last')])
    expect(statSync(path).size).toBeLessThan(2000)
    expect(textsOf(await handle.recall('number'))).toEqual([])
    expect(textsOf(await handle.recall('last'))).toEqual(['the last'])
  })
})

test('30: a thousand recalls print nothing, and a thousand that were opened and closed leave no file open', async () => {
  const printed: unknown[] = []
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockImplementation((text) => printed.push(text) > 0),
  )
  const path = newPath()
  try {
    await using({ path, sync: false }, async (memory) => {
      const handle = memory.bind({ tenant: 't' })
      await handle.append([fact('kept')])
      for (let at = 0; at < 1000; at += 1) await handle.recall(`kept ${at}`)
    })
    for (let at = 0; at < 1000; at += 1) await using({ path }, (memory) => memory.stats())
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
  expect(printed).toEqual([])
  if (process.platform !== 'linux') return
  const open = readdirSync('/proc/self/fd').flatMap((name) => {
    try {
      return [readlinkSync(`/proc/self/fd/${name}`)]
    } catch {
      // The one that read the folder is closed by now.
      return []
    }
  })
  expect(open).not.toContain(path)
})
