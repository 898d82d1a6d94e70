import { VECTOR } from './arrow-table.ts'
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
const NEAREST = 64
const ENOUGH = 0.95
/** Distances are sums of 32-bit numbers, in whatever order. */
const ROUNDING = 1e-6
const MARK = 'opspawn.plan'

/**
 * Builds the index of vectors where there are enough of them, and anew when they have doubled, and measures how it must be searched.
 * Gives the plan; undefined where comparing all is better.
 */
export async function planVectors(table: RecordTable, exactUpTo: number): Promise<SearchPlan | undefined> {
  if ((await table.vectorSize()) === undefined) return undefined
  const rows = await table.count(`${VECTOR} IS NOT NULL`)
  const kept = await storedPlan(table)
  if (rows <= exactUpTo || (kept !== undefined && rows < kept.rows * 2)) return usable(kept)
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
  const samples = await sampleOf(table, rows)
  const truths = await Promise.all(samples.map((vector) => nearest(table, vector, undefined)))
  let plan: SearchPlan = { probes: 0, refine: 0, recall: 0, rows }
  for (const [probes, refine] of TRIALS) {
    const answers = await Promise.all(samples.map((vector) => nearest(table, vector, { probes, refine })))
    const shares = answers.map((answer, at) => share(answer, truths[at] as readonly number[]))
    const recall = shares.reduce((sum, one) => sum + one, 0) / shares.length
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

async function sampleOf(table: RecordTable, rows: number): Promise<readonly Float32Array[]> {
  const vectors: Float32Array[] = []
  for (let at = 0; at < SAMPLE; at += 1) {
    const offset = Math.floor((rows / SAMPLE) * at)
    const where = `${VECTOR} IS NOT NULL`
    for (const row of await table.read((query) => query.where(where).select([VECTOR]).limit(1).offset(offset)))
      vectors.push(Float32Array.from(row[VECTOR] as unknown as Iterable<number>))
  }
  return vectors
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
