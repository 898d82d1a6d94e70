import { execFile } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { MemoryHandle } from '../../core/index.ts'
import { fact, idsOf, listAll, testEmbedder, textsOf } from '../../testing/memory-world.ts'
import { lancedbMemories } from '../../../test/fixtures/lancedb-memories.ts'
import { openWriteAhead } from './write-ahead.ts'

const { newPath, using, withTable } = lancedbMemories()
const NO_SPACE = new Error('no space left')
const MODULE = JSON.stringify(new URL('index.ts', import.meta.url).href)

test('what is acknowledged stands in the log, and in the table a moment later, though nobody reads', () =>
  withTable(
    () => ({}),
    async (handle, table) => {
      await handle.append([fact('one')])
      expect([table.log.isEmpty(), await table.count()]).toEqual([false, 0])
      await vi.waitUntil(() => table.log.isEmpty(), { timeout: 10_000 })
      expect(await table.count()).toBe(1)
    },
  ))

test('many new records at once, long ones, and changes go to the table, behind what stood in the log', () =>
  withTable(
    () => ({}),
    async (handle, table) => {
      for (const [count, length] of [
        [129, 10],
        [4, 100_000],
      ] as const) {
        await handle.append([fact('before')])
        expect(table.log.isEmpty()).toBe(false)
        await handle.append(Array.from({ length: count }, () => fact('x'.repeat(length))))
        expect(table.log.isEmpty()).toBe(true)
      }
      await handle.append([fact('changed', { id: 'a' })])
      await handle.append([fact('new', { supersedes: 'a' })])
      expect(table.log.isEmpty()).toBe(true)
      const records = await listAll(handle)
      expect(records.map(({ seq }) => seq)).toEqual(Array.from({ length: 137 }, (_, at) => at + 1))
    },
  ))

test('an id that stands in the log is taken, and the same content is there already', () =>
  withTable(
    () => ({}),
    async (handle) => {
      await handle.append([fact('one', { id: 'a' })])
      expect((await handle.append([fact('one', { id: 'a' })])).outcomes).toEqual([{ id: 'a', status: 'duplicate' }])
      await handle.append([fact('two', { id: 'b' })])
      await expect(handle.append([fact('another', { id: 'b' })])).rejects.toMatchObject({ code: 'MEMORY_CONFLICT' })
      expect(idsOf(await listAll(handle))).toEqual(['a', 'b'])
    },
  ))

test('several memories of a folder, in turn: each sees at once what the others were told is kept, and places have no gaps', async () => {
  const path = newPath()
  await using({ path }, (one) =>
    using({ path }, (two) =>
      using({ path }, async (three) => {
        const handles = [one, two, three].map((memory) => memory.bind({ tenant: 't' })) as [MemoryHandle, ...MemoryHandle[]]
        const counts: number[] = []
        for (let at = 0; at < 30; at += 1) {
          const by = handles[(at * 7) % 3] as MemoryHandle
          await by.append([fact(`number ${at}`, at % 2 === 0 ? { id: `n${at}` } : {})])
          if (at % 5 === 4) counts.push((await listAll(handles[at % 3] as MemoryHandle)).length)
        }
        expect(counts).toEqual([5, 10, 15, 20, 25, 30])
        for (const handle of handles) {
          const records = await listAll(handle)
          expect(records.map(({ seq }) => seq)).toEqual(Array.from({ length: 30 }, (_, at) => at + 1))
          expect(records.map(({ text }) => text)).toEqual(Array.from({ length: 30 }, (_, at) => `number ${at}`))
        }
      }),
    ),
  )
})

const KILLED = `
import { lancedbMemory } from ${MODULE}
const memory = lancedbMemory({ path: process.argv[1] })
const handle = memory.bind({ tenant: 't' })
for (let at = 0; at < 5; at += 1) await handle.append([{ kind: 'fact', id: 'n' + at, text: 'number ' + at }])
process.kill(process.pid, 'SIGKILL')
`

test('21: what a killed process has left in the log the next one has, in its place and for good', async () => {
  const path = newPath()
  const killed = promisify(execFile)(process.execPath, ['--input-type=module', '-e', KILLED, '--', path])
  await expect(killed).rejects.toMatchObject({ signal: 'SIGKILL' })
  const log = await openWriteAhead(path)
  expect(log.read().length).toBeGreaterThan(0)
  log.close()
  await using({ path }, async (memory) => {
    const handle = memory.bind({ tenant: 't' })
    await handle.append([fact('number 5', { id: 'n5' })])
    const expected = ['n0', 'n1', 'n2', 'n3', 'n4', 'n5']
    expect((await listAll(handle)).map(({ id, seq }) => [id, seq])).toEqual(expected.map((id, at) => [id, at + 1]))
  })
})

