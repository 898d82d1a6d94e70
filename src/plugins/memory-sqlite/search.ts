import type { DatabaseSync } from 'node:sqlite'
import { compareText, dot, topK, type Scored, type VectorCache } from '../../remembering/index.ts'
import type { Vectors } from './embedders.ts'
import type { Condition } from './filter-sql.ts'
import type { Found, MemoryCalls } from './message.ts'
import { acceptable, type Judge } from './reach.ts'
import { ROW, TERM_END, termOf, toRow } from './records.ts'

/** BM25 for short texts such as turns of a conversation, as in every memory. */
const K1 = 0.9
const B = 0.4

/** When a record happened, or was recorded. */
const TIME = 'coalesce(r.occurred_at, r.created_at)'

type Hits = readonly Scored[]

/** What a search goes by: the tenant's number, the condition for what may be found, and how many are wanted. */
interface Search {
  readonly db: DatabaseSync
  readonly tenant: { readonly number: number; readonly records: number; readonly words: number }
  readonly accept: Condition
  readonly limit: number
  /** The order of two records of equal score, given their times. */
  readonly order: (times: ReadonlyMap<number, number>) => (left: number, right: number) => number
}

/** Prepares the search of a recall: each leg gives the best by its own score, equals by time and id. */
export function prepareSearch(db: DatabaseSync, vectors: Vectors, judge: Judge, cache: VectorCache): MemoryCalls['search'] {
  const tenantOf = db.prepare('SELECT number, records, words FROM memory_tenants WHERE name = ?')
  const idOf = db.prepare('SELECT id, seq FROM memory_records WHERE ordinal = ?')
  const row = db.prepare(`SELECT ${ROW} FROM memory_records r JOIN memory_scopes s ON s.number = r.scope WHERE r.ordinal = ?`)
  const order: Search['order'] = (times) => (left, right) => {
    const byTime = (times.get(right) ?? 0) - (times.get(left) ?? 0)
    if (byTime !== 0) return byTime
    const [one, other] = [idOf.get(left), idOf.get(right)]
    return compareText(String(one?.['id']), String(other?.['id'])) || Number(one?.['seq']) - Number(other?.['seq'])
  }
  return (now, call, words, vector, limit) => {
    if (vector !== undefined) vectors.check([vector])
    const found = tenantOf.get(call.scope.tenant)
    const tenant = { number: Number(found?.['number']), records: Number(found?.['records']), words: Number(found?.['words']) }
    const search: Search = { db, tenant, accept: acceptable(now, call, judge), limit, order }
    const legs: (readonly [name: string, hits: Hits])[] = []
    if (words.length > 0) legs.push(['lexical', found === undefined ? [] : byWords(search, words)])
    const space = vectors.known()
    if (vector !== undefined && space !== undefined) legs.push(['vector', byVector(search, cache, space.number, vector)])
    if (legs.length === 0) legs.push(['latest', latest(search)])
    return legs.map(([name, hits]): Found => [
      name,
      hits.map(({ slot, score }) => [score, toRow(row.get(slot) as Record<string, unknown>)] as const),
    ])
  }
}

/** The words that are asked for, as a table: the range of the index, what a word is worth, and where the digits behind it begin. */
const ASKED =
  'asked (at, low, high, idf, digits) AS MATERIALIZED (SELECT key, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?))'
/** Their places in the index. */
const HOLDERS = 'asked CROSS JOIN memory_holders v ON v.term >= asked.low AND v.term < asked.high'
const COUNT = 'CAST(substr(v.term, asked.digits) AS INTEGER)'

/**
 * Sums the shares of all words that a record has, and gives the best. All are ranked within SQLite: a word that stands in every
 * record costs a row of the index and a look at the record for each, and only the best come out.
 */
