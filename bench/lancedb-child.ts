// The child process of `lancedb`: a part of it as JSON. `lancedb-child.ts <part> <folder> [rows] [dims]`; the caller removes the folder.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { connect, Index, rerankers, type Table } from '@lancedb/lancedb'
import { Field, FixedSizeList, Float32, Schema, Utf8 } from 'apache-arrow'
import { lancedbMemory } from 'opspawn/plugins/memory-lancedb'
import type { Memory, MemoryHandle } from 'opspawn'
import { seeded } from './seeded.ts'
import { cloudOf, embedderOf, sentence, tenNearest, wordless, type Cloud } from './lancedb-data.ts'
import { quantile } from './statistics.ts'

const [, , part = '', folder = '', rowsText = '10000', dimsText = '384'] = process.argv
const rows = Number(rowsText)
const dims = Number(dimsText)
/** Rows that are given to LanceDB at once, raw or ours. */
const STEP = 5_000
const ASKED = 60
const WARM = 10
const MANY_ASKED = 300
const TENANTS = 1_000
/** Numbers of queries, beyond those of rows. */
const QUERIES = 50_000_000

const random = seeded(20_261_121)
const textOf = (at: number): string => `${at} ${sentence(random, 10, 30)}`

interface Row extends Record<string, unknown> {
  readonly key: string
  readonly tenant: string
  readonly text: string
  readonly vector: Float32Array
}

const median = (values: readonly number[]): number => quantile(values, 0.5)

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work()
  return performance.now() - from
}

/** Medians of some ways to answer, asked in turn. */
async function answering(ways: Readonly<Record<string, (at: number) => Promise<unknown>>>): Promise<Record<string, number>> {
  const times = new Map(Object.keys(ways).map((name) => [name, [] as number[]]))
  for (let at = 0; at < ASKED; at += 1)
    for (const [name, ask] of Object.entries(ways)) {
      const took = await milliseconds(() => ask(at))
      if (at >= WARM) times.get(name)?.push(took)
    }
  return Object.fromEntries([...times].map(([name, all]) => [name, median(all)]))
}

async function rawTable(): Promise<Table> {
  const schema = new Schema([
    ...['key', 'tenant', 'text'].map((name) => new Field(name, new Utf8(), false)),
    new Field('vector', new FixedSizeList(dims, new Field('item', new Float32(), true)), true),
  ])
  return (await connect(join(folder, 'raw'))).createEmptyTable('rows', schema)
}

async function fillRaw(table: Table, count: number, make: (at: number) => Row): Promise<void> {
  for (let from = 0; from < count; from += STEP)
    await table.add(Array.from({ length: Math.min(STEP, count - from) }, (_, at) => make(from + at)))
}

function ourMemory(cloud: Cloud): Memory & AsyncDisposable {
  return lancedbMemory({ path: join(folder, 'ours'), embedder: embedderOf(cloud) })
}

async function fillOurs(handle: MemoryHandle, count: number, text: (at: number) => string): Promise<void> {
  for (let from = 0; from < count; from += STEP)
    await handle.append(
      Array.from(
        { length: Math.min(STEP, count - from) },
        (_, at) => ({ id: `row-${from + at}`, kind: 'fact', text: text(from + at) }) as const,
      ),
    )
}

function sizeOf(path: string): { readonly files: number; readonly bytes: number } {
  const all = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return { files: all.length, bytes: all.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0) }
}

