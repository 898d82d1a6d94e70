import { OpspawnError, type MemoryRecord, type Recall } from '../../core/index.ts'
import { assembleRecall, embedQuery, encodeScope, type Leg, type RecallCall } from '../../remembering/index.ts'
import { VECTOR } from './arrow-table.ts'
import type { Row } from './columns.ts'
import { markedWords, placeOf } from './rows.ts'
import type { LancedbParts } from './options.ts'
import { withOrder } from './listing.ts'
import { ofTenant } from './predicate.ts'
import { createSearch, gather, recordsBy, type Search } from './search.ts'
import type { VectorColumn } from './format.ts'
import type { RecordTable } from './table.ts'
import { ROUNDING, throughIndex, usablePlan } from './vector-index.ts'

/** What a recall needs besides the call. */
export interface RecallContext {
  readonly table: RecordTable
  readonly parts: LancedbParts
  readonly signal: AbortSignal | undefined
  /** The embedder failed. */
  readonly noteFailure: () => void
}

/** Answers a checked recall. */
export async function recallFrom(context: RecallContext, call: RecallCall): Promise<Recall> {
  const { table, parts, signal, noteFailure } = context
  const now = parts.now()
  const [{ vector, degraded }, column] = await Promise.all([
    embedQuery(parts.embedder, call, signal, noteFailure),
    parts.embedder === undefined ? undefined : table.vectors(),
  ])
  if (vector !== undefined && column !== undefined && column.size !== vector.length) {
    const problem = `has vectors of ${column.size} numbers, and the embedder gives ${vector.length}`
    throw new OpspawnError('MEMORY_MISMATCH', `${parts.path} ${problem}`)
  }
  const search = createSearch(table, call, now)
  const found = await Promise.all([
    call.words.length > 0 ? byWords(search) : undefined,
    vector === undefined
      ? undefined
      : column === undefined
        ? NONE
        : byVector(search, vector, await hasMany(context, call, column)),
  ])
  const legs = found.filter((leg) => leg !== undefined)
  return assembleRecall(call, {
    legs: legs.length > 0 ? legs : [await latest(search)],
    degraded,
    now,
    countTokens: parts.countTokens,
    around: (records, before, after) => around(search, records, before, after),
  })
}

/** No record has a vector yet. */
const NONE: Leg = { name: 'vector', hits: [] }

async function byWords(search: Search): Promise<Leg> {
  const { table, call } = search
  const { MatchQuery } = table.library.lance
  const words = [...new Set(markedWords(call.scope.tenant, call.words))].join(' ')
  const hits = await gather(
    search,
    (where, columns, limit) =>
      table.read((query) => {
        const matching = query.fullTextSearch(new MatchQuery(words, 'words')).where(where)
        return matching.select([...columns, '_score']).limit(limit)
      }),
    (row) => row['_score'] as number,
  )
  return { name: 'lexical', hits }
}

/** The order of the latest. */
const LATEST = [
  { columnName: 'happenedAt', ascending: false },
  { columnName: 'id', ascending: true },
  { columnName: 'seq', ascending: true },
]

async function latest(search: Search): Promise<Leg> {
  const hits = await gather(
    search,
    (where, columns, limit) =>
      search.table.read((query) => query.where(where).orderBy(LATEST).select(withOrder(columns, LATEST)).limit(limit)),
    (_, rank) => 1 / (1 + rank),
  )
  return { name: 'latest', hits }
}

/** Whether the tenant has so many vectors that an index that is searched in part is made for it. */
async function hasMany({ table, parts }: RecallContext, { scope }: RecallCall, column: VectorColumn): Promise<boolean> {
  return usablePlan(column)?.kind === 'some' && (await table.countOnce(ofTenant(scope.tenant))) > parts.exactUpTo
}

/** The nearest by cosine: all of a tenant's vectors compared, or the index where there are very many. */
async function byVector(search: Search, vector: Float32Array, isMany: boolean): Promise<Leg> {
  const hits = await gather(
    search,
    async (where, columns, limit) => {
      const rows = await search.table.readVectors((query, column) => {
        // Rows without a vector are never given; to ask for those that have one would be to read all vectors first.
        const nearest = query.nearestTo(vector).column(VECTOR).distanceType('cosine').where(where)
        return throughIndex(nearest, usablePlan(column), isMany)
          .select([...columns, '_distance'])
          .limit(limit)
      })
      return levelled(rows)
    },
    (row) => 1 - (row['_distance'] as number),
  )
  return { name: 'vector', hits: hits.filter(({ score }) => score > ROUNDING) }
}

/** Rows, the nearest first, with one distance for those that differ by rounding alone: their order is not LanceDB's to make. */
function levelled(rows: readonly Row[]): readonly Row[] {
  let [before, level] = [-1, -1]
  return rows.map((row) => {
    const distance = row['_distance'] as number
    if (distance - before > ROUNDING) level = distance
    before = distance
    return { ...row, _distance: level }
  })
}

async function around(
  search: Search,
  records: readonly MemoryRecord[],
  before: number,
  after: number,
): Promise<readonly MemoryRecord[]> {
  const places = new Set<string>()
  for (const { scope, seq } of records) {
    const key = encodeScope(scope)
    for (let offset = -before; offset <= after; offset += 1) if (offset !== 0) places.add(placeOf(key, seq + offset))
  }
  return [...(await recordsBy(search, 'place', [...places])).values()]
}
