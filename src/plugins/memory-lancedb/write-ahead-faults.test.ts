import { execFile } from 'node:child_process'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { fact, idsOf, listAll, testEmbedder } from '../../testing/memory-world.ts'
import { lancedbMemories } from '../../../test/fixtures/lancedb-memories.ts'
import { lancedbMemory } from './index.ts'
import { leftovers } from './leftovers.ts'

const { newPath, using, withTable } = lancedbMemories()
const source = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href)

const run = async (program: string, path: string): Promise<string> =>
  (await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program, '--', path])).stdout

const KILLED_READER = `
import { DatabaseSync } from 'node:sqlite'
const exec = DatabaseSync.prototype.exec
DatabaseSync.prototype.exec = function (sql) {
  if (sql === 'DELETE FROM entries') process.kill(process.pid, 'SIGKILL')
  return exec.call(this, sql)
}
const { lancedbMemory } = await import(${source('index.ts')})
const handle = lancedbMemory({ path: process.argv[1] }).bind({ tenant: 't' })
// Now and then the log is empty.
for (;;) await handle.list()
`

test('21: a reader that is killed between the commit and the emptying of the log leaves its owner everything once', async () => {
  const path = newPath()
  await using({ path }, async (memory) => {
    const handle = memory.bind({ tenant: 't' })
    let count = 0
    let isOver = false
    const child = run(KILLED_READER, path).then(
      () => 'ended',
      (error: { readonly signal?: unknown }) => error.signal,
    )
    void child.then(() => (isOver = true))
    while (!isOver) {
      await handle.append([fact(`text ${(count += 1)}`, { id: `n${count}` })])
      await wait(4)
    }
    expect(await child).toBe('SIGKILL')
    const records = await listAll(handle, undefined, 1000)
    expect(records.map(({ id }) => id)).toEqual(Array.from({ length: count }, (_, at) => `n${at + 1}`))
  })
})

test('what another memory has in the log is read without waiting for a folding', async () => {
  const path = newPath()
  await withTable(
    () => ({}),
    (one, table) =>
      withTable(
        () => ({}),
        async (two) => {
          await one.append([fact('first', { id: 'a' })])
          let release = (): void => {}
          const folding = table.tidying.hold(() => new Promise<void>((resolve) => (release = resolve)))
          expect(idsOf(await listAll(two))).toEqual(['a'])
          await one.append([fact('second', { id: 'b' })])
          expect(idsOf(await listAll(two))).toEqual(['a', 'b'])
          release()
          await folding
        },
        path,
      ),
    path,
  )
})

test('the log is bounded by all that stands in it, metadata too', async () => {
  const path = newPath()
  await using({ path }, async (memory) => {
    const handle = memory.bind({ tenant: 't' })
    const metadata = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, 'm'.repeat(4000)]))
    const sizes: number[] = []
    for (let round = 0; round < 40; round += 1) {
      await Promise.all(Array.from({ length: 8 }, () => handle.append([fact('x', { metadata })])))
      sizes.push(statSync(join(path, 'write-ahead.sqlite')).size)
    }
    expect(Math.max(...sizes)).toBeLessThan(1_500_000)
    expect((await memory.stats()).records).toBe(320)
  })
})

const SEIZES = `
const { openLock } = await import(${source('lock.ts')})
const lock = await openLock(process.argv[1], 'writer')
const late = new Promise((resolve) => setTimeout(resolve, 1000, 'held'))
process.stdout.write(await Promise.race([lock.hold(async () => 'free'), late]), () => process.exit())
`

test('23: to look for what an erasure has left lets go of no lock', async () => {
  const path = newPath()
  await withTable(
    () => ({}),
    async (handle, table) => {
      await handle.append([fact('some sentence'), fact('erased', { id: 'a' })])
      await handle.forget({ ids: ['a'] }, 'erase')
      const said = await table.lock.hold(async () => {
        expect(await leftovers(table, path, ['nothing of this kind is there'])).toBe(undefined)
        return run(SEIZES, path)
      })
      expect(said).toBe('held')
      expect(await run(SEIZES, path)).toBe('free')
    },
    path,
  )
})

test('closed amid upkeep a memory ends with a code and leaves nothing open', async () => {
  const path = newPath()
  const open = (): number => readdirSync('/proc/self/fd').length
  const told = new Set<unknown>()
  let before = 0
  for (let round = 0; round < 24; round += 1) {
    const memory = lancedbMemory({ path, embedder: testEmbedder('e', 4) })
    await memory.bind({ tenant: 't' }).append([fact(`round ${round}`)])
    const calls = Array.from({ length: 1 + (round % 6) }, () =>
      memory.maintain?.().then(
        () => 'done',
        (error: { readonly code?: unknown }) => error.code,
      ),
    )
    await wait(round)
    await memory[Symbol.asyncDispose]()
    for (const one of await Promise.all(calls)) told.add(one)
    if (round === 3) before = open()
  }
  expect([...told].filter((one) => one !== 'done' && one !== 'MEMORY_FAILED')).toEqual([])
  expect(open()).toBeLessThan(before + 12)
})

