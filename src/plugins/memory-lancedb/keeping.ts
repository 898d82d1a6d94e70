import type { MemoryRecord } from '../../core/index.ts'
import { VECTOR } from './arrow-table.ts'
import { chunks, quoteAll } from './predicate.ts'
import { createNames, recordReader, type Names } from './rows.ts'
import type { RecordTable } from './table.ts'

/** A record to write; without a vector it keeps the one it has, if its text is the same. */
export type Put = { readonly record: MemoryRecord; readonly vector?: Float32Array | undefined }

/** Where records are kept: new ones in the log, until they are put into the table with others. Whoever calls holds the folder's lock. */
export interface Keeper {
  /** Sees that what stands in the log is known, leaves room, and has none of some keys. */
  prepare(sought: readonly string[]): Promise<void>
  /** Puts into the table what stands in the log, of whichever process. */
  settle(): Promise<void>
  /** Keeps records by key, all or none. `areNew`: none of them is in the table. */
  keep(puts: ReadonlyMap<string, Put>, areNew: boolean, names: Names): Promise<void>
  /** Of the last call nobody knows what it left. */
  doubt(): void
}

/** New records of a commit that go into the log, at the most; more are worth a commit of the table. */
const FEW = 128
/** Numbers and characters in the log beyond which it is put into the table: fewer cost more in all, more hold up whoever comes then. */
const FULL = 262_144

/** Makes the keeper of a table. `onCommit` is told the version that the table has by a commit; undefined where others may know more of it. */
export function createKeeper(table: RecordTable, onCommit: (version: number | undefined) => void): Keeper {
  const { log } = table
  /** How much stands in the log; undefined where it may be from another process, or in the table already. */
  let logged: number | undefined

  function isOurs(): boolean {
    if (!log.isUnchanged()) logged = undefined
    return logged !== undefined
  }
  async function settle(): Promise<void> {
    const isOwn = isOurs()
    if (!log.isEmpty()) {
      const puts = await read()
      logged = undefined
      const version = await commit(puts, isOwn, createNames())
      onCommit(isOwn ? version : undefined)
      log.clear()
    }
    logged = 0
  }
  async function read(): Promise<ReadonlyMap<string, Put>> {
    const column = await table.vectors()
    const decode = recordReader()
    // Vectors that the column does not take are made anew by upkeep.
    const fits = (vector: Float32Array | undefined): boolean => column === undefined || vector?.length === column.size
    return new Map(
      log
        .read()
        .map(({ key, record, vector }) => [key, { record: decode({ record }), vector: fits(vector) ? vector : undefined }]),
    )
  }
  /** New rows go beside the files that upkeep may be folding; the others are in them. */
  async function commit(puts: ReadonlyMap<string, Put>, areNew: boolean, names: Names): Promise<number> {
    const write = (): Promise<number> => writeOut(table, puts, areNew, names)
    return areNew ? write() : table.tidying.hold(write)
  }

  return {
    settle,
    async prepare(sought) {
      if (!isOurs() || (logged ?? 0) > FULL || log.hasAny(sought)) await settle()
    },
    async keep(puts, areNew, names) {
      if (areNew && isSmall(puts)) {
        await table.makeVectors(lengthIn(puts))
        log.add([...puts].map(([key, { record, vector }]) => ({ key, record: names.encode(record), vector })))
        logged = (logged ?? 0) + sizeOf(puts)
        return
      }
      await settle()
      onCommit(await commit(puts, areNew, names))
    },
    doubt: () => void (logged = undefined),
  }
}

function isSmall(puts: ReadonlyMap<string, Put>): boolean {
  return puts.size <= FEW && sizeOf(puts) <= FULL
}

/** Numbers and characters. */
function sizeOf(puts: ReadonlyMap<string, Put>): number {
  let size = 0
  for (const { record, vector } of puts.values()) size += record.text.length + (vector?.length ?? 0)
  return size
}

function lengthIn(puts: ReadonlyMap<string, Put>): number | undefined {
  return [...puts.values()].find(({ vector }) => vector !== undefined)?.vector?.length
}

async function writeOut(table: RecordTable, puts: ReadonlyMap<string, Put>, areNew: boolean, names: Names): Promise<number> {
  const size = await table.makeVectors(lengthIn(puts))
  const bare = [...puts].filter(([, { vector }]) => vector === undefined).map(([key]) => key)
  const kept = size === undefined || areNew ? new Map<string, Kept>() : await vectorsOf(table, bare)
  const rows = [...puts.values()].map(({ record }) => names.row(record))
  const vectors = [...puts].map(([key, { record, vector }]) => {
    const old = kept.get(key)
    return vector ?? (old?.text === record.text ? old.vector : undefined)
  })
  return table.merge(rows, vectors, areNew)
}

type Kept = { readonly text: string; readonly vector: Float32Array }

async function vectorsOf(table: RecordTable, keys: readonly string[]): Promise<ReadonlyMap<string, Kept>> {
  const kept = new Map<string, Kept>()
  for (const part of chunks(keys)) {
    const where = `key IN (${quoteAll(part)}) AND ${VECTOR} IS NOT NULL`
    for (const row of await table.read((query) => query.where(where).select(['key', 'text', VECTOR])))
      kept.set(row['key'] as string, {
        text: row['text'] as string,
        vector: Float32Array.from(row[VECTOR] as unknown as Iterable<number>),
      })
  }
  return kept
}