test('21: killed between the commit and the emptying of the log it has everything once', async () => {
  const path = newPath()
  const clear = vi.fn<() => void>(() => {
    throw new Error('killed')
  })
  await withTable(
    ({ log }) => ({ log: { ...log, clear } }),
    async (handle, table, { writer }) => {
      await handle.append([fact('one', { id: 'a' }), fact('two', { id: 'b' })])
      await expect(writer.settle()).rejects.toThrow('killed')
      expect([await table.count(), table.log.isEmpty()]).toEqual([2, false])
    },
    path,
  )
  await using({ path }, async (memory) => {
    expect((await memory.stats()).records).toBe(2)
    expect(textsOf(await memory.bind({ tenant: 't' }).recall('two'))).toEqual(['two'])
  })
  expect(clear).toHaveBeenCalled()
})

test('27: where the table takes nothing, what stands in the log is told to be missing, not lost', async () => {
  let isFull = false
  const path = newPath()
  await withTable(
    (table) => ({
      merge: async (...given) => {
        if (isFull) throw NO_SPACE
        return table.merge(...given)
      },
    }),
    async (handle, _table, { writer }) => {
      await handle.append([fact('first umbrella', { id: 'a' })])
      await writer.settle()
      isFull = true
      await handle.append([fact('second umbrella', { id: 'b' })])
      await expect(handle.list({})).rejects.toThrow(NO_SPACE)
      await expect(handle.get(['a'])).rejects.toThrow(NO_SPACE)
      expect(await handle.recall('umbrella')).toMatchObject({ items: [{ record: { id: 'a' } }], degraded: ['recent'] })
      await expect(handle.recall('umbrella', { strict: true })).rejects.toThrow(NO_SPACE)
      await expect(handle.append([fact('third', { id: 'c' })])).rejects.toThrow(NO_SPACE)
      isFull = false
      expect(idsOf(await listAll(handle))).toEqual(['a', 'b'])
      expect(await handle.recall('umbrella')).toMatchObject({ degraded: [] })
      await handle.append([fact('third', { id: 'c' })])
      expect((await listAll(handle)).map(({ id, seq }) => `${id}${seq}`)).toEqual(['a1', 'b2', 'c3'])
    },
    path,
  )
})

test('27: who may not write waits for one who does, and says otherwise what is missing', async () => {
  const path = newPath()
  await using({ path }, async (memory) => {
    const writing = memory.bind({ tenant: 't' })
    await writing.append([fact('one', { id: 'a' })])
    const lock = { hold: () => Promise.reject(new Error('read-only')), close: async () => {} }
    await withTable(
      () => ({ lock }),
      async (reading) => {
        // The writer settles by itself.
        expect(idsOf(await listAll(reading))).toEqual(['a'])
        const log = await openWriteAhead(path)
        onTestFinished(() => log.close())
        log.add([{ key: 'k', record: '{}', vector: undefined }])
        await expect(reading.list({})).rejects.toThrow('read-only')
        log.clear()
        expect(idsOf(await listAll(reading))).toEqual(['a'])
      },
      path,
    )
  })
})

test('23: what is erased while it stands in the log is in no file', async () => {
  const path = newPath()
  await using({ path }, async (memory) => {
    const handle = memory.bind({ tenant: 't' })
    await handle.append([fact('kept sentence')])
    await handle.append([fact('the marker-one is purplefish', { id: 'a' })])
    const bytes = (): string =>
      readdirSync(path, { recursive: true, withFileTypes: true })
        .flatMap((file) => (file.isFile() ? [readFileSync(join(file.parentPath, file.name), 'latin1')] : []))
        .join('\n')
    expect(bytes()).toContain('purplefish')
    expect(await handle.forget({ ids: ['a'] }, 'erase')).toEqual({ count: 1, verified: true })
    expect(bytes()).not.toContain('purplefish')
    expect(existsSync(join(path, 'write-ahead.sqlite-journal'))).toBe(false)
    expect(textsOf(await handle.recall('sentence'))).toEqual(['kept sentence'])
  })
})

test('8: vectors in the log of an embedder that is no longer used are let go, and made anew', async () => {
  const path = newPath()
  await withTable(
    () => ({}),
    async (_handle, table) => {
      await table.version()
      await table.makeVectors(3)
      const record = { id: 'a', kind: 'fact', text: 'pelican', scope: 'tt', seq: 1, createdAt: 1, version: 1, contentHash: 'x' }
      table.log.add([{ key: 'k', record: JSON.stringify(record), vector: Float32Array.of(1, 0, 0) }])
    },
    path,
  )
  await using({ path, embedder: testEmbedder('another', 3), reembed: true }, async (memory) => {
    expect(await memory.stats()).toMatchObject({ records: 1, pending: 1 })
    await memory.maintain()
    expect(await memory.stats()).toMatchObject({ records: 1, pending: 0 })
  })
})
