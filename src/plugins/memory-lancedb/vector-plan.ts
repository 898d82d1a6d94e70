import { VECTOR } from './arrow-table.ts'
import { startingWith } from './predicate.ts'
import type { RecordTable } from './table.ts'
import {
  ENOUGH,
  ROUNDING,
  buildIndex,
  dropIndex,
  piecesOf,
  storedPlan,
  throughIndex,
  vectorsIn,
  type SearchPlan,
} from './vector-index.ts'

type MeasuredPlan = Extract<SearchPlan, { readonly kind: 'some' }>

/** From the cheapest on. */
const TRIALS: readonly (readonly [probes: number, refine: number])[] = [
  [10, 2],
  [20, 2],
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
const GOLDEN = (Math.sqrt(5) - 1) / 2
/**
 * Bytes of vectors for which there is an index of all. Fewer are compared as fast without; what LanceDB keeps in memory must hold
 * more than one, since a folding makes another, and at 147 MiB of 1,000 tenants it was no gain.
 */
const BYTES: Readonly<{ least: number; most: number }> = { least: 6_291_456, most: 134_217_728 }
/** Pieces of an index of all beyond which it is built anew: so many foldings. */
const PIECES = 8

/**
 * Sees that there is the index of vectors that there should be: where a tenant has more than are compared one by one, one that
 * is searched in part, measured, and built anew when all have doubled; otherwise one of all where that is quicker than none.
 */
export async function planVectors(table: RecordTable, exactUpTo: number, bytes: typeof BYTES = BYTES): Promise<void> {
  const column = await table.vectors()
  if (column === undefined) return
  const plan = storedPlan(column)
  const total = await table.count()
  const least = Math.max(exactUpTo + 1, plan?.kind === 'some' ? plan.rows * 2 : 0)
  if (total >= least && (await hasLargeTenant(table, total, exactUpTo))) {
    const rows = await vectorsIn(table)
    if (rows >= least) return planSome(table, rows, plan)
  }
  if (plan?.kind === 'some') return
  const size = total * column.size * Float32Array.BYTES_PER_ELEMENT
  if (size <= bytes.most) await planAll(table, plan !== undefined, size >= bytes.least)
  else if (plan !== undefined) await dropIndex(table)
}

async function planSome(table: RecordTable, rows: number, before: SearchPlan | undefined): Promise<void> {
  // Nobody may search the new index as the one that it takes the place of.
  if (before?.kind === 'all') await table.say(undefined)
  await buildIndex(table, 'some')
  await table.say(JSON.stringify(await calibrate(table, rows)))
}

async function planAll(table: RecordTable, isSaid: boolean, isWorthIt: boolean): Promise<void> {
  const pieces = isSaid ? await piecesOf(table) : 0
  if (pieces > 0 ? pieces <= PIECES : !isWorthIt) return
  const isBuilt = await buildIndex(table, 'all')
  if (isBuilt && !isSaid) await table.say(JSON.stringify({ kind: 'all' } satisfies SearchPlan))
}

async function calibrate(table: RecordTable, rows: number): Promise<MeasuredPlan> {
  // One after the other: each comparison with all holds much memory, and several at once take longer than in turn.
  const samples: { readonly vector: Float32Array; readonly truth: readonly number[] }[] = []
  for (const vector of await sampleOf(table)) samples.push({ vector, truth: await nearest(table, vector, undefined) })
  let plan: MeasuredPlan = { kind: 'some', probes: 0, refine: 0, recall: 0, rows }
  for (const [probes, refine] of TRIALS) {
    let sum = 0
    for (const { vector, truth } of samples) sum += share(await nearest(table, vector, { ...plan, probes, refine }), truth)
    const recall = sum / samples.length
    plan = { ...plan, probes, refine, recall }
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

async function nearest(table: RecordTable, vector: Float32Array, plan: MeasuredPlan | undefined): Promise<readonly number[]> {
  const rows = await table.read((query) => {
    const search = query.nearestTo(vector).column(VECTOR).distanceType('cosine').select(['key', '_distance']).limit(NEAREST)
    return throughIndex(search, plan, true)
  })
  return rows.map((row) => row['_distance'] as number)
}