function byWords({ db, tenant, accept, limit }: Search, words: readonly string[]): Hits {
  const many = db.prepare('SELECT sum(doc) AS doc FROM memory_terms WHERE term >= ? AND term < ?')
  const asked = [...new Set(words.map((word) => termOf(tenant.number, word)))].flatMap((term) => {
    const [end, count] = [term + TERM_END, Number(many.get(term, term + TERM_END)?.['doc'] ?? 0)]
    const idf = Math.log(1 + (tenant.records - count + 0.5) / (count + 0.5))
    return count === 0 ? [] : [[term, end, idf, term.length + 1] as const]
  })
  if (asked.length === 0) return []
  const norm = (K1 * B * tenant.records) / tenant.words
  // The time, the id and the place depend on the record alone, so it does not matter from which of its rows they come.
  const sql = `WITH ${ASKED}, found AS (SELECT v.doc, r.words, ${TIME} AS time, r.id, r.seq, asked.idf, ${COUNT} AS count
      FROM ${HOLDERS} CROSS JOIN memory_records r ON r.ordinal = v.doc WHERE ${accept.sql})
    SELECT doc, words, count FROM found GROUP BY doc
    ORDER BY sum(idf * count * ${K1 + 1} / (count + ${K1 * (1 - B)} + ? * words)) DESC, time DESC, id, seq LIMIT ?`
  const best = db.prepare(sql).all(JSON.stringify(asked), ...accept.values, norm, limit)
  const lengths = new Map(best.map((row) => [Number(row['doc']), Number(row['words'])]))
  // SQLite sums in its own way: what comes out is given exactly the score that it has in every memory.
  const scores = new Map<number, number>()
  for (const { doc, at, count } of asked.length === 1 ? best : countsOf(db, asked, [...lengths.keys()])) {
    const [slot, often, idf] = [Number(doc), Number(count), asked[Number(at ?? 0)]?.[2] ?? 0]
    const weight = often + K1 * (1 - B) + norm * (lengths.get(slot) ?? 0)
    scores.set(slot, (scores.get(slot) ?? 0) + (idf * often * (K1 + 1)) / weight)
  }
  // Equals stay in the order that they came in.
  const hits = Array.from(lengths.keys(), (slot) => ({ slot, score: scores.get(slot) ?? 0 }))
  return hits.toSorted((left, right) => right.score - left.score)
}

/** How often words stand in some records, word by word as they were asked for. */
function countsOf(db: DatabaseSync, asked: readonly unknown[], slots: readonly number[]): readonly Record<string, unknown>[] {
  const sql = `WITH ${ASKED} SELECT v.doc, asked.at, ${COUNT} AS count FROM ${HOLDERS} WHERE v.doc IN (SELECT value FROM json_each(?)) ORDER BY asked.at`
  return db.prepare(sql).all(JSON.stringify(asked), JSON.stringify(slots))
}

/** Every vector is compared, so the nearest are exact. */
function byVector({ db, accept, limit, order }: Search, cache: VectorCache, embedder: number, query: Float32Array): Hits {
  const sql = `SELECT r.ordinal, r.version, ${TIME} FROM memory_records r CROSS JOIN memory_vectors v ON v.record = r.ordinal
    WHERE v.embedder = ? AND ${accept.sql}`
  const accepted = db.prepare(sql)
  accepted.setReturnArrays(true)
  const records = accepted.all(embedder, ...accept.values) as unknown as readonly (readonly [number, number, number])[]
  const times = new Map<number, number>()
  const best = topK(limit, order(times))
  const numbers = Float64Array.from(query)
  cache.each(embedder, query.length, records, ([ordinal, , time], block, offset) => {
    const score = dot(block, offset, numbers)
    if (score <= 0 || score < best.bar) return
    times.set(ordinal, time)
    best.offer(ordinal, score)
  })
  return best.sorted()
}

function latest({ db, accept, limit }: Search): Hits {
  return db
    .prepare(`SELECT r.ordinal FROM memory_records r WHERE ${accept.sql} ORDER BY ${TIME} DESC, r.id, r.seq LIMIT ?`)
    .all(...accept.values, limit)
    .map(({ ordinal }, rank) => ({ slot: Number(ordinal), score: 1 / (1 + rank) }))
}