/** P3, P7: words and vectors over all rows. */
async function hybrid(): Promise<Record<string, number>> {
  const cloud = cloudOf(dims, true)
  const texts = Array.from({ length: rows }, (_, at) => textOf(at))
  const raw = await rawTable()
  const rawFilled = await milliseconds(() =>
    fillRaw(raw, rows, (at) => ({ key: `row-${at}`, tenant: 't', text: texts[at] as string, vector: cloud.vector(at) })),
  )
  await raw.createIndex('text', { config: Index.fts({ withPosition: false }) })
  await using memory = ourMemory(cloud)
  const handle = memory.bind({ tenant: 't' })
  const oursFilled = await milliseconds(() => fillOurs(handle, rows, (at) => texts[at] as string))
  await memory.maintain()
  const rrf = await rerankers.RRFReranker.create()
  const queries = Array.from({ length: ASKED }, (_, at) => `${QUERIES + at} ${sentence(random, 4, 10)}`)
  const times = await answering({
    floor: (at) =>
      raw
        .query()
        .fullTextSearch(queries[at] as string)
        .nearestTo(cloud.vector(QUERIES + at))
        .distanceType('cosine')
        .rerank(rrf)
        .select(['key', 'text'])
        .limit(10)
        .toArray(),
    opspawn: (at) => handle.recall(queries[at] as string),
  })
  return {
    'floor lance-hybrid': times['floor'] as number,
    'opspawn lance-hybrid': times['opspawn'] as number,
    'floor lance-bulk': rawFilled / 1_000,
    'opspawn lance-bulk': oursFilled / 1_000,
  }
}

/** P4: single appends, sixteen in flight. */
async function appends(): Promise<Record<string, number>> {
  const cloud = cloudOf(dims, true)
  const texts = Array.from({ length: rows }, (_, at) => textOf(at))
  const payload = texts.reduce((sum, text) => sum + text.length + dims * 4, 0)
  const raw = await rawTable()
  await using memory = ourMemory(cloud)
  const handle = memory.bind({ tenant: 't' })
  await handle.append([{ kind: 'fact', text: `${rows} it opens the memory` }])
  const inFlight = async (work: (at: number) => Promise<unknown>): Promise<number> => {
    let next = 0
    const ms = await milliseconds(() =>
      Promise.all(
        Array.from({ length: 16 }, async () => {
          while (next < rows) await work(next++)
        }),
      ),
    )
    return (rows * 1_000) / ms
  }
  const figures: Record<string, number> = {}
  figures['floor lance-appends'] = await inFlight((at) =>
    raw.add([{ key: `row-${at}`, tenant: 't', text: texts[at] as string, vector: cloud.vector(at) }]),
  )
  figures['opspawn lance-appends'] = await inFlight((at) => handle.append([{ kind: 'fact', text: texts[at] as string }]))
  const note = (name: string, path: string, kind: string): void => {
    const { files, bytes } = sizeOf(join(folder, path))
    figures[`${name} lance-files${kind}`] = files
    figures[`${name} lance-bytes${kind}`] = bytes / payload
  }
  note('floor', 'raw', '')
  note('opspawn', 'ours', '')
  const times = await answering({
    floor: (at) =>
      raw
        .query()
        .nearestTo(cloud.vector(QUERIES + at))
        .distanceType('cosine')
        .select(['key', '_distance'])
        .limit(10)
        .toArray(),
    opspawn: (at) => handle.recall(wordless(QUERIES + at)),
  })
  figures['floor lance-after'] = times['floor'] as number
  figures['opspawn lance-after'] = times['opspawn'] as number
  await raw.optimize()
  await memory.maintain()
  note('floor', 'raw', '-kept')
  note('opspawn', 'ours', '-kept')
  return figures
}

/** P5: recall of one tenant of very many. */
async function tenants(): Promise<Record<string, number>> {
  const cloud = cloudOf(dims, true)
  const raw = await rawTable()
  const each = rows / TENANTS
  const tenantOf = (at: number): string => `tenant-${Math.floor(at / each)}`
  await fillRaw(raw, rows, (at) => ({ key: `row-${at}`, tenant: tenantOf(at), text: textOf(at), vector: cloud.vector(at) }))
  await raw.createIndex('tenant', { config: Index.btree() })
  await raw.optimize()
  await using memory = ourMemory(cloud)
  const figures = await fillAndKeep(memory)
  const times = await answering({
    opspawn: (at: number) => oneTenant(memory, at),
    floor: (at: number) =>
      raw
        .query()
        .nearestTo(cloud.vector(QUERIES + at))
        .distanceType('cosine')
        .where(`tenant = 'tenant-${(at * 37) % TENANTS}'`)
        .select(['key', 'text', '_distance'])
        .limit(10)
        .toArray(),
  })
  for (const [name, value] of Object.entries(times)) figures[`${name} lance-tenant`] = value
  return { ...figures, ...sizes() }
}

