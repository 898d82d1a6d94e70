import { mkdir } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import type { Query, Table, VectorQuery } from '@lancedb/lancedb'
import type { Schema } from 'apache-arrow'
import { OpspawnError } from '../../core/index.ts'
import { memoryFailed } from '../../remembering/index.ts'
import { VECTOR, makeTable, rowsOf, vectorField } from './arrow-table.ts'
import type { Row } from './columns.ts'
import { EMBEDDER, PLAN, checkOwner, columnIn, prepare, type VectorColumn } from './format.ts'
import { createGarbage, type Garbage } from './garbage.ts'
import { loadLibrary, type Library } from './library.ts'
import { openLock, type FolderLock } from './lock.ts'
import type { LancedbParts } from './options.ts'
import { openWriteAhead, type WriteAhead } from './write-ahead.ts'

/** The table behind a memory. Whoever writes holds the lock; reading needs none. */
export interface RecordTable {
  readonly library: Library
  readonly lock: FolderLock
  /** Held by whoever tidies up, and by writes that change what is there: both would rewrite the same files. Taken after the other lock. */
  readonly tidying: FolderLock
  readonly garbage: Garbage
  /** What was written and the table does not have yet. */
  readonly log: WriteAhead
  /** The column of vectors; undefined while there is none. */
  vectors(): Promise<VectorColumn | undefined>
  /**
   * Makes the column of vectors of so many numbers where there is none; undefined: only looks. Gives numbers of each vector.
   * Whoever calls it has asked for the version under the same lock.
   *
   * @throws OpspawnError `MEMORY_MISMATCH`
   */
  makeVectors(dims: number | undefined): Promise<number | undefined>
  /** LanceDB's own calls, for upkeep. @throws OpspawnError `MEMORY_FAILED` with that reason */
  ask<T>(reason: 'read' | 'write', work: (table: Table) => Promise<T>): Promise<T>
  /** Reads rows. What other processes wrote is seen at once, and files that they tidied away meanwhile are no failure. */
  read(make: (query: Query) => Query | VectorQuery): Promise<readonly Row[]>
  /** The same, with the column of vectors as it is in the version that is read. */
  readVectors(make: (query: Query, column: VectorColumn | undefined) => Query | VectorQuery): Promise<readonly Row[]>
  /** Writes how the index of vectors is to be searched; undefined: nothing is said of it any more. */
  say(plan: string | undefined): Promise<void>
  /** Reads the rows at some places of the table, counted from 0. */
  take(offsets: readonly number[], columns: readonly string[]): Promise<readonly Row[]>
  count(where?: string): Promise<number>
  /** The same, counted once for each version. */
  countOnce(where: string): Promise<number>
  /** Rises with every change, of whichever process. */
  version(): Promise<number>
  /**
   * Puts rows in, or in the place of those with their keys, all or none. Keys must differ. Gives the new version. Whoever calls it
   * has asked for the version under the same lock.
   *
   * @param areNew whoever calls it has seen, under the lock, that no row has one of the keys. The table is not searched for them then.
   */
  merge(rows: readonly Row[], vectors: readonly (Float32Array | undefined)[], areNew: boolean): Promise<number>
  /** Tidies up, and removes all versions but the last; what writers that died have left only if `all`. */
  optimize(all?: boolean): Promise<void>
  delete(where: string): Promise<void>
  /** Waits for what LanceDB still does: who aborted is gone, but its table cannot be closed meanwhile. */
  close(): Promise<void>
}

/** Bytes of indexes and of what is known of files that LanceDB may keep in memory; by itself it would take 7 GB. */
const INDEX_CACHE = 512n * 1024n * 1024n
const FILE_CACHE = 128n * 1024n * 1024n
const ATTEMPTS = 8
const FIRST_PAUSE_MS = 10
/** What can be different a moment later: somebody else has committed, or has taken away files that were no longer needed. */
const PASSING = /conflict|not found|no such file|retry|concurrent|contention/i

