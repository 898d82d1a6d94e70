import type { MemoryRecord, MemoryScope } from '../../core/index.ts'
import { entryOf, lexicalIndex, readRecord, wordsOf, type LexicalIndex } from '../../remembering/index.ts'
import type { KeyValues } from './key-values.ts'
import { openSeries, type Series } from './series.ts'
import type { State } from './series-state.ts'

/** The records of one scope, and what they are found by. Used by one call at a time. */
export interface Shelf {
  readonly scope: MemoryScope
  readonly key: string
  readonly series: Series<MemoryRecord>
  /** What is in the store now. `anyway`: without what the store has lost. */
  read(anyway?: boolean): Promise<Reading>
  /** Inserts records, or puts them in the place of those at their places, and drops others. */
  commit(puts: readonly MemoryRecord[], drops: readonly MemoryRecord[]): Promise<void>
  /** Records that are held in this process. */
  readonly size: number
}

/** A scope as it was read. */
export interface Reading extends Pick<Catalog, 'find' | 'words' | 'at'> {
  /** In the order of their places. Copy what is to stay. */
  readonly records: readonly MemoryRecord[]
  readonly last: number
  readonly isNew: boolean
}

/** Makes access to the records of a scope. */
export function openShelf(store: KeyValues, scope: MemoryScope, key: string, storeKey: string, chunk: number): Shelf {
  const series = openSeries<MemoryRecord>({
    store,
    key: storeKey,
    owner: key,
    chunk,
    write: writeRecord,
    read: (item, where) => Object.freeze({ ...readRecord({ ...item, type: 'record', scope }, where), scope }),
  })
  let state: Readonly<State<MemoryRecord>> | undefined
  let catalog = createCatalog()

  return {
    scope,
    key,
    series,
    async read(anyway) {
      const now = await series.contents(anyway)
      if (now !== state || catalog.isWasteful()) {
        catalog = createCatalog()
        for (const record of now.items) catalog.put(record)
        state = now
      }
      const { find, words, at } = catalog
      return { records: now.items, last: now.last, isNew: now.headText === undefined, find, words, at }
    },
    async commit(puts, drops) {
      await series.commit({ puts, drops: drops.map((record) => record.seq) })
      for (const record of drops) catalog.drop(record)
      for (const record of puts) catalog.put(record)
    },
    get size() {
      return state?.items.length ?? 0
    },
  }
}

/** Without the scope: whose a record is says the key that it stands under. */
function writeRecord(record: MemoryRecord): string {
  const { id, seq, createdAt, version, contentHash, supersededBy, supersededAt } = record
  return JSON.stringify({ id, ...entryOf(record), seq, createdAt, version, contentHash, supersededBy, supersededAt })
}

type Catalog = ReturnType<typeof createCatalog>

/** Finds records by id at once, and indexes words only when somebody searches. */
function createCatalog() {
  const slots = new Map<string, number>()
  const records: (MemoryRecord | undefined)[] = []
  const index = lexicalIndex()
  let indexed = 0

  function take(slot: number): void {
    const record = records[slot] as MemoryRecord
    records[slot] = undefined
    if (slot < indexed) index.remove(slot, wordsOf(record.text))
  }
  return {
    /** Mostly places at which nothing stands any more. */
    isWasteful: (): boolean => slots.size * 2 < records.length,
    /** The record of an id. */
    find(this: void, id: string): MemoryRecord | undefined {
      const slot = slots.get(id)
      return slot === undefined ? undefined : records[slot]
    },
    /** The record of a slot of the words. */
    at: (slot: number): MemoryRecord => records[slot] as MemoryRecord,
    /** The words of all records, brought up to date. */
    words(this: void): LexicalIndex {
      for (; indexed < records.length; indexed += 1) {
        const record = records[indexed]
        if (record !== undefined) index.add(indexed, wordsOf(record.text))
      }
      return index
    },
    put(record: MemoryRecord): void {
      const slot = slots.get(record.id)
      if (slot !== undefined && records[slot]?.text === record.text) records[slot] = record
      else {
        if (slot !== undefined) take(slot)
        slots.set(record.id, records.push(record) - 1)
      }
    },
    drop({ id }: MemoryRecord): void {
      const slot = slots.get(id)
      if (slot !== undefined) take(slot)
      slots.delete(id)
    },
  }
}