/** The large table, ours alone: also while upkeep is at work, and opened again. */
async function million(): Promise<Record<string, number>> {
  const cloud = cloudOf(dims, true)
  let figures: Record<string, number>
  {
    await using memory = ourMemory(cloud)
    figures = await fillAndKeep(memory)
    await tell(figures, 'tenant', memory)
  }
  const again = ourMemory(cloud)
  figures['opspawn lance-open'] = await milliseconds(() => oneTenant(again, 1))
  await tell(figures, 'reopened', again)
  await again[Symbol.asyncDispose]()
  return { ...figures, ...sizes() }
}

/** Takes in the rows of all tenants, eight tenants at a time, and recalls before, during and after upkeep. */
async function fillAndKeep(memory: Memory): Promise<Record<string, number>> {
  const figures: Record<string, number> = {}
  const each = rows / TENANTS
  let next = 0
  const began = performance.now()
  async function fill(): Promise<void> {
    while (next < TENANTS) {
      const tenant = next++
      const entries = Array.from({ length: each }, (_, at) => ({ kind: 'fact', text: textOf(tenant * each + at) }) as const)
      await memory.bind({ tenant: `tenant-${tenant}` }).append(entries)
      const done = (tenant + 1) * each
      const seconds = (performance.now() - began) / 1_000
      if (tenant % 50 === 49) console.error(`${done.toLocaleString('en')} rows, ${Math.round(seconds)} s, ${mebibytes()} MiB`)
    }
  }
  await Promise.all(Array.from({ length: 8 }, fill))
  figures['opspawn lance-insert'] = (performance.now() - began) / 1_000
  figures['opspawn lance-filled'] = mebibytes()
  await tell(figures, 'unkept', memory)
  const from = performance.now()
  let isKept = false
  const keeping = memory.maintain().finally(() => (isKept = true))
  const during: number[] = []
  while (!isKept) during.push(await milliseconds(() => oneTenant(memory, during.length)))
  await keeping
  figures['opspawn lance-maintain'] = (performance.now() - from) / 1_000
  noteTimes(figures, 'during', during)
  return figures
}

async function tell(figures: Record<string, number>, row: string, memory: Memory): Promise<void> {
  const times: number[] = []
  for (let at = 0; at < WARM + MANY_ASKED; at += 1) times.push(await milliseconds(() => oneTenant(memory, at)))
  noteTimes(figures, row, times.slice(WARM))
}

function noteTimes(figures: Record<string, number>, row: string, times: readonly number[]): void {
  figures[`opspawn lance-${row}`] = median(times)
  figures[`opspawn lance-${row}-p99`] = quantile(times, 0.99)
}

function sizes(): Record<string, number> {
  return {
    'opspawn lance-disk': sizeOf(join(folder, 'ours')).bytes / (rows * dims * 4),
    'opspawn lance-rss': mebibytes(),
    'opspawn lance-peak': Math.round(process.resourceUsage().maxRSS / 1_024),
  }
}

async function oneTenant(memory: Memory, at: number): Promise<void> {
  const { items } = await memory.bind({ tenant: `tenant-${(at * 37) % TENANTS}` }).recall(wordless(QUERIES + at))
  if (items.length !== 10) throw new Error(`a recall gave ${items.length} records instead of 10`)
}

const mebibytes = (): number => Math.round(process.memoryUsage.rss() / 2 ** 20)