/** Opens the table of a folder, or makes it. @throws OpspawnError `PLUGIN_PACKAGE_MISSING`, `MEMORY_MISMATCH`, `MEMORY_FAILED` */
export async function openRecords(parts: LancedbParts): Promise<RecordTable> {
  const library = await loadLibrary()
  const { path } = parts
  const [locks, others]: [Closable[], Closable[]] = [[], []]
  const opening = async <T extends Closable>(one: Promise<T>, among = others): Promise<T> => {
    among.unshift(await one)
    return one
  }
  try {
    await mkdir(path, { recursive: true })
    const lock = await opening(openLock(path, 'writer'), locks)
    const tidying = await opening(openLock(path, 'upkeep'), locks)
    const log = await opening(openWriteAhead(path))
    const session = new library.lance.Session(INDEX_CACHE, FILE_CACHE)
    const connection = await opening(library.lance.connect(path, { session }))
    const inner = await opening(prepare(connection, { lock, log, library }, parts))
    return recordTable({ inner, lock, tidying, log, library }, { locks, others }, parts)
  } catch (error) {
    await closeAll([...others, ...locks])
    if (OpspawnError.is(error)) throw error
    throw memoryFailed('read', `opening ${path} failed: ${error instanceof Error ? error.message : String(error)}`, error)
  }
}

interface Closable {
  close(): void | Promise<void>
}

/** Closes all of them, in order; throws the first that could not be. */
async function closeAll(all: readonly Closable[]): Promise<void> {
  const failures: unknown[] = []
  for (const one of all)
    try {
      await one.close()
    } catch (error) {
      failures.push(error)
    }
  if (failures.length > 0) throw failures[0]
}

type Opened = Pick<RecordTable, 'lock' | 'tidying' | 'log' | 'library'>

function recordTable(
  { inner, ...opened }: Opened & { readonly inner: Table },
  { locks, others }: { readonly locks: readonly Closable[]; readonly others: readonly Closable[] },
  parts: LancedbParts,
): RecordTable {
  const { library } = opened
  const { within, idle } = createAttempts(inner, parts.path)
  const schemas = createSchemas(inner)
  return {
    ...opened,
    garbage: createGarbage(parts.path),
    ask: (reason, work) => within(reason, () => work(inner)),
    vectors: () => within('read', async () => columnIn(await schemas.here())),
    read: (make) => within('read', () => rowsOf(make(inner.query()))),
    readVectors: (make) =>
      within('read', async () => {
        for (;;) {
          const column = columnIn(await schemas.here())
          const rows = await rowsOf(make(inner.query(), column))
          // Other calls may have gone on to a version with another index: an answer by the plan of the one before is none.
          if (columnIn(await schemas.here())?.plan === column?.plan) return rows
        }
      }),
    take: (offsets, columns) => within('read', () => rowsOf(inner.takeOffsets([...offsets]).select([...columns]))),
    count: (where) => within('read', () => inner.countRows(where)),
    countOnce: createCounts(inner, within),
    version: () => within('read', () => inner.version()),
    ...writingCalls({ inner, within, schemas, library }, parts),
    async close() {
      // Whoever holds a lock is at work on the table, also between two of its calls.
      await closeAll(locks)
      await idle()
      await closeAll(others)
    },
  }
}

function createCounts(inner: Table, within: Attempts['within']): RecordTable['countOnce'] {
  let known: { readonly version: number; readonly counts: Map<string, number> } | undefined
  return (where) =>
    within('read', async () => {
      const version = await inner.version()
      if (known?.version !== version) known = { version, counts: new Map() }
      const { counts } = known
      const count = counts.get(where) ?? (await inner.countRows(where))
      counts.set(where, count)
      return count
    })
}

interface WritingContext {
  readonly inner: Table
  readonly within: Attempts['within']
  readonly schemas: ReturnType<typeof createSchemas>
  readonly library: Library
}

