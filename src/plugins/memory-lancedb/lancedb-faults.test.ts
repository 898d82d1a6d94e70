import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { fact, listAll, testEmbedder, textsOf } from '../../testing/memory-world.ts'
import { seededRandom } from '../../testing/seeded.ts'
import { makeSchema } from './arrow-table.ts'
import { lancedbMemory } from './index.ts'
import { loadLibrary } from './library.ts'

const source = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href)
const MODULE = source('index.ts')
let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'opspawn-lancedb-faults-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const REEMBEDDER = `
import { lancedbMemory } from ${MODULE}
import { testEmbedder } from ${source('../../testing/memory-world.ts')}
const [path, embedder] = process.argv.slice(1)
const memory = lancedbMemory({ path, embedder: testEmbedder(embedder), reembed: true })
await memory.stats()
console.log('reembedding')
await memory.maintain()
console.log('done')
`

test('22: vectors that are being made anew when the process is killed are made to the end by the next, and words find meanwhile', async () => {
  const path = join(folder, 'reembedded')
  const random = seededRandom(22)
  const scope = { tenant: 't' }
  {
    await using memory = lancedbMemory({ path, embedder: testEmbedder('e') })
    await memory.bind(scope).append(Array.from({ length: 1500 }, (_, at) => fact(`pelican ${at}`)))
  }
  let interrupted = 0
  for (let round = 0; round < 5; round += 1) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', REEMBEDDER, '--', path, `e${round}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = new Promise<void>((resolve) => void child.once('exit', () => resolve()))
    const said: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      said.push(line)
      if (line === 'reembedding') setTimeout(() => child.kill('SIGKILL'), random() * 150)
    }
    await exited
    const embedder = testEmbedder(`e${round}`)
    {
      await using memory = lancedbMemory({ path, embedder, reembed: true })
      const { records, pending } = await memory.stats()
      expect(records).toBe(1500)
      if (pending > 0) interrupted += 1
      expect(textsOf(await memory.bind(scope).recall('pelican')).length).toBe(10)
      await memory.maintain()
      expect((await memory.stats()).pending).toBe(0)
    }
    await using memory = lancedbMemory({ path, embedder })
    expect(await memory.stats()).toMatchObject({ records: 1500, pending: 0 })
    expect(textsOf(await memory.bind(scope).recall('pelican')).length).toBe(10)
  }
  expect(interrupted).toBeGreaterThan(0)
})

test.each(['2', '4'])('26: a table of format %s is refused, and left as it is', async (version) => {
  const path = join(folder, `format-${version}`)
  const { lance, arrow } = await loadLibrary()
  const connection = await lance.connect(path)
  await connection.createEmptyTable('records', makeSchema(arrow, new Map([['opspawn.memory', version]])))
  connection.close()
  const files = (): readonly string[] => readdirSync(join(path, 'records.lance'), { recursive: true }).map(String).toSorted()
  const before = files()
  await using memory = lancedbMemory({ path })
  for (const call of [memory.stats(), memory.bind({ tenant: 't' }).append([fact('x')]), memory.maintain()])
    await expect(call).rejects.toMatchObject({
      code: 'MEMORY_MISMATCH',
      message: expect.stringContaining(`has version "${version}", this memory reads 3`) as string,
    })
  expect(files()).toEqual(before)
})