/** A1, A2: what a recall by vectors alone finds of the ten nearest, with the defaults. */
async function neighbours(isClustered: boolean, row: string): Promise<Record<string, number>> {
  const cloud = cloudOf(dims, isClustered)
  const slab = new Float32Array(rows * dims)
  for (let at = 0; at < rows; at += 1) slab.set(cloud.vector(at), at * dims)
  const vectorOf = (at: number): Float32Array => slab.subarray(at * dims, (at + 1) * dims)
  const raw = await rawTable()
  await fillRaw(raw, rows, (at) => ({ key: `row-${at}`, tenant: 't', text: String(at), vector: vectorOf(at) }))
  await raw.createIndex('vector', { config: Index.ivfPq({ distanceType: 'cosine' }) })
  await using memory = ourMemory(cloud)
  const handle = memory.bind({ tenant: 't' })
  await fillOurs(handle, rows, textOf)
  await memory.maintain()
  const hits: Record<'floor' | 'opspawn', string[][]> = { floor: [], opspawn: [] }
  const times = await answering({
    async floor(at) {
      const nearest = raw
        .query()
        .nearestTo(cloud.vector(QUERIES + at))
        .distanceType('cosine')
      const found = (await nearest.select(['key', '_distance']).limit(10).toArray()) as { key: string }[]
      hits.floor.push(found.map(({ key }) => key))
    },
    async opspawn(at) {
      const { items } = await handle.recall(wordless(QUERIES + at))
      hits.opspawn.push(items.map(({ record }) => record.id))
    },
  })
  const truths = Array.from({ length: ASKED }, (_, at) => tenNearest(slab, dims, cloud.vector(QUERIES + at)))
  const share = (all: readonly (readonly string[])[]): number =>
    all.reduce((sum, ids, at) => sum + ids.filter((id) => truths[at]?.includes(Number(id.slice('row-'.length)))).length, 0) /
    (10 * ASKED)
  const { vectorIndex } = await memory.stats()
  console.error(`${row}: ${JSON.stringify(vectorIndex)}`)
  return {
    [`floor ${row}-found`]: share(hits.floor),
    [`opspawn ${row}-found`]: share(hits.opspawn),
    [`floor ${row}-time`]: times['floor'] as number,
    [`opspawn ${row}-time`]: times['opspawn'] as number,
  }
}

/** S3: ten of all rows are erased, again and again. */
async function erasure(): Promise<Record<string, number>> {
  const cloud = cloudOf(dims, true)
  const raw = await rawTable()
  await fillRaw(raw, rows, (at) => ({ key: `row-${at}`, tenant: 't', text: textOf(at), vector: cloud.vector(at) }))
  await using memory = ourMemory(cloud)
  const handle = memory.bind({ tenant: 't' })
  await fillOurs(handle, rows, textOf)
  await memory.maintain()
  const times: Record<'floor' | 'opspawn', number[]> = { floor: [], opspawn: [] }
  for (let round = 0; round < 3; round += 1) {
    const ids = Array.from({ length: 10 }, (_, at) => `row-${round * 10 + at}`)
    times.floor.push(
      await milliseconds(async () => {
        await raw.delete(`key IN (${ids.map((id) => `'${id}'`).join(', ')})`)
        await raw.optimize({ cleanupOlderThan: new Date() })
      }),
    )
    times.opspawn.push(
      await milliseconds(async () => {
        const { count, verified } = await handle.forget({ ids }, 'erase')
        if (count !== 10 || !verified) throw new Error(`erasing gave ${count}, ${verified}`)
      }),
    )
  }
  return { 'floor lance-erase': median(times.floor) / 1_000, 'opspawn lance-erase': median(times.opspawn) / 1_000 }
}

const parts: Readonly<Record<string, () => Promise<Record<string, number>>>> = {
  hybrid,
  appends,
  tenants,
  million,
  clustered: () => neighbours(true, `lance-${rows}`),
  anywhere: () => neighbours(false, 'lance-random'),
  erasure,
}
const run = parts[part]
if (run === undefined || folder === '')
  throw new Error(`lancedb-child.ts <${Object.keys(parts).join(' | ')}> <folder> [rows] [dims]`)
const figures = await run()
process.stdout.write(JSON.stringify(figures), () => process.exit(0))
