import type { MemoryRecord, MemoryScope } from '../../core/index.ts'
import type { TakenPlaces } from '../../remembering/index.ts'
import { RECORD } from './columns.ts'
import { createKeeper, type Put } from './keeping.ts'
import { chunks, quoteAll } from './predicate.ts'
import { createNames, placeOf, recordReader, type Names } from './rows.ts'
import { createSeqs, type Seqs } from './seqs.ts'
import type { RecordTable } from './table.ts'

/** What a write decides by: what is recorded, and what the writes before it in the same commit came to. */
export interface View extends TakenPlaces {
  find(scope: MemoryScope, id: string): MemoryRecord | undefined
}

/** A write: what it must know, and what it comes to. */
export interface Write<T> {
  /** Scopes whose last `seq` it needs. */
  readonly scopes: readonly MemoryScope[]
  /** Records that it may ask for. */
  readonly finds: readonly { readonly scope: MemoryScope; readonly id: string }[]
  /** Records whose ids were made at random just now: they are not recorded. @default none */
  readonly made?: Write<T>['finds']
  /** Places that it may ask for. @default none */
  readonly places?: readonly { readonly scope: MemoryScope; readonly seq: number }[]
  /** Whether what it changes leaves bytes behind that must go. @default false */
  readonly leavesGarbage?: boolean
  /** @throws OpspawnError when it cannot be done; the other writes of the commit go on. */
  readonly plan: (view: View) => { readonly puts: readonly Put[]; readonly result: T }
}

/** Writes what was asked for together. Whoever calls holds the folder's lock. */
export interface Committer {
  /** Keeps what some writes come to, all or nothing. Gives what each one's caller is told. */
  commit(writes: readonly Write<unknown>[]): Promise<readonly (() => unknown)[]>
  /** Puts into the table what stands in the log, of whichever process. */
  settle(): Promise<void>
}

/** Makes the committer of a table. `onCommit` is told of every commit of the table. */
export function createCommitter(table: RecordTable, onCommit: () => void): Committer {
  const seqs = createSeqs(table)
  const keeper = createKeeper(table, (version) => {
    if (version !== undefined) seqs.follow(version)
    onCommit()
  })
  return {
    settle: () => keeper.settle(),
    async commit(writes) {
      const finds = writes.flatMap((write) => write.finds)
      const places = writes.flatMap((write) => write.places ?? [])
      const names = createNames()
      const keysOf = (records: typeof finds): readonly string[] => records.map(({ scope, id }) => names.key(scope, id))
      const sought = keysOf(finds)
      // What stands in the log has places too.
      await (places.length > 0 ? keeper.settle() : keeper.prepare(sought))
      const [records, taken] = await looking(table, seqs, { sought, places, writes, names }).catch((error: unknown) => {
        keeper.doubt()
        throw error
      })
      const known = new Set([...sought, ...keysOf(writes.flatMap((write) => write.made ?? []))])
      for (const key of records.keys()) known.delete(key)
      const { puts, outcomes, leavesGarbage } = plan(writes, { records, taken, seqs, names })
      // Of a key that nobody asked for nobody knows whether it is there.
      const areNew = [...puts.keys()].every((key) => known.has(key))
      try {
        if (leavesGarbage) await table.garbage.note()
        if (puts.size > 0) await keeper.keep(puts, areNew, names)
      } catch (error) {
        seqs.forget()
        keeper.doubt()
        throw error
      }
      return outcomes
    },
  }
}

interface Asked {
  readonly sought: readonly string[]
  readonly places: NonNullable<Write<unknown>['places']>
  readonly writes: readonly Write<unknown>[]
  readonly names: Names
}

/** Looks up what writes must know. Whatever fails, none of it goes on when this is done, and the lock is let go. */
async function looking(
  table: RecordTable,
  seqs: Seqs,
  { sought, places, writes, names }: Asked,
): Promise<readonly [Map<string, MemoryRecord>, Set<string>]> {
  const looks = [
    recordsOf(table, sought),
    takenOf(table, places, names),
    seqs.load(writes.flatMap((write) => write.scopes)),
  ] as const
  await Promise.allSettled(looks)
  try {
    const [records, taken] = await Promise.all(looks)
    return [records, taken]
  } catch (error) {
    seqs.forget()
    throw error
  }
}

interface Known {
  readonly records: Map<string, MemoryRecord>
  readonly taken: Set<string>
  readonly seqs: Seqs
  readonly names: Names
}

/** Asks writes, in turn, what they come to, and notes it in what is known. */
function plan(writes: readonly Write<unknown>[], { records, taken, seqs, names }: Known) {
  const puts = new Map<string, Put>()
  const view: View = {
    find: (scope, id) => records.get(names.key(scope, id)),
    lastSeq: (scope) => seqs.last(scope),
    isTaken: (scope, seq) => taken.has(placeOf(names.scope(scope), seq)),
  }
  let leavesGarbage = false
  const outcomes = writes.map((write) => {
    try {
      const planned = write.plan(view)
      leavesGarbage ||= write.leavesGarbage === true
      for (const put of planned.puts) {
        const key = names.key(put.record.scope, put.record.id)
        puts.set(key, withVector(put, records.get(key), puts.get(key)))
        records.set(key, put.record)
        taken.add(placeOf(names.scope(put.record.scope), put.record.seq))
        seqs.raise(put.record)
      }
      return () => planned.result
    } catch (error) {
      return () => {
        throw error
      }
    }
  })
  return { puts, outcomes, leavesGarbage }
}

/** Of two writes of one record in a commit the later has the vector of the earlier, if the text is the same. */
function withVector(put: Put, before: MemoryRecord | undefined, pending: Put | undefined): Put {
  return put.vector === undefined && before?.text === put.record.text ? { ...put, vector: pending?.vector } : put
}

async function recordsOf(table: RecordTable, keys: readonly string[]): Promise<Map<string, MemoryRecord>> {
  const read = recordReader()
  const records = new Map<string, MemoryRecord>()
  async function find(part: readonly string[]): Promise<void> {
    for (const row of await table.read((query) => query.where(`key IN (${quoteAll(part)})`).select(['key', RECORD])))
      records.set(row['key'] as string, read(row))
  }
  // Side by side they take two thirds of the time.
  await Promise.all([...chunks([...new Set(keys)])].map(find))
  return records
}

async function takenOf(
  table: RecordTable,
  places: readonly { readonly scope: MemoryScope; readonly seq: number }[],
  names: Names,
): Promise<Set<string>> {
  const taken = new Set<string>()
  for (const part of chunks(places.map(({ scope, seq }) => placeOf(names.scope(scope), seq))))
    for (const row of await table.read((query) => query.where(`place IN (${quoteAll(part)})`).select(['place'])))
      taken.add(row['place'] as string)
  return taken
}
