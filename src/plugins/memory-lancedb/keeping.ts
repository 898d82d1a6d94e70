import { OpspawnError, type MemoryRecord } from '../../core/index.ts'
import { memoryFailed } from '../../remembering/index.ts'
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
  /** Keeps records by key, all or none. `areNew`: none of them is in the table or the log. */
  keep(puts: ReadonlyMap<string, Put>, areNew: boolean, names: Names): Promise<void>
  /** Of the last call nobody knows what it left. */
  doubt(): void
}

/** New records of a commit that go into the log, at the most; more are worth a commit of the table. */
const FEW = 128
/** Numbers and characters in the log beyond which it is put into the table: fewer cost more in all, more hold up whoever comes then. */
const FULL = 393_216

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
      const puts = await readLog(table)
      logged = undefined
      if (!isOwn) {
        // Whose it is must not take it for its own any more, should this process die before the log is empty.
        log.touch()
        for (const key of await presentIn(table, [...puts.keys()])) puts.delete(key)
      }
      if (puts.size > 0) {
        const version = await writeOut(table, puts, createNames())
        onCommit(isOwn ? version : undefined)
      }
      log.clear()
    }
    logged = 0
  }

  return {
    settle,
    async prepare(sought) {
      if (!isOurs() || (logged ?? 0) > FULL || log.hasAny(sought)) await settle()
    },
    async keep(puts, areNew, names) {
      if (areNew && puts.size <= FEW) {
        const entries = [...puts].map(([key, { record, vector }]) => ({ key, record: names.encode(record), vector }))
        const size = entries.reduce((sum, { record, vector }) => sum + record.length + (vector?.length ?? 0), 0)
        if (size <= FULL) {
          await table.makeVectors(lengthIn(puts))
          log.add(entries)
          logged = (logged ?? 0) + size
          return
        }
      }
      await settle()
      onCommit(await commit(table, puts, areNew, names))
    },
    doubt: () => void (logged = undefined),
  }
}

/** What stands in the log. @throws OpspawnError `MEMORY_FAILED` */
async function readLog(table: RecordTable): Promise<Map<string, Put>> {
  const column = await table.vectors()
  const decode = recordReader()
  // Whose they are was checked when they were written; those that the column does not take are made anew by upkeep.
  const fits = (vector: Float32Array | undefined): boolean => vector?.length === column?.size
  try {
    return new Map(
      table.log
        .read()
        .map(({ key, record, vector }) => [key, { record: decode({ record }), vector: fits(vector) ? vector : undefined }]),
    )
  } catch (error) {
    if (OpspawnError.is(error, 'MEMORY_FAILED')) throw error
    const advice = 'restore the folder, or remove that file, and what is in it is lost'
    throw memoryFailed('read', `write-ahead.sqlite has an entry that cannot be read, see the cause; ${advice}`, error)
  }
}

/** Writes to the table. New rows go beside the files that upkeep may be folding; the others are in them. */
async function commit(table: RecordTable, puts: ReadonlyMap<string, Put>, areNew: boolean, names: Names): Promise<number> {
  const size = await table.makeVectors(lengthIn(puts))
  if (areNew) return writeOut(table, puts, names)
  return table.tidying.hold(async () => {
    const bare = [...puts].filter(([, { vector }]) => vector === undefined).map(([key]) => key)
    return writeOut(table, puts, names, size === undefined ? new Map() : await vectorsOf(table, bare))
  })
}

/** Which of some keys are in the table. */
async function presentIn(table: RecordTable, keys: readonly string[]): Promise<readonly string[]> {
  const rows = await Promise.all(
    [...chunks(keys)].map((part) => table.read((query) => query.where(`key IN (${quoteAll(part)})`).select(['key']))),
  )
  return rows.flat().map((row) => row['key'] as string)
}

function lengthIn(puts: ReadonlyMap<string, Put>): number | undefined {
  return [...puts.values()].find(({ vector }) => vector !== undefined)?.vector?.length
}

/** Writes rows; where `kept` is given some may be there, and have the vectors in it. */
async function writeOut(
  table: RecordTable,
  puts: ReadonlyMap<string, Put>,
  names: Names,
  kept?: ReadonlyMap<string, Kept>,
): Promise<number> {
  const rows = [...puts.values()].map(({ record }) => names.row(record))
  const vectors = [...puts].map(([key, { record, vector }]) => {
    const old = kept?.get(key)
    return vector ?? (old?.text === record.text ? old.vector : undefined)
  })
  return table.merge(rows, vectors, kept === undefined)
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
