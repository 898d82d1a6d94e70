/** What other processes do to the file of a memory that is open. */
import { open } from 'node:fs/promises'
import { appendFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import type { Memory } from '../../core/index.ts'
import { fact } from '../../testing/memory-world.ts'
import { memoryPaths, using as usingMemory } from '../../../test/fixtures/file-memories.ts'
import { inProcessMemory, type InProcessMemoryOptions } from './index.ts'

const paths = memoryPaths('.jsonl')
const { newPath } = paths

const using = <T>(options: InProcessMemoryOptions, work: (memory: Memory) => Promise<T>): Promise<T> =>
  usingMemory(inProcessMemory(options), work)

const scope = { tenant: 't' }
const outside = { code: 'MEMORY_FAILED', retryable: false, details: { reason: 'changed-outside' } }

test('a file that somebody else writes to is noticed before anything is mixed up', async () => {
  const path = newPath()
  await using({ path }, async (memory) => {
    await memory.bind({ tenant: 't' }).append([fact('mine')])
    appendFileSync(path, '{"put":[]}\n')
    await expect(memory.bind({ tenant: 't' }).append([fact('lost?')])).rejects.toMatchObject({
      code: 'MEMORY_FAILED',
      retryable: false,
      details: { reason: 'changed-outside' },
    })
    expect((await memory.stats()).records).toBe(1)
  })
})

test('who has the file open while somebody else writes it anew, or removes it, is told, instead of writing where nobody reads', async () => {
  for (const replace of [
    (path: string) => using({ path }, (other) => other.bind(scope).forget({ ids: ['first'] }, 'erase')),
    async (path: string) => rmSync(path),
  ]) {
    const path = newPath()
    await using({ path }, async (memory) => {
      await memory.bind(scope).append([fact('first', { id: 'first' })])
      await replace(path)
      await expect(memory.bind(scope).append([fact('lost?')])).rejects.toMatchObject(outside)
      await expect(memory.bind(scope).forget('all', 'erase')).rejects.toMatchObject(outside)
    })
  }
})

test('a file that is put in the place of the old one in the middle of a write: the write is not acknowledged', async () => {
  const path = newPath()
  await using({ path }, async (memory) => {
    await memory.bind(scope).append([fact('first')])
    await using({ path: `${path}.other` }, (other) => other.bind(scope).append([fact('elsewhere')]))
    const file = await open(path)
    const prototype = Object.getPrototypeOf(file) as typeof file
    const write = vi.spyOn(prototype, 'appendFile').mockImplementationOnce(async function (this: typeof file, data) {
      renameSync(`${path}.other`, path)
      // The file is open for appending.
      await this.writeFile(data as string)
    })
    await expect(memory.bind(scope).append([fact('lost?')])).rejects.toMatchObject(outside)
    expect(write).toHaveBeenCalledOnce()
    write.mockRestore()
    await file.close()
    expect((await memory.stats()).records).toBe(1)
  })
})

test('what somebody else has acknowledged is not written over by upkeep', async () => {
  const path = newPath()
  await using({ path }, async (memory) => {
    await memory.bind(scope).append([fact('first', { id: 'first' })])
    await memory.bind(scope).forget('all', 'soft')
    await using({ path }, (other) => other.bind(scope).append([fact('acknowledged', { id: 'other' })]))
    await expect(memory.maintain()).rejects.toMatchObject(outside)
  })
  expect(readdirSync(paths.folder).filter((name) => name.endsWith('.new'))).toEqual([])
  await using({ path }, async (memory) => expect(await memory.bind(scope).get(['other'])).toHaveLength(1))
})
