import { OpspawnError, type MemoryRecord, type Recall } from '../../core/index.ts'
import { assembleRecall, embedQuery, encodeScope, type Leg, type RecallCall } from '../../remembering/index.ts'
import { VECTOR } from './arrow-table.ts'
import { markedWords, placeOf } from './columns.ts'
import type { LancedbParts } from './options.ts'
import { ofTenant } from './predicate.ts'
import { createSearch, gather, recordsBy, type Search } from './search.ts'
import type { RecordTable } from './table.ts'
import type { SearchPlan } from './vector-plan.ts'

/** What a recall needs besides the call. */
export interface RecallContext {
  readonly table: RecordTable
  readonly parts: LancedbParts
  /** How the index of vectors is to be searched; undefined where there is none that is good enough. */
  readonly plan: SearchPlan | undefined
  readonly signal: AbortSignal | undefined
  /** The embedder failed. */
  readonly noteFailure: () => void
}

/** Answers a checked recall. */
export async function recallFrom(context: RecallContext, call: RecallCall): Promise<Recall> {
  const { table, parts, signal, noteFailure } = context
  const now = parts.now()
  const [{ vector, degraded }, size] = await Promise.all([
    embedQuery(parts.embedder, call, signal, noteFailure),
    parts.embedder === undefined ? undefined : table.vectorSize(),
  ])
  if (vector !== undefined && size !== undefined && size !== vector.length) {
    const problem = `has vectors of ${size} numbers, and the embedder gives ${vector.length}`
    throw new OpspawnError('MEMORY_MISMATCH', `${parts.path} ${problem}`)
  }
  const search = createSearch(table, call, now)
  const found = await Promise.all([
    call.words.length > 0 ? byWords(search) : undefined,
    vector === undefined ? undefined : size === undefined ? NONE : byVector(search, context, vector),
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
      search.table.read((query) =>
        query
          .where(where)
          .orderBy(LATEST)
          .select([...columns])
          .limit(limit),
      ),
    (_, rank) => 1 / (1 + rank),
  )
  return { name: 'latest', hits }
}

/** The nearest by cosine: all of a tenant's vectors compared, or the index where there are very many. */
async function byVector(search: Search, { parts, plan }: RecallContext, vector: Float32Array): Promise<Leg> {
  const { table, call } = search
  const isMany = plan !== undefined && (await table.count(ofTenant(call.scope.tenant))) > parts.exactUpTo
  const hits = await gather(
    search,
    (where, columns, limit) =>
      table.read((query) => {
        // Rows without a vector are never given; to ask for those that have one would be to read all vectors first.
        const nearest = query.nearestTo(vector).column(VECTOR).distanceType('cosine').where(where)
        const how = isMany ? nearest.nprobes(plan.probes).refineFactor(plan.refine) : nearest.bypassVectorIndex()
        return how.select([...columns, '_distance']).limit(limit)
      }),
    (row) => 1 - (row['_distance'] as number),
  )
  return { name: 'vector', hits: hits.filter(({ score }) => score > 0) }
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