test('8: no vectors of two embedders meet, in whatever order memories of both are opened and written', async () => {
  const mismatch = { code: 'MEMORY_MISMATCH' }
  const withEmbedder = (path: string, id: string, dims: number, reembed = false) => ({
    path,
    embedder: testEmbedder(id, dims),
    reembed,
  })
  for (const dims of [4, 6]) {
    const path = newPath()
    await using(withEmbedder(path, 'one', 4), async (one) => {
      await one.bind({ tenant: 't' }).append([fact('pelican')])
      await one.stats()
      await using(withEmbedder(path, 'two', dims, true), async (two) => {
        await two.stats()
        await expect(one.bind({ tenant: 't' }).append([fact('by the first')])).rejects.toMatchObject(mismatch)
        await two.bind({ tenant: 't' }).append([fact('by the second')])
        await two.maintain()
        expect(await two.stats()).toMatchObject({ records: 2, pending: 0 })
      })
    })
  }
  const fresh = newPath()
  await using(withEmbedder(fresh, 'one', 4), (one) =>
    using(withEmbedder(fresh, 'two', 4), async (two) => {
      await two.stats()
      await one.bind({ tenant: 't' }).append([fact('by the first')])
      await expect(two.bind({ tenant: 't' }).append([fact('by the second')])).rejects.toMatchObject(mismatch)
    }),
  )
})

test('8: whose the vectors are is said by a later write, where the first could not', async () => {
  const path = newPath()
  const embedder = testEmbedder('one', 4)
  await withTable(
    () => ({}),
    async (handle, table) => {
      await table.ask('write', async (inner) => {
        const update = inner.updateFieldMetadata.bind(inner)
        inner.updateFieldMetadata = async () => {
          inner.updateFieldMetadata = update
          throw new Error('no space left')
        }
      })
      await expect(handle.append([fact('one')])).rejects.toMatchObject({ code: 'MEMORY_FAILED' })
      await handle.append([fact('two')])
    },
    path,
    { embedder },
  )
  await using({ path, embedder }, async (memory) => expect(await memory.stats()).toMatchObject({ records: 1, pending: 0 }))
})

test('27: what cannot be read in the log is told with a code, without a text, and holds nothing open', async () => {
  const path = newPath()
  await withTable(
    () => ({}),
    async (handle, table) => {
      for (const [record, vector] of [
        ['{"text":"the password is hunter2', undefined],
        ['{}', undefined],
      ] as const) {
        table.log.add([{ key: 'k', record, vector }])
        const failure = (await handle.list({}).catch((error: unknown) => error)) as Error
        expect(failure).toMatchObject({ code: 'MEMORY_FAILED', details: { reason: 'read' } })
        expect(failure.message).not.toContain('hunter2')
        table.log.clear()
      }
    },
    path,
  )
  writeFileSync(join(path, 'write-ahead.sqlite'), 'no database '.repeat(1000))
  const open = (): number => readdirSync('/proc/self/fd').length
  await using({ path }, async (memory) => {
    await expect(memory.stats()).rejects.toMatchObject({ code: 'MEMORY_FAILED' })
    const before = open()
    for (let at = 0; at < 30; at += 1) await expect(memory.stats()).rejects.toMatchObject({ code: 'MEMORY_FAILED' })
    expect(open()).toBeLessThan(before + 10)
  })
})

test('a place is given once, also where a look at places outlives the commit that failed beside it', async () => {
  const path = newPath()
  let isBroken = false
  let release = (): void => {}
  const slow = new Promise<void>((resolve) => (release = resolve))
  await withTable(
    (table) => ({
      async read(make) {
        if (!isBroken) return table.read(make)
        if (!/['"]seq['"]/.test(make.toString())) throw new Error('a read failed')
        const rows = await table.read(make)
        await slow
        return rows
      },
    }),
    async (_handle, _table, { bind }) => {
      isBroken = true
      const lost = bind('s').append([fact('lost', { id: 'lost' })])
      lost.catch(() => {})
      await wait(50)
      isBroken = false
      await using({ path }, async (other) => {
        const appended = other.bind({ tenant: 't', session: 's' }).append([fact('by another', { id: 'x' })])
        await wait(200)
        const elsewhere = bind('u').append([fact('elsewhere')])
        await wait(200)
        release()
        await Promise.all([appended, elsewhere])
      })
      await expect(lost).rejects.toThrow('a read failed')
      await bind('s').append([fact('mine', { id: 'y' })])
      expect((await listAll(bind('s'))).map(({ id, seq }) => `${id}${seq}`)).toEqual(['x1', 'y2'])
    },
    path,
  )
})

test('who aborts while the log is being settled is no failure', () =>
  withTable(
    () => ({}),
    async (handle, table, { failures }) => {
      await handle.append([fact('one')])
      let release = (): void => {}
      const holding = table.lock.hold(() => new Promise<void>((resolve) => (release = resolve)))
      const controller = new AbortController()
      const recall = handle.recall('one', { signal: controller.signal })
      controller.abort(new Error('enough'))
      await expect(recall).rejects.toThrow('enough')
      release()
      await holding
      expect(idsOf(await listAll(handle))).toHaveLength(1)
      expect(failures()).toBe(0)
    },
  ))
