import { VECTOR } from './arrow-table.ts'
import { startingWith } from './predicate.ts'
import type { RecordTable } from './table.ts'

/**
 * How an index of vectors is searched so that it finds what comparing all would.
 *
 * @property probes Parts of the index that are looked into.
 * @property refine How many times more candidates are compared exactly than are wanted.
 * @property recall Share of the true 64 nearest, as many as a recall looks at, that was found in the sample.
 * @property rows Vectors when it was built.
 */
export type SearchPlan = Readonly<{ probes: number; refine: number; recall: number; rows: number }>

/** From the cheapest on. */
const TRIALS: readonly (readonly [probes: number, refine: number])[] = [
  [20, 5],
  [20, 10],
  [40, 20],
  [80, 50],
  [160, 100],
]
const SAMPLE = 20
/** Rows whose tenants are looked at, and tenants that are counted. */
const TENANTS_SEEN = 256
const TENANTS_COUNTED = 16
const NEAREST = 64
const ENOUGH = 0.95
/** Distances are sums of 32-bit numbers, in whatever order. */
const ROUNDING = 1e-6
const MARK = 'opspawn.plan'
const GOLDEN = (Math.sqrt(5) - 1) / 2

/**
 * Builds the index of vectors where a tenant has more than are compared one by one, and anew when all have doubled, and measures how
 * it must be searched. Gives the plan; undefined where comparing all of a tenant's is better.
 */
export async function planVectors(table: RecordTable, exactUpTo: number): Promise<SearchPlan | undefined> {
  if ((await table.vectorSize()) === undefined) return undefined
  const kept = await storedPlan(table)
  const least = Math.max(exactUpTo + 1, (kept?.rows ?? 0) * 2)
  const total = await table.count()
  if (total < least || !(await hasLargeTenant(table, total, exactUpTo))) return usable(kept)
  // To count what is missing is to read no vectors.
  const rows = total - (await table.count(`${VECTOR} IS NULL`))
  if (rows < least) return usable(kept)
  await buildIndex(table)
  const plan = await calibrate(table, rows)
  const metadata = { [MARK]: JSON.stringify(plan) }
  await table.ask('write', (inner) => inner.updateFieldMetadata([{ path: VECTOR, metadata }]))
  return usable(plan)
}

/** Whether there is an index of vectors. */
export async function hasVectorIndex(table: RecordTable): Promise<boolean> {
  return (await table.ask('read', (inner) => inner.listIndices())).some((index) => index.columns.includes(VECTOR))
}

/** Builds the index anew, from the vectors that are there now. */
export async function buildIndex(table: RecordTable): Promise<void> {
  const { Index } = table.library.lance
  // One bit for each number, in whole bytes; vectors of other sizes are kept as they are.
  const isWhole = ((await table.vectorSize()) ?? 0) % 8 === 0
  const config = isWhole ? Index.ivfRq({ distanceType: 'cosine' }) : Index.ivfFlat({ distanceType: 'cosine' })
  await table.ask('write', (inner) => inner.createIndex(VECTOR, { config, replace: true }))
}

/** An index that finds too little even at its best is not used. */
function usable(plan: SearchPlan | undefined): SearchPlan | undefined {
  return plan !== undefined && plan.recall >= ENOUGH ? plan : undefined
}

/** The plan that was made before, maybe by another process. */
export async function knownPlan(table: RecordTable): Promise<SearchPlan | undefined> {
  return usable(await storedPlan(table))
}

async function storedPlan(table: RecordTable): Promise<SearchPlan | undefined> {
  if (!(await hasVectorIndex(table))) return undefined
  const field = (await table.ask('read', (inner) => inner.schema())).fields.find(({ name }) => name === VECTOR) as
    | { readonly metadata: Map<string, string> }
    | undefined
  const text = field?.metadata.get(MARK)
  return text === undefined ? undefined : (JSON.parse(text) as SearchPlan)
}

async function calibrate(table: RecordTable, rows: number): Promise<SearchPlan> {
  // One after the other: each comparison with all holds much memory, and several at once take longer than in turn.
  const samples: { readonly vector: Float32Array; readonly truth: readonly number[] }[] = []
  for (const vector of await sampleOf(table)) samples.push({ vector, truth: await nearest(table, vector, undefined) })
  let plan: SearchPlan = { probes: 0, refine: 0, recall: 0, rows }
  for (const [probes, refine] of TRIALS) {
    let sum = 0
    for (const { vector, truth } of samples) sum += share(await nearest(table, vector, { probes, refine }), truth)
    const recall = sum / samples.length
    plan = { probes, refine, recall, rows }
    if (recall >= ENOUGH) break
  }
  return plan
}

/** How many of an answer are as near as the last of the truth: which of equals come is no fault. */
function share(answer: readonly number[], truth: readonly number[]): number {
  const bound = Math.max(...truth) + ROUNDING
  return truth.length === 0 ? 1 : answer.filter((distance) => distance <= bound).length / truth.length
}

async function sampleOf(table: RecordTable): Promise<readonly Float32Array[]> {
  // Some may have no vector yet.
  const rows = await table.take(spread(await table.count(), SAMPLE * 4), [VECTOR])
  const vectors = rows.flatMap((row) => (row[VECTOR] === null ? [] : [row[VECTOR] as unknown as Iterable<number>]))
  const step = Math.max(1, vectors.length / SAMPLE)
  return Array.from({ length: Math.min(SAMPLE, vectors.length) }, (_, at) =>
    Float32Array.from(vectors[Math.floor(at * step)] as Iterable<number>),
  )
}

/** Whether a tenant has more rows than are compared one by one. Looks at tenants of rows from all over the table. */
async function hasLargeTenant(table: RecordTable, total: number, exactUpTo: number): Promise<boolean> {
  const seen = new Map<string, number>()
  for (const { scope } of await table.take(spread(total, TENANTS_SEEN), ['scope'])) {
    const [tenant = ''] = (scope as string).split('/', 1)
    seen.set(tenant, (seen.get(tenant) ?? 0) + 1)
  }
  const often = [...seen].toSorted(([, left], [, right]) => right - left).slice(0, TENANTS_COUNTED)
  for (const [tenant] of often) if ((await table.count(startingWith(tenant))) > exactUpTo) return true
  return false
}

/** Offsets all over so many rows, in order, and not in step with anything. */
function spread(rows: number, most: number): readonly number[] {
  const count = Math.min(rows, most)
  return Array.from({ length: count }, (_, at) => Math.floor(((at + ((at * GOLDEN) % 1)) * rows) / count))
}

async function nearest(
  table: RecordTable,
  vector: Float32Array,
  how: Pick<SearchPlan, 'probes' | 'refine'> | undefined,
): Promise<readonly number[]> {
  const rows = await table.read((query) => {
    const search = query.nearestTo(vector).column(VECTOR).distanceType('cosine').select(['key', '_distance']).limit(NEAREST)
    return how === undefined ? search.bypassVectorIndex() : search.nprobes(how.probes).refineFactor(how.refine)
  })
  return rows.map((row) => row['_distance'] as number)
}
