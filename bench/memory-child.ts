// The child process of `memory`: recall and bulk writing of the in-process memory beside the same by hand, as JSON.
import MiniSearch from 'minisearch'
import { inProcessMemory, type InProcessMemoryOptions } from 'opspawn/plugins/memory-in-process'
import type { EmbeddingModel, MemoryEntry, MemoryHandle, RecallOptions } from 'opspawn'
import { seeded } from './seeded.ts'
import { quantile } from './statistics.ts'

const rows = 10_000
const dims = 384
const queries = 200
const warm = 40
const builds = 5
/** Records that a recall gives where nothing else is said. */
const wanted = 10

/** So that every machine has the same texts. */
const random = seeded(20_261_120)

/** Few words are in many texts, most in few, as in a language. */
const vocabulary = Array.from({ length: 20_000 }, (_, index) => `w${index.toString(36)}x`)
const word = (): string => vocabulary[Math.floor(vocabulary.length ** random()) - 1] as string
const sentence = (least: number, most: number): string =>
  Array.from({ length: least + Math.floor(random() * (most - least)) }, word).join(' ')

function unit(): Float32Array {
  const vector = Float32Array.from({ length: dims }, () => random() - 0.5)
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}

const texts = Array.from({ length: rows }, () => sentence(10, 30))
const asked = Array.from({ length: queries }, () => sentence(4, 10))
const vectors = new Map<string, Float32Array>()
for (const text of [...texts, ...asked]) vectors.set(text, unit())
const vectorOf = (text: string): Float32Array => vectors.get(text) as Float32Array
const entries: readonly MemoryEntry[] = texts.map((text, index) => ({
  id: `row-${index}`,
  kind: 'fact',
  text,
  metadata: { topic: index % 10, source: 'bench' },
}))
/** Lets nine of ten rows through. */
const filter = { op: 'ne', field: 'metadata.topic', value: 3 } as const

const embedder: EmbeddingModel = {
  provider: 'bench',
  modelId: 'random',
  maxEmbeddingsPerCall: 2_048,
  doEmbed: async ({ values }) => ({
    embeddings: values.map((value) => [...vectorOf(value)]),
    warnings: [],
  }),
}

/** Medians of some ways to answer, asked in turn, in milliseconds. */
async function answering(ways: Readonly<Record<string, (query: string) => unknown>>): Promise<Record<string, number>> {
  const times = new Map(Object.keys(ways).map((name) => [name, [] as number[]]))
  for (const [index, query] of asked.entries()) {
    for (const [name, ask] of Object.entries(ways)) {
      const from = performance.now()
      await ask(query)
      if (index >= warm) times.get(name)?.push(performance.now() - from)
    }
  }
  return Object.fromEntries([...times].map(([name, all]) => [name, quantile(all, 0.5)]))
}

/** Medians of some ways to take all texts in, in turn, in seconds. */
async function building(ways: Readonly<Record<string, () => unknown>>): Promise<Record<string, number>> {
  const times = new Map(Object.keys(ways).map((name) => [name, [] as number[]]))
  for (let round = 0; round < builds; round += 1) {
    for (const [name, build] of Object.entries(ways)) {
      const from = performance.now()
      await build()
      times.get(name)?.push((performance.now() - from) / 1_000)
    }
  }
  return Object.fromEntries([...times].map(([name, all]) => [name, quantile(all, 0.5)]))
}

/** Exact search by hand: every vector, one after the other; gives the nearest. */
function nearest(slab: Float32Array, query: Float32Array): number {
  let best = 0
  let bestScore = -Infinity
  for (let row = 0; row < rows; row += 1) {
    let score = 0
    for (let at = 0, from = row * dims; at < dims; at += 1) score += (slab[from + at] as number) * (query[at] as number)
    if (score <= bestScore) continue
    best = row
    bestScore = score
  }
  return best
}

function miniSearch(): MiniSearch {
  const index = new MiniSearch({ fields: ['text'] })
  index.addAll(texts.map((text, id) => ({ id, text })))
  return index
}

async function filled(options: InProcessMemoryOptions): Promise<MemoryHandle> {
  const handle = inProcessMemory(options).bind({ tenant: 'bench' })
  await handle.append(entries)
  return handle
}

async function recalled(handle: MemoryHandle, query: string, options?: RecallOptions): Promise<void> {
  const { items } = await handle.recall(query, options)
  if (items.length !== wanted) throw new Error(`a recall gave ${items.length} records instead of ${wanted}`)
}

const slab = new Float32Array(rows * dims)
for (const [row, text] of texts.entries()) slab.set(vectorOf(text), row * dims)
const byVector = await filled({ embedder })
const byWords = await filled({})
const mini = miniSearch()
const figures = {
  ...(await answering({
    'floor recall-vector': (query) => nearest(slab, vectorOf(query)),
    'opspawn recall-vector': (query) => recalled(byVector, query, { filter }),
    'floor recall-words': (query) => mini.search(query).slice(0, wanted),
    'opspawn recall-words': (query) => recalled(byWords, query),
  })),
  ...(await building({ 'floor remember-bulk': miniSearch, 'opspawn remember-bulk': () => filled({}) })),
}
process.stdout.write(JSON.stringify(figures), () => process.exit(0))
