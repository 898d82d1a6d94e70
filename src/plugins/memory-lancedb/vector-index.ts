import type { IndexConfig, VectorQuery } from '@lancedb/lancedb'
import { VECTOR } from './arrow-table.ts'
import type { VectorColumn } from './format.ts'
import type { RecordTable } from './table.ts'

/**
 * How the index of vectors is searched.
 *
 * @property kind `all`: every vector is compared, as it would be without the index, which LanceDB can keep in memory, while
 * it reads the column anew for each search. `some`: the nearest parts are looked into, as far as was measured to be enough.
 * @property probes Parts of the index that are looked into.
 * @property refine How many times more candidates are compared exactly than are wanted.
 * @property recall Share of the true 64 nearest, as many as a recall looks at, that was found in the sample.
 * @property rows Vectors when it was built.
 */
export type SearchPlan =
  | Readonly<{ kind: 'all' }>
  | Readonly<{ kind: 'some'; probes: number; refine: number; recall: number; rows: number }>

/** More parts than an index that is searched as a whole will ever be split into. */
const ALL = 65_536
/** Distances that differ by less are the same: they are sums of 32-bit numbers in whatever order, in the index of rounded vectors. */
export const ROUNDING = 1e-5
/** What must be found for an index to be used. */
export const ENOUGH = 0.95

/** How the index is searched, as the table says, maybe written by another process; undefined where there is none. */
export function storedPlan(column: VectorColumn | undefined): SearchPlan | undefined {
  return column?.plan === undefined ? undefined : (JSON.parse(column.plan) as SearchPlan)
}

/** The same; undefined also where it finds too little even at its best. */
export function usablePlan(column: VectorColumn | undefined): SearchPlan | undefined {
  const plan = storedPlan(column)
  return plan?.kind === 'some' && plan.recall < ENOUGH ? undefined : plan
}

/** Has a query go through the index, as the plan says. An index of `some` is for `isMany` only: fewer are compared one by one. */
export function throughIndex(query: VectorQuery, plan: SearchPlan | undefined, isMany: boolean): VectorQuery {
  if (plan?.kind === 'all') return query.nprobes(ALL)
  return plan !== undefined && isMany ? query.nprobes(plan.probes).refineFactor(plan.refine) : query.bypassVectorIndex()
}

/** Builds the index anew, from the vectors that are there now, for whoever says afterwards how to search it. Without any it goes; gives whether it is there. */
export async function buildIndex(table: RecordTable, kind: SearchPlan['kind']): Promise<boolean> {
  if ((await vectorsIn(table)) === 0) {
    await dropIndex(table)
    return false
  }
  const { Index } = table.library.lance
  // Four bits for each number: with one, five times as many candidates had to be compared exactly for the same recall (0054). LanceDB
  // takes multiples of eight only; vectors of other sizes are kept as they are.
  const isWhole = ((await table.vectors())?.size ?? 0) % 8 === 0
  const config =
    kind === 'all'
      ? Index.ivfFlat({ distanceType: 'cosine', numPartitions: 1 })
      : isWhole
        ? Index.ivfRq({ distanceType: 'cosine', numBits: 4 })
        : Index.ivfFlat({ distanceType: 'cosine' })
  await table.ask('write', (inner) => inner.createIndex(VECTOR, { config, replace: true }))
  return true
}

/** Builds the index anew, if there is one, of the kind that it is; one of which nobody said how to search it goes. */
export async function renewIndex(table: RecordTable): Promise<void> {
  if ((await indexOf(table)) === undefined) return
  const plan = storedPlan(await table.vectors())
  await (plan === undefined ? dropIndex(table) : buildIndex(table, plan.kind))
}

/** Takes the index away, and what is said of it afterwards: a search that still goes by that compares all without it. */
export async function dropIndex(table: RecordTable): Promise<void> {
  const index = await indexOf(table)
  if (index !== undefined) await table.ask('write', (inner) => inner.dropIndex(index.name))
  await table.say(undefined)
}

/** The pieces that the index is in: each folding adds one, and files whose rows are in different pieces are not joined. */
export async function piecesOf(table: RecordTable): Promise<number> {
  const index = await indexOf(table)
  if (index === undefined) return 0
  return (await table.ask('read', (inner) => inner.indexStats(index.name)))?.numIndices ?? 0
}

/** Vectors in the table. To count what is missing is to read none of them. */
export async function vectorsIn(table: RecordTable): Promise<number> {
  return (await table.count()) - (await table.count(`${VECTOR} IS NULL`))
}

async function indexOf(table: RecordTable): Promise<IndexConfig | undefined> {
  return (await table.ask('read', (inner) => inner.listIndices())).find((index) => index.columns.includes(VECTOR))
}
