import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listAll, textsOf } from '../../testing/memory-world.ts'
import { seededRandom } from '../../testing/seeded.ts'
import { lancedbMemory } from './index.ts'

const MODULE = JSON.stringify(new URL('index.ts', import.meta.url).href)
let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'opspawn-lancedb-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const run = (program: string, ...values: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
  // Node 22 says of its own SQLite, in which the ledger stands, that it is experimental.
  promisify(execFile)(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    '--input-type=module',
    '-e',
    program,
    '--',
    ...values,
  ])

/** Appends without end, with updates and upkeep in between, and says what was acknowledged. */
const WRITER = `
import { lancedbMemory } from ${MODULE}
const [path, run] = process.argv.slice(1)
const memory = lancedbMemory({ path })
const handle = memory.bind({ tenant: 't', session: 's' })
for (let at = 0; ; at += 1) {
  const ids = [0, 1, 2].map((n) => 'r' + run + '-' + at + '-' + n)
  await handle.append(ids.map((id) => ({ id, kind: 'fact', text: 'kept word' + id.replaceAll('-', 'x') })))
  for (const id of ids) console.log(id)
  if (at % 3 === 1) await handle.update(ids[0], { metadata: { at } })
  if (at % 4 === 2) void memory.maintain()
  if (at % 5 === 3) void handle.forget({ ids: ['nothing'] }, 'erase')
}
`

