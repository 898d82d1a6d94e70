import { execFile, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { fact, listAll, testEmbedder } from '../../testing/memory-world.ts'
import { seededRandom } from '../../testing/seeded.ts'
import { memoryPaths } from '../../../test/fixtures/file-memories.ts'
import { inProcessMemory } from './index.ts'

const source = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href)
const MODULE = source('index.ts')
const paths = memoryPaths()
const newPath = (name: string): string => {
  mkdirSync(join(paths.folder, name))
  return join(paths.folder, name, 'memory.jsonl')
}

/** Runs a program until it has said so many lines, and some milliseconds more; gives what it said. */
async function killed(program: string, given: readonly string[], lines: number, afterMs: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, '--', ...given], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise<void>((resolve) => void child.once('exit', () => resolve()))
  const said: string[] = []
  for await (const line of createInterface({ input: child.stdout }))
    if (said.push(line) === lines) setTimeout(() => child.kill('SIGKILL'), afterMs)
  await exited
  expect(child.signalCode).toBe('SIGKILL')
  return said
}

/** Appends and erases without end, each erasure writing the file anew, and says what was acknowledged. */
const WRITER = `
import { inProcessMemory } from ${MODULE}
const [path, run] = process.argv.slice(1)
const memory = inProcessMemory({ path })
const handle = memory.bind({ tenant: 't', session: 's' })
const scratch = memory.bind({ tenant: 't', session: 'scratch' })
for (let at = 0; ; at += 1) {
  const ids = [0, 1, 2].map((n) => 'r' + run + '-' + at + '-' + n)
  await handle.append(ids.map((id) => ({ id, kind: 'fact', text: 'kept ' + id + ' word'.repeat(300) })))
  for (const id of ids) console.log('kept ' + id)
  await scratch.append([{ kind: 'fact', text: 'marker-' + run + '-' + at + '.' }])
  await scratch.forget('all', 'erase')
  console.log('gone marker-' + run + '-' + at + '.')
}
`

test('21, 22: killed twenty times between writes and while the file is written anew, it has what was acknowledged and not what was erased', async () => {
  const path = newPath('killed')
  const random = seededRandom(22)
  const said: string[] = []
  for (let turn = 0; turn < 20; turn += 1)
    said.push(...(await killed(WRITER, [path, `${turn}`], 1 + Math.floor(random() * 40), random() * 20)))
  const told = (what: string): readonly string[] =>
    said.flatMap((line) => (line.startsWith(what) ? [line.slice(what.length)] : []))
  await using memory = inProcessMemory({ path })
  const records = await listAll(memory.bind({ tenant: 't', session: 's' }), undefined, 1000)
  const ids = records.map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(told('kept ').length).toBeGreaterThan(60)
  expect(told('kept ').filter((id) => !ids.includes(id))).toEqual([])
  expect(records.map(({ seq }) => seq)).toEqual(records.map((_, at) => at + 1))
  const bytes = readFileSync(path, 'latin1')
  expect(told('gone ').filter((marker) => bytes.includes(marker))).toEqual([])
  await memory.bind({ tenant: 't', session: 'scratch' }).forget('all', 'erase')
  expect(readFileSync(path, 'latin1')).not.toContain('marker-')
  // A file that was being written beside it when a process was killed goes with the next one that is written.
  expect(readdirSync(join(paths.folder, 'killed'))).toEqual(['memory.jsonl'])
})

const REEMBEDDER = `
import { inProcessMemory } from ${MODULE}
import { testEmbedder } from ${source('../../testing/memory-world.ts')}
const [path, embedder] = process.argv.slice(1)
const memory = inProcessMemory({ path, embedder: testEmbedder(embedder), reembed: true })
console.log('begun')
for (;;) await memory.maintain()
`

test('22: killed while vectors are made anew, it has all records, and the next one makes them', async () => {
  const path = newPath('reembedded')
  const random = seededRandom(23)
  {
    await using memory = inProcessMemory({ path, embedder: testEmbedder('e') })
    await memory.bind({ tenant: 't' }).append(Array.from({ length: 1500 }, (_, at) => fact(`pelican ${at}`)))
  }
  for (let round = 0; round < 5; round += 1) {
    await killed(REEMBEDDER, [path, `e${round}`], 1, random() * 120)
    const embedder = testEmbedder(`e${round}`)
    {
      await using memory = inProcessMemory({ path, embedder, reembed: true })
      expect((await memory.bind({ tenant: 't' }).recall('pelican')).items.length).toBe(10)
      await memory.maintain()
    }
    await using memory = inProcessMemory({ path, embedder })
    expect(await memory.stats()).toMatchObject({ records: 1500, pending: 0 })
  }
})

/** A process whose files cannot grow, as on a full disk, from the second append on. */
const FULL = `
import { spawnSync } from 'node:child_process'
import { inProcessMemory } from ${MODULE}
const limit = (bytes) => {
  const { status } = spawnSync('prlimit', ['--pid', String(process.pid), '--fsize=' + bytes + ':unlimited'])
  if (status !== 0) throw new Error('prlimit failed')
}
const path = process.argv[1]
const memory = inProcessMemory({ path })
const handle = memory.bind({ tenant: 't' })
await handle.append([{ kind: 'fact', id: 'a', text: 'first umbrella' }, { kind: 'fact', id: 'b', text: 'second umbrella' }])
limit(0)
const faults = []
for (const call of [() => handle.append([{ kind: 'fact', id: 'c', text: 'third' }]), () => handle.update('a', { text: 'changed' }), () => handle.forget({ ids: ['b'] }, 'erase')])
  faults.push(await call().then(() => 'done', (error) => [error.code, error.details?.reason]))
const texts = async (one) => (await one.bind({ tenant: 't' }).list()).records.map(({ text }) => text)
const read = [await texts(memory), (await handle.recall('umbrella')).items.length]
limit('unlimited')
await handle.append([{ kind: 'fact', id: 'c', text: 'third' }])
const after = await texts(memory)
await memory[Symbol.asyncDispose]()
const again = inProcessMemory({ path })
process.stdout.write(JSON.stringify({ faults, read, after, again: await texts(again) }))
`

test.runIf(process.platform === 'linux')(
  '27: on a full disk every write is refused with a code and changes nothing, and it takes up again',
  async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', FULL, '--', newPath('full')])
    const fault = ['MEMORY_FAILED', 'write']
    const kept = ['first umbrella', 'second umbrella', 'third']
    expect(JSON.parse(stdout)).toEqual({
      faults: [fault, fault, fault],
      read: [kept.slice(0, 2), 2],
      after: kept,
      again: kept,
    })
  },
)
