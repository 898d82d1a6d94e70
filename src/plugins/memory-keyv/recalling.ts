import type { MemoryFilter, MemoryPage, MemoryRecord, MemoryScope, Recall } from '../../core/index.ts'
import {
  assembleRecall,
  candidateCount,
  compareRecords,
  encodeScope,
  isCurrent,
  isExpired,
  isInReach,
  lexicalIndex,
  matches,
  readCursor,
  wordsOf,
  writeCursor,
  type Hit,
  type Leg,
  type LexicalIndex,
  type ListCall,
  type RecallCall,
} from '../../remembering/index.ts'
import type { Library } from './library.ts'
import type { KeyvMemoryParts } from './options.ts'

/** Records to recall from: of one scope, or of several. */
interface Corpus {
  /** By scope, each in the order of places. */
  readonly records: ReadonlyMap<MemoryScope, readonly MemoryRecord[]>
  readonly words: () => LexicalIndex
  /** The record of a slot of the words. */
  readonly at: (slot: number) => MemoryRecord
}

/** Answers a checked recall. */
export async function recallIn(
  library: Library,
  call: RecallCall,
  parts: KeyvMemoryParts,
  signal?: AbortSignal,
): Promise<Recall> {
  if (call.across.length === 0)
    return library.use(call.scope, { signal }, async (shelf) => {
      const { records, words, at } = await shelf.read()
      return answer({ records: new Map([[shelf.scope, records]]), words, at }, call, parts)
    })
  const records = new Map<MemoryScope, readonly MemoryRecord[]>()
  for (const scope of await inReach(library, call))
    await library.use(scope, { signal }, async (shelf) => void records.set(shelf.scope, [...(await shelf.read()).records]))
  return answer(joined(records), call, parts)
}

/** Scopes of a tenant that a read sees. */
async function inReach(
  library: Library,
  { scope, across }: Pick<RecallCall, 'scope' | 'across'>,
): Promise<readonly MemoryScope[]> {
  return (await library.scopes(scope.tenant)).filter((other) => isInReach(other, scope, across))
}

/** Several scopes are indexed for the one call: their words are rare or frequent among all of them. */
function joined(records: ReadonlyMap<MemoryScope, readonly MemoryRecord[]>): Corpus {
  const all = [...records.values()].flat()
  return {
    records,
    at: (slot) => all[slot] as MemoryRecord,
    words() {
      const index = lexicalIndex()
      all.forEach((record, slot) => index.add(slot, wordsOf(record.text)))
      return index
    },
  }
}

function answer(corpus: Corpus, call: RecallCall, { now, countTokens }: KeyvMemoryParts): Promise<Recall> {
  const time = now()
  const { filter, asOf } = call
  const accept = (record: MemoryRecord): boolean =>
    isCurrent(record, time, asOf) && (filter === undefined || matches(filter, record))
  const limit = candidateCount(call)
  const leg: Leg =
    call.words.length === 0
      ? { name: 'latest', hits: latest(corpus, accept, limit) }
      : { name: 'lexical', hits: byWords(corpus, call.words, accept, limit) }
  const around = (records: readonly MemoryRecord[], before: number, after: number): readonly MemoryRecord[] =>
    records.flatMap((record) => beside(corpus, record, before, after).filter(accept))
  return assembleRecall(call, { legs: [leg], degraded: [], now: time, countTokens, around })
}

type Accept = (record: MemoryRecord) => boolean

function byWords({ words, at }: Corpus, query: readonly string[], accept: Accept, limit: number): readonly Hit[] {
  const order = (left: number, right: number): number => compareRecords(at(left), at(right))
  const found = words().search(query, (slot) => accept(at(slot)), limit, order)
  return found.map(({ slot, score }) => ({ record: at(slot), score }))
}

function latest({ records }: Corpus, accept: Accept, limit: number): readonly Hit[] {
  const all = [...records.values()].flat().filter(accept)
  return all
    .sort(compareRecords)
    .slice(0, limit)
    .map((record, rank) => ({ record, score: 1 / (1 + rank) }))
}

function beside({ records }: Corpus, record: MemoryRecord, before: number, after: number): readonly MemoryRecord[] {
  const own = records.get(record.scope) ?? []
  const found: MemoryRecord[] = []
  for (let at = placeOf(own, record.seq - before); at < own.length; at += 1) {
    const other = own[at] as MemoryRecord
    if (other.seq > record.seq + after) break
    if (other.seq !== record.seq) found.push(other)
  }
  return found
}

/** Where the records from a place on begin. */
function placeOf(records: readonly MemoryRecord[], seq: number): number {
  let [low, high] = [0, records.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((records[middle] as MemoryRecord).seq < seq) low = middle + 1
    else high = middle
  }
  return low
}

/** Answers a checked listing: scope by scope, in the order of recording. */
export async function listFrom(
  library: Library,
  call: ListCall,
  now: number,
  signal: AbortSignal | undefined,
): Promise<MemoryPage> {
  const { seq: afterSeq, scope: afterKey } = readCursor(call.cursor)
  const records: MemoryRecord[] = []
  const { filter, limit } = call
  const least = seqFloor(filter)
  const scopes = call.across.length === 0 ? [call.scope] : await inReach(library, call)
  for (const scope of scopes) {
    const key = encodeScope(scope)
    if (key < afterKey) continue
    const from = Math.max(least, key === afterKey ? afterSeq + 1 : 1)
    const isFull = await library.use(scope, { signal }, async (shelf) => {
      const { records: all } = await shelf.read()
      for (let at = placeOf(all, from); at < all.length; at += 1) {
        const record = all[at] as MemoryRecord
        if (isExpired(record, now) || (filter !== undefined && !matches(filter, record))) continue
        if (records.length === limit) return true
        records.push(record)
      }
      return false
    })
    const last = records.at(-1)
    if (isFull && last !== undefined) return { records, cursor: writeCursor({ scope: encodeScope(last.scope), seq: last.seq }) }
  }
  return { records }
}

/** A place that no record before it fits the filter: a listing of the latest need not go through all. */
function seqFloor(filter: MemoryFilter | undefined): number {
  if (filter?.op === 'and') return Math.max(1, ...filter.filters.map(seqFloor))
  return (filter?.op === 'gt' || filter?.op === 'gte') && filter.field === 'seq' ? (filter.value as number) : 1
}
