import type { MemoryRecord, MemoryScope } from '../../core/index.ts'
import {
  compareRecords,
  compareText,
  encodeScope,
  lexicalIndex,
  timeOf,
  topK,
  vectorIndex,
  wordsOf,
  type Hit,
  type LexicalIndex,
  type Scan,
  type Scored,
  type VectorIndex,
} from '../../remembering/index.ts'

/** The records of one scope. */
export interface Shelf {
  readonly scope: MemoryScope
  readonly key: string
  /** The highest `seq` ever given here. */
  lastSeq: number
  readonly byId: Map<string, number>
  readonly bySeq: Map<number, number>
  /** In rising order; of those that were dropped too. */
  readonly seqs: number[]
}

/** Whether a record may be returned. */
export type Accept = (record: MemoryRecord) => boolean

/** All records of one tenant, and the indexes over them: nothing of another tenant is in the same structure. */
export interface Segment {
  readonly size: number
  /** Numbers of each vector; undefined while there is none. */
  readonly dims: number | undefined
  /** The shelf of a scope; made when it is not there. */
  shelf(scope: MemoryScope): Shelf
  /** In the order of their keys. */
  shelves(): readonly Shelf[]
  at(slot: number): MemoryRecord
  find(scope: MemoryScope, id: string): MemoryRecord | undefined
  /** Puts a record in, or in the place of the one with its id. Without a vector it keeps the one it has, if its text is the same. */
  put(record: MemoryRecord, vector?: Float32Array): void
  drop(record: MemoryRecord): void
  vectorOf(record: MemoryRecord): Float32Array | undefined
  byWords(words: readonly string[], accept: Accept, limit: number): readonly Hit[]
  byVector(vector: Float32Array, accept: Accept, limit: number): readonly Hit[]
  latest(accept: Accept, limit: number): readonly Hit[]
}

/** Dropped places are kept until they are this many, and half of all. */
const MIN_DEAD = 1024

/** What a segment is made of. */
interface Tables {
  readonly shelves: Map<string, Shelf>
  /** Keys of scopes, which are frozen and many fewer than records. */
  readonly keys: WeakMap<MemoryScope, string>
  readonly scan: Scan
  records: (MemoryRecord | undefined)[]
  words: LexicalIndex
  vectors: VectorIndex | undefined
  /** Slots without a record. */
  dead: number
}

function noRecords(): Omit<Tables, 'shelves' | 'keys' | 'scan'> {
  return { records: [], words: lexicalIndex(), vectors: undefined, dead: 0 }
}

function keyOf({ keys }: Tables, scope: MemoryScope): string {
  let key = keys.get(scope)
  if (key === undefined) keys.set(scope, (key = encodeScope(scope)))
  return key
}

function shelfOf(tables: Tables, scope: MemoryScope): Shelf {
  const { shelves } = tables
  const key = keyOf(tables, scope)
  let shelf = shelves.get(key)
  if (shelf === undefined) {
    shelf = { scope, key, lastSeq: 0, byId: new Map(), bySeq: new Map(), seqs: [] }
    shelves.set(key, shelf)
  }
  return shelf
}

function insert(tables: Tables, record: MemoryRecord, vector: Float32Array | undefined): void {
  const slot = tables.records.push(record) - 1
  tables.words.add(slot, wordsOf(record.text))
  if (vector !== undefined) (tables.vectors ??= vectorIndex(vector.length, tables.scan)).set(slot, vector)
  const shelf = shelfOf(tables, record.scope)
  shelf.byId.set(record.id, slot)
  shelf.bySeq.set(record.seq, slot)
  shelf.lastSeq = Math.max(shelf.lastSeq, record.seq)
  insertSorted(shelf.seqs, record.seq)
}

function take(tables: Tables, slot: number): void {
  tables.words.remove(slot, wordsOf((tables.records[slot] as MemoryRecord).text))
  tables.vectors?.remove(slot)
  tables.records[slot] = undefined
  tables.dead += 1
}

/** Builds everything anew, so that nothing is left of what was dropped, words included. */
function rebuild(tables: Tables): void {
  const { records, vectors, shelves } = tables
  const last = new Map([...shelves.values()].map((shelf) => [shelf.key, shelf.lastSeq]))
  shelves.clear()
  Object.assign(tables, noRecords())
  records.forEach((record, slot) => {
    if (record !== undefined) insert(tables, record, vectors?.get(slot))
  })
  for (const shelf of shelves.values()) shelf.lastSeq = Math.max(shelf.lastSeq, last.get(shelf.key) ?? 0)
}

/** Makes an empty segment. The scan may be shared: a search uses it from its beginning to its end, and waits for nothing. */
export function createSegment(scan: Scan): Segment {
  const tables: Tables = { shelves: new Map(), keys: new WeakMap(), scan, ...noRecords() }
  const at = (slot: number): MemoryRecord => tables.records[slot] as MemoryRecord
  const order = (left: number, right: number): number => compareRecords(at(left), at(right))
  const toHits = (scored: readonly Scored[]): readonly Hit[] => scored.map(({ slot, score }) => ({ record: at(slot), score }))
  const slotOf = (scope: MemoryScope, id: string): number | undefined => tables.shelves.get(keyOf(tables, scope))?.byId.get(id)

  return {
    get size() {
      return tables.records.length - tables.dead
    },
    get dims() {
      return tables.vectors?.dims
    },
    shelf: (scope) => shelfOf(tables, scope),
    shelves: () => [...tables.shelves.values()].toSorted((left, right) => compareText(left.key, right.key)),
    at,
    find(scope, id) {
      const slot = slotOf(scope, id)
      return slot === undefined ? undefined : at(slot)
    },
    put(record, vector) {
      const slot = slotOf(record.scope, record.id)
      if (slot !== undefined && at(slot).text === record.text && vector === undefined) {
        tables.records[slot] = record
        return
      }
      if (slot !== undefined) take(tables, slot)
      insert(tables, record, vector)
    },
    drop(record) {
      const slot = slotOf(record.scope, record.id)
      if (slot === undefined) return
      const shelf = shelfOf(tables, record.scope)
      take(tables, slot)
      shelf.byId.delete(record.id)
      shelf.bySeq.delete(record.seq)
      const { records, dead } = tables
      if (records.length === dead || (dead >= MIN_DEAD && dead * 2 > records.length)) rebuild(tables)
    },
    vectorOf(record) {
      const slot = slotOf(record.scope, record.id)
      return slot === undefined ? undefined : tables.vectors?.get(slot)
    },
    byWords: (query, accept, limit) => toHits(tables.words.search(query, (slot) => accept(at(slot)), limit, order)),
    byVector(vector, accept, limit) {
      const scored = tables.vectors?.search(vector, (slot) => accept(at(slot)), limit, order) ?? []
      return toHits(scored.filter(({ score }) => score > 0))
    },
    latest(accept, limit) {
      const best = topK(limit, order)
      tables.records.forEach((record, slot) => {
        if (record !== undefined && accept(record)) best.offer(slot, timeOf(record))
      })
      return best.sorted().map(({ slot }, rank) => ({ record: at(slot), score: 1 / (1 + rank) }))
    },
  }
}

function insertSorted(seqs: number[], seq: number): void {
  let low = seqs.length
  while (low > 0 && (seqs[low - 1] as number) >= seq) low -= 1
  if (seqs[low] !== seq) seqs.splice(low, 0, seq)
}