function writingCalls(
  { inner, within, schemas, library }: WritingContext,
  { path, embedder }: LancedbParts,
): Pick<RecordTable, 'makeVectors' | 'say' | 'merge' | 'optimize' | 'delete'> {
  const note = (metadata: Record<string, string | null>): Promise<unknown> =>
    within('write', () => inner.updateFieldMetadata([{ path: VECTOR, metadata }]))
  return {
    async makeVectors(dims) {
      const schema = await schemas.here()
      const column = columnIn(schema)
      if (dims === undefined) return column?.size
      checkOwner(schema, dims, { path, embedder })
      if (column === undefined) await within('write', () => inner.addColumns(vectorField(library.arrow, dims)))
      if (column?.owner === undefined) await note({ [EMBEDDER]: embedder?.id ?? '' })
      return dims
    },
    say: async (plan) => void (await note({ [PLAN]: plan ?? null })),
    async merge(rows, vectors, areNew) {
      const schema = await schemas.here()
      const data = makeTable(library.arrow, schema, rows, vectors)
      let isPlain = areNew
      return await retried('write', path, async () => {
        const isAdded = isPlain
        // Of an attempt that failed nobody knows what it left: the next one must find that.
        isPlain = false
        // Rows that are put beside go behind whatever upkeep has committed meanwhile.
        const { version } = isAdded ? await inner.add(data) : await mergeInto(inner, data)
        schemas.follow(version, schema)
        return version
      })
    },
    async optimize(isAll = false) {
      // Versions carry the machine's time, and some are made while this goes on. Whoever still reads one reads again.
      const tomorrow = new Date(Date.now() + 86_400_000)
      await within('write', () => inner.optimize({ cleanupOlderThan: tomorrow, deleteUnverified: isAll }))
    },
    delete: async (where) => void (await within('write', () => inner.delete(where))),
  }
}

/** LanceDB would look for a newer version at every call; a commit, which holds the lock, looks once. */
function createAttempts(inner: Table, path: string): Attempts {
  let last: Promise<unknown> = Promise.resolve()
  return {
    within(reason, work) {
      const result = retried(reason, path, async () => {
        await inner.checkoutLatest()
        return work()
      })
      last = Promise.allSettled([last, result]).then(() => {})
      return result
    },
    async idle() {
      for (let seen: unknown; seen !== last;) await (seen = last)
    },
  }
}

interface Attempts {
  readonly within: <T>(reason: 'read' | 'write', work: () => Promise<T>) => Promise<T>
  /** Done when all that was begun is. */
  readonly idle: () => Promise<void>
}

/** The schema of the version that is open, read once for each. */
function createSchemas(inner: Table): { here(): Promise<Schema>; follow(version: number, schema: Schema): void } {
  let known: { readonly version: number; readonly schema: Schema } | undefined
  return {
    async here() {
      const version = await inner.version()
      if (known?.version !== version) known = { version, schema: (await inner.schema()) as Schema }
      return known.schema
    },
    /** Rows were written, nothing else, unless somebody else has committed before. */
    follow(version, schema) {
      if (known?.schema === schema && version === known.version + 1) known = { version, schema }
    },
  }
}

async function mergeInto(table: Table, data: ReturnType<typeof makeTable>): Promise<{ readonly version: number }> {
  await table.checkoutLatest()
  return table.mergeInsert('key').whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(data)
}

/** Does something again, after a pause with jitter, while what failed is passing. LanceDB's own message may tell a text: it is the cause. */
async function retried<T>(reason: 'read' | 'write', path: string, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      const isPassing = PASSING.test(error instanceof Error ? error.message : String(error))
      if (!isPassing || attempt === ATTEMPTS)
        throw memoryFailed(reason, `a ${reason} of ${path} failed; its cause says more`, error)
      await wait(Math.random() * FIRST_PAUSE_MS * 2 ** attempt)
    }
  }
}