/** A process whose files cannot grow, as on a full disk, from the second append on: first there is no room for rows, then none for a commit, then none for the lock. */
const FULL = `
import { spawnSync } from 'node:child_process'
import { lancedbMemory } from ${MODULE}
const limit = (bytes) => {
  const { status } = spawnSync('prlimit', ['--pid', String(process.pid), '--fsize=' + bytes + ':unlimited'])
  if (status !== 0) throw new Error('prlimit failed')
}
const memory = lancedbMemory({ path: process.argv[1] })
const handle = memory.bind({ tenant: 't' })
await handle.append([{ kind: 'fact', id: 'a', text: 'first umbrella' }, { kind: 'fact', id: 'b', text: 'second umbrella' }])
await handle.list()
const faults = []
for (const bytes of [600, 1500, 0]) {
  limit(bytes)
  for (const call of [() => handle.append([{ kind: 'fact', id: 'c', text: 'third' }]), () => handle.update('a', { text: 'changed' }), () => handle.forget({ ids: ['b'] }, 'erase')])
    faults.push(await call().then(() => 'done', (error) => [error.code, error.details?.reason, error.message.includes('lock')]))
}
const read = [(await handle.list()).records.map(({ text }) => text), (await handle.recall('umbrella')).items.length]
limit('unlimited')
await handle.append([{ kind: 'fact', id: 'c', text: 'third' }])
await memory.maintain()
process.stdout.write(JSON.stringify({ faults, read, after: (await handle.list()).records.map(({ id, seq }) => id + seq) }))
await memory[Symbol.asyncDispose]()
`

test.runIf(process.platform === 'linux')(
  '27: on a full disk every write is refused with a code, what is there can be read, and it takes up again',
  async () => {
    const program = ['--input-type=module', '-e', FULL, '--', join(folder, 'full')]
    const { stdout } = await promisify(execFile)(process.execPath, program)
    const [table, lock] = [false, true].map((ofLock) => ['MEMORY_FAILED', 'write', ofLock])
    expect(JSON.parse(stdout)).toEqual({
      faults: [table, table, table, table, table, table, lock, lock, lock],
      read: [['first umbrella', 'second umbrella'], 2],
      after: ['a1', 'b2', 'c3'],
    })
  },
)

function sizeOf(path: string): { readonly files: number; readonly bytes: number } {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((file) => file.isFile())
  return { files: files.length, bytes: files.reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0) }
}

test('28: over ten thousand single appends files stay bounded, also while upkeep fails; that is told, and made up for', async () => {
  const path = join(folder, 'many')
  const { lance } = await loadLibrary()
  let payload = 0
  await using memory = lancedbMemory({ path })
  const handle = memory.bind({ tenant: 't' })
  const appendMany = async (count: number): Promise<void> => {
    let next = 0
    await Promise.all(
      Array.from({ length: 64 }, async () => {
        while (next < count) {
          const text = `sentence number ${(next += 1)} of quite a few that somebody said`
          payload += text.length
          await handle.append([fact(text)])
          // Who reads has what was written put into the table.
          if (next % 64 === 0) await handle.get(['nothing'])
        }
      }),
    )
  }
  await appendMany(1000)
  const connection = await lance.connect(path)
  const prototype = Object.getPrototypeOf(await connection.openTable('records')) as typeof lance.Table.prototype
  connection.close()
  const broken = vi.spyOn(prototype, 'optimize').mockRejectedValue(new Error('no space left'))
  try {
    await appendMany(4000)
    const { upkeep, failures } = await memory.stats()
    expect(Number((upkeep as { readonly failures: number }).failures)).toBeGreaterThan(0)
    expect(failures).toBeGreaterThan(0)
  } finally {
    broken.mockRestore()
  }
  const runs = async (): Promise<number> => Number(((await memory.stats())['upkeep'] as { readonly runs: number }).runs)
  const before = await runs()
  await appendMany(5000)
  // After failures in a row upkeep rests for seconds.
  const hasRun = async (): Promise<boolean> => {
    await appendMany(1)
    return (await runs()) > before
  }
  await vi.waitUntil(hasRun, { timeout: 60_000, interval: 100 })
  await memory.maintain()
  const { files, bytes } = sizeOf(path)
  // Every commit writes three; there were at least 157.
  expect(files).toBeLessThan(200)
  expect(bytes).toBeLessThan(payload * 40)
  expect((await memory.stats()).records).toBeGreaterThan(10_000)
  const records = await listAll(handle, undefined, 1000)
  expect(records.map((record) => record.seq)).toEqual(records.map((_, at) => at + 1))
})
