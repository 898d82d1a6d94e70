// The child process of `lancedb`: a part of it as JSON. `lancedb-child.ts <part> <folder> [rows] [dims]`; the caller removes the folder.
import { join } from 'node:path'
import { Index, rerankers, type Table, type VectorQuery } from '@lancedb/lancedb'
import type { Memory } from 'opspawn'
import { cloudOf, madeBeforehand, sentence, tenNearest, wordless } from './lancedb-data.ts'
import {
  ASKED,
  QUERIES,
  answering,
  dims,
  fillOurs,
  fillRaw,
  folder,
  milliseconds,
  ourMemory,
  part,
  random,
  rawTable,
  rows,
  sizeOf,
  textOf,
} from './lancedb-setup.ts'
import { million, tenants } from './lancedb-tenants.ts'
import { median } from './statistics.ts'

const BUILDS = 5

/** P3, P7: words and vectors over all rows. */
async function hybrid(): Promise<Record<string, number>> {
  const cloud = madeBeforehand(cloudOf(dims, true), rows)
  const texts = Array.from({ length: rows }, (_, at) => textOf(at))
  const fill = (table: Table): Promise<number> =>
    milliseconds(() =>
      fillRaw(table, rows, (at) => ({ key: `row-${at}`, tenant: 't', text: texts[at] as string, vector: cloud.vector(at) })),
    )
  const fillMemory = async (one: Memory): Promise<number> => {
    const handle = one.bind({ tenant: 't' })
    // The others are open too.
    await handle.list({})
    return milliseconds(() => fillOurs(handle, rows, (at) => texts[at] as string))
  }
  const filled: Record<'floor' | 'opspawn', number[]> = { floor: [], opspawn: [] }
  for (let build = 1; build < BUILDS; build += 1) {
    filled.floor.push(await fill(await rawTable(`raw-${build}`)))
    await using other = ourMemory(cloud, `ours-${build}`)
    filled.opspawn.push(await fillMemory(other))
  }
  // The second as ours is: folded, and asked for one tenant, of which there is an index.
  const [raw, apart] = [await rawTable(), await rawTable('apart')]
  filled.floor.push(await fill(raw))
  await fill(apart)
  await apart.optimize()
  await apart.createIndex('tenant')
  for (const table of [raw, apart]) await table.createIndex('text', { config: Index.fts({ withPosition: false }) })
  await using memory = ourMemory(cloud)
  const handle = memory.bind({ tenant: 't' })
  filled.opspawn.push(await fillMemory(memory))
  await memory.maintain()
  const rrf = await rerankers.RRFReranker.create()
  const queries = Array.from({ length: ASKED }, (_, at) => `${QUERIES + at} ${sentence(random, 4, 10)}`)
  const hybridOf = (table: Table, at: number): VectorQuery =>
    table
      .query()
      .fullTextSearch(queries[at] as string)
      .nearestTo(cloud.vector(QUERIES + at))
      .distanceType('cosine')
      .rerank(rrf)
      .select(['key', 'text'])
      .limit(10)
  const times = await answering({
    floor: (at) => hybridOf(raw, at).toArray(),
    apart: (at) => hybridOf(apart, at).where("tenant = 't'").toArray(),
    opspawn: (at) => handle.recall(queries[at] as string),
  })
  return {
    'floor lance-hybrid': times['floor'] as number,
    'opspawn lance-hybrid': times['opspawn'] as number,
    'floor lance-hybrid-apart': times['apart'] as number,
    'opspawn lance-hybrid-apart': times['opspawn'] as number,
    'floor lance-bulk': median(filled.floor) / 1_000,
    'opspawn lance-bulk': median(filled.opspawn) / 1_000,
  }
}

/** On a busy machine LanceDB gives up where several add at once: whoever uses it tries again. */
async function insistently(work: () => Promise<unknown>): Promise<void> {
  for (;;)
    try {
      await work()
      return
    } catch (error) {
      if (!(error instanceof Error && /Commit conflict|Too many concurrent writers/.test(error.message))) throw error
    }
}

/** P4: single appends, sixteen in flight. */
async function appends(): Promise<Record<string, number>> {
  const cloud = madeBeforehand(cloudOf(dims, true), rows + 1)
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
    insistently(() => raw.add([{ key: `row-${at}`, tenant: 't', text: texts[at] as string, vector: cloud.vector(at) }])),
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
