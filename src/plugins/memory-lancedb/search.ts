import type { MemoryRecord } from '../../core/index.ts'
import { candidateCount, compareRecords, compareText, type Hit, type RecallCall } from '../../remembering/index.ts'
import { RECORD, type Row } from './columns.ts'
import { recordReader } from './rows.ts'
import { acceptor, all, chunks, quoteAll, reachable, recallable } from './predicate.ts'
import type { RecordTable } from './table.ts'

/** Gets rows of some columns that a predicate lets through, the best first. */
export type Fetch = (where: string, columns: readonly string[], limit: number) => Promise<readonly Row[]>
/** How well a row fits; `rank` counts from 0. */
export type Score = (row: Row, rank: number) => number

/** What the legs of one recall share. */
export interface Search {
  readonly table: RecordTable
  readonly call: RecallCall
  /** What the recall may return, and perhaps more. */
  readonly where: string
  /** The same, and what it may not return any more or not yet: an index alone tells that. */
  readonly wider: string
  readonly accept: (record: MemoryRecord) => boolean
  readonly read: (row: Row) => MemoryRecord
}

/** Hits that are asked for beyond those that are wanted, to see whether the last one has equals. */
const SPARE = 16
/** Hits beyond which equals of the last one are no longer looked for. */
const MANY = 4096
/** What the order of equals goes by. */
const ORDER_COLUMNS: readonly string[] = ['key', 'happenedAt', 'id', 'seq']

/** Makes what the legs share. */
export function createSearch(table: RecordTable, call: RecallCall, now: number): Search {
  const where = recallable(call, now)
  const wider = call.asOf === undefined ? reachable(call) : where
  return { table, call, where, wider, accept: acceptor(call, now), read: recordReader() }
}

/** The records of some keys or places that the recall may return, by key. */
export async function recordsBy(
  { table, where, accept, read }: Search,
  column: 'key' | 'place',
  values: readonly string[],
): Promise<ReadonlyMap<string, MemoryRecord>> {
  const found = new Map<string, MemoryRecord>()
  for (const part of chunks(values)) {
    const condition = all(where, `${column} IN (${quoteAll(part)})`)
    const rows = await table.read((query) => query.where(condition).select(['key', RECORD]))
    for (const row of rows) {
      const record = read(row)
      if (accept(record)) found.set(row['key'] as string, record)
    }
  }
  return found
}

/**
 * The best that are accepted. Where LanceDB's predicate let too many others through, or where the last one that is wanted may have
 * equals that were cut (which of them come must not depend on the order of writing), rows are first ordered without their texts.
 */
export async function gather(search: Search, fetch: Fetch, score: Score): Promise<readonly Hit[]> {
  const wanted = candidateCount(search.call)
  const limit = wanted + SPARE
  // To look at each row's time takes a third as long as all the rest; most rows hold now.
  for (const where of new Set([search.wider, search.where])) {
    const rows = await fetch(where, [RECORD], limit)
    const hits = rows
      .map((row, rank) => ({ record: search.read(row), score: score(row, rank) }))
      .filter(({ record }) => search.accept(record))
      .toSorted((left, right) => right.score - left.score || compareRecords(left.record, right.record))
    const last = hits[wanted - 1]
    if (rows.length < limit || (last !== undefined && last.score > score(rows.at(-1) as Row, limit - 1)))
      return hits.slice(0, wanted)
    // None was refused: what cannot be told apart are equals.
    if (hits.length === limit) break
  }
  return gatherMore(search, fetch, score, wanted)
}

async function gatherMore(search: Search, fetch: Fetch, score: Score, wanted: number): Promise<readonly Hit[]> {
  for (let limit = MANY; ; limit *= 4) {
    const rows = await fetch(search.where, ORDER_COLUMNS, limit)
    const ordered = rows.map((row, rank) => ({ row, score: score(row, rank) })).toSorted(compareScored)
    const accepted: Hit[] = []
    for (let from = 0; from < ordered.length && accepted.length < wanted; from += wanted)
      accepted.push(...(await acceptedOf(search, ordered.slice(from, from + wanted))))
    if (accepted.length >= wanted || rows.length < limit) return accepted.slice(0, wanted)
  }
}

interface Scored {
  readonly row: Row
  readonly score: number
}

async function acceptedOf(search: Search, scored: readonly Scored[]): Promise<readonly Hit[]> {
  const keys = scored.map(({ row }) => row['key'] as string)
  const records = await recordsBy(search, 'key', keys)
  return scored.flatMap(({ row, score }) => {
    const record = records.get(row['key'] as string)
    return record === undefined ? [] : [{ record, score }]
  })
}

/** The order of hits, of rows. */
function compareScored(left: Scored, right: Scored): number {
  return (
    right.score - left.score ||
    (right.row['happenedAt'] as number) - (left.row['happenedAt'] as number) ||
    compareText(left.row['id'] as string, right.row['id'] as string) ||
    (left.row['seq'] as number) - (right.row['seq'] as number)
  )
}