test('21: killed twenty times in writes, upkeep and erasures, it has all that was acknowledged, once, and in order', async () => {
  const path = join(folder, 'killed')
  const random = seededRandom(21)
  const acknowledged: string[] = []
  for (let turn = 0; turn < 20; turn += 1) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, '--', path, `${turn}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = new Promise<void>((resolve) => void child.once('exit', () => resolve()))
    let left = 1 + Math.floor(random() * 40)
    for await (const id of createInterface({ input: child.stdout })) {
      acknowledged.push(id)
      left -= 1
      if (left === 0) child.kill('SIGKILL')
    }
    await exited
    expect(child.signalCode).toBe('SIGKILL')
  }
  await using memory = lancedbMemory({ path })
  const handle = memory.bind({ tenant: 't', session: 's' })
  const records = await listAll(handle, undefined, 1000)
  const ids = new Set(records.map((record) => record.id))
  expect(ids.size).toBe(records.length)
  expect(acknowledged.filter((id) => !ids.has(id))).toEqual([])
  // At each kill one append may have been under way.
  expect(records.length).toBeLessThanOrEqual(acknowledged.length + 20 * 6)
  expect(records.map((record) => record.seq)).toEqual(Array.from({ length: records.length }, (_, at) => at + 1))
  for (const id of acknowledged.filter((_, at) => at % 17 === 0))
    expect(textsOf(await handle.recall(`word${id.replaceAll('-', 'x')}`, { budget: { items: 1 } }))).toEqual([
      `kept word${id.replaceAll('-', 'x')}`,
    ])
  await memory.maintain()
  expect(await listAll(handle, undefined, 1000)).toEqual(records)
})

test.for(['records.lance', 'records.lance/_versions'])(
  'a table that somebody has begun to make, with %s and nothing in it, is made',
  async (begun) => {
    const path = join(folder, begun.replace('/', '-'))
    mkdirSync(join(path, begun), { recursive: true })
    await using memory = lancedbMemory({ path })
    const handle = memory.bind({ tenant: 't', session: 's' })
    await handle.append([{ id: 'one', kind: 'fact', text: 'kept' }])
    expect(textsOf(await handle.recall('kept'))).toEqual(['kept'])
  },
)

const SHARER = `
import { lancedbMemory } from ${MODULE}
const [path, own] = process.argv.slice(1)
const memory = lancedbMemory({ path })
const handle = memory.bind({ tenant: 't', session: 's' })
const shared = Array.from({ length: 30 }, (_, at) => (at * 7 + Number(own) * 11) % 30)
const receipts = await Promise.all([
  ...shared.map((at) => handle.append([{ id: 'shared ' + at, kind: 'fact', text: 'text ' + at }])),
  ...[0, 1, 2, 3, 4].map((at) => handle.append([{ id: 'own ' + own + ' ' + at, kind: 'fact', text: 'own ' + at }])),
])
const race = await handle.append([{ id: 'race', kind: 'fact', text: 'by ' + own }]).then(() => 'won', (error) => error.code)
if (own === '1') await memory.maintain()
console.log(JSON.stringify([receipts.flatMap((receipt) => receipt.outcomes).filter((one) => one.status === 'inserted').length, race]))
await memory[Symbol.asyncDispose]()
`

test('9: three processes that append the same thirty ids, and others, keep each once, with places without gaps', async () => {
  const path = join(folder, 'shared')
  const outputs = await Promise.all(['0', '1', '2'].map((own) => run(SHARER, path, own)))
  const told = outputs.map(({ stdout }) => JSON.parse(stdout) as [number, string])
  expect(told.reduce((sum, [inserted]) => sum + inserted, 0)).toBe(45)
  expect(told.map(([, race]) => race).toSorted()).toEqual(['MEMORY_CONFLICT', 'MEMORY_CONFLICT', 'won'])
  expect(outputs.map(({ stderr }) => stderr)).toEqual(['', '', ''])
  await using memory = lancedbMemory({ path })
  const records = await listAll(memory.bind({ tenant: 't', session: 's' }), undefined, 1000)
  expect(records.map((record) => record.seq)).toEqual(Array.from({ length: 46 }, (_, at) => at + 1))
  expect(new Set(records.map((record) => record.id)).size).toBe(46)
})

const QUIET = `
import { lancedbMemory } from ${MODULE}
const embedder = { provider: 'p', modelId: 'm', async doEmbed({ values }) { return { embeddings: values.map((value) => [1, value.length, value.charCodeAt(0)]) } } }
const memory = lancedbMemory({ path: process.argv[1], embedder })
const handle = memory.bind({ tenant: 't' })
for (let at = 0; at < 40; at += 1) await handle.append([{ kind: 'message', text: 'turn ' + at + ' of many' }])
await memory.maintain()
for (let at = 0; at < 1000; at += 5) await Promise.all([0, 1, 2, 3, 4].map((n) => handle.recall('turn ' + (at + n))))
console.log((await memory.stats()).records)
`

test('30: a thousand recalls say nothing on stderr, and the process ends by itself, closed or not', async () => {
  const { stdout, stderr } = await run(QUIET, join(folder, 'quiet'))
  expect([stdout, stderr]).toEqual(['40\n', ''])
})

/** A process in which a package cannot be found, or has no binary. */
const missing = (pattern: string, message: string): string => `
import { registerHooks } from 'node:module'
registerHooks({
  resolve(specifier, context, next) {
    if (${pattern}.test(specifier)) throw Object.assign(new Error(${message}), { code: 'ERR_MODULE_NOT_FOUND' })
    return next(specifier, context)
  },
})
const { lancedbMemory } = await import(${MODULE})
const memory = lancedbMemory({ path: process.argv[1] })
const error = await memory.stats().catch((thrown) => thrown)
const again = await memory.bind({ tenant: 't' }).append([{ kind: 'fact', text: 'x' }]).catch((thrown) => thrown)
console.log(JSON.stringify([error.code, error.message, again.code]))
`

test.each([
  [
    'LanceDB',
    missing('/^@lancedb.lancedb$/', "`Cannot find package '${specifier}' imported from x`"),
    'npm install @lancedb/lancedb',
  ],
  ['Arrow', missing('/^apache-arrow$/', "`Cannot find module '${specifier}'`"), 'npm install @lancedb/lancedb'],
  [
    'its binary',
    missing('/^@lancedb.lancedb-|[.]node$/', "`Cannot find module '${specifier}'`"),
    `binary of @lancedb/lancedb for ${process.platform}-${process.arch}`,
  ],
])('29: without %s the first call says what to install', async (_, program, part) => {
  const { stdout } = await run(program, join(folder, 'missing'))
  const [code, message, again] = JSON.parse(stdout) as string[]
  expect([code, again]).toEqual(['PLUGIN_PACKAGE_MISSING', 'PLUGIN_PACKAGE_MISSING'])
  expect(message).toContain(part)
})
