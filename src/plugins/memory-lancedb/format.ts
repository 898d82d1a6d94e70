import type { Connection, Table } from '@lancedb/lancedb'
import type { Schema } from 'apache-arrow'
import { OpspawnError } from '../../core/index.ts'
import { found } from '../../remembering/index.ts'
import { VECTOR, makeSchema } from './arrow-table.ts'
import { makeIndexes, missingIndexes } from './indexes.ts'
import type { Library } from './library.ts'
import type { FolderLock } from './lock.ts'
import type { LancedbParts } from './options.ts'
import type { WriteAhead } from './write-ahead.ts'

/** Of the table in its folder. */
export const NAME = 'records'
const FORMAT = 'opspawn.memory'
const VERSION = '3'
/** What the column of vectors says of itself: whose they are, and how its index is to be searched. */
export const EMBEDDER = 'opspawn.embedder'
export const PLAN = 'opspawn.plan'
/** The column that says whose vectors are to come. */
const MARKED = 'text'
/** How LanceDB says that a listed table cannot be opened because it has no version. */
const NOT_MADE = /table '.*' was not found/i

/**
 * What a table says of its vectors.
 *
 * @property size Numbers of each.
 * @property owner Id of the embedder that made them; undefined where a process was killed before it could say so.
 * @property plan How an index of them is to be searched, in whatever form upkeep wrote it; undefined where there is none to search.
 */
export type VectorColumn = Readonly<{ size: number; owner: string | undefined; plan: string | undefined }>

/** Opens or makes the table; a process that was killed while it made one is no obstacle, nor is one that makes it right now. */
export async function prepare(
  connection: Connection,
  { lock, log, library }: { readonly lock: FolderLock; readonly log: WriteAhead; readonly library: Library },
  parts: LancedbParts,
): Promise<Table> {
  const isWhole = async (table: Table): Promise<boolean> =>
    hasKey((await table.schema()) as Schema) && (await missingIndexes(table)).length === 0
  const made = await openMade(connection)
  if (made !== undefined) {
    const stale = await checkFormat(made, parts)
    if (!stale && (await isWhole(made))) return made
    made.close()
  }
  return lock.hold(async () => {
    const schema = makeSchema(library.arrow, new Map([[FORMAT, VERSION]]))
    const table = (await openMade(connection)) ?? (await connection.createEmptyTable(NAME, schema))
    if (!hasKey((await table.schema()) as Schema)) await table.setUnenforcedPrimaryKey('key')
    if (await checkFormat(table, parts)) {
      log.dropVectors()
      // Whoever still has the other embedder must see it before it makes the column again.
      await table.updateFieldMetadata([{ path: MARKED, metadata: { [EMBEDDER]: parts.embedder?.id ?? '' } }])
      if (columnIn((await table.schema()) as Schema) !== undefined) await table.dropColumns([VECTOR])
    }
    await makeIndexes(table, library, await missingIndexes(table))
    return table
  })
}

/**
 * The table, if its first version was written. LanceDB lists a table as soon as its folder is there, which is a
 * moment before anything can be opened: for the process that looks just then, there is none yet.
 */
async function openMade(connection: Connection): Promise<Table | undefined> {
  if (!(await connection.tableNames()).includes(NAME)) return undefined
  return await connection.openTable(NAME).catch((error: unknown) => {
    if (error instanceof Error && NOT_MADE.test(error.message)) return undefined
    throw error
  })
}

function hasKey(schema: Schema): boolean {
  return (schema.fields.find((field) => field.name === 'key')?.metadata.size ?? 0) > 0
}

/** What a schema says of vectors. */
export function columnIn(schema: Schema): VectorColumn | undefined {
  const field = schema.fields.find(({ name }) => name === VECTOR)
  if (field === undefined) return undefined
  const { listSize } = field.type as unknown as { readonly listSize: number }
  return { size: listSize, owner: field.metadata.get(EMBEDDER), plan: field.metadata.get(PLAN) }
}

/** Whose vectors there are to be, as long as there are none; undefined: anybody's. */
function awaitedOwner(schema: Schema): string | undefined {
  return schema.fields.find(({ name }) => name === MARKED)?.metadata.get(EMBEDDER)
}

/** Checks format and embedder; gives whether vectors of another embedder are to be let go. @throws OpspawnError `MEMORY_MISMATCH` */
async function checkFormat(table: Table, { path, embedder, reembed }: LancedbParts): Promise<boolean> {
  const schema = (await table.schema()) as Schema
  const version = schema.metadata.get(FORMAT)
  if (version !== VERSION)
    throw mismatch(
      path,
      version === undefined ? 'has a table that is no memory' : `has version ${found(version)}, this memory reads ${VERSION}`,
    )
  const column = columnIn(schema)
  if (embedder === undefined) return false
  if (column === undefined) return reembed && ![undefined, embedder.id].includes(awaitedOwner(schema))
  const { owner, size } = column
  if (owner === embedder.id && (embedder.dims === undefined || embedder.dims === size)) return false
  // A process was killed before it could say whose vectors they are to be: there are none yet.
  if (reembed || owner === undefined) return true
  throw mismatch(
    path,
    `has vectors of ${owner} with ${size} numbers, not of ${embedder.id}${embedder.dims === undefined ? '' : ` with ${embedder.dims}`}; with reembed: true they are made anew`,
  )
}

/** Checks that vectors of so many numbers may be written. @throws OpspawnError `MEMORY_MISMATCH` */
export function checkOwner(schema: Schema, dims: number, { path, embedder }: Pick<LancedbParts, 'path' | 'embedder'>): void {
  const column = columnIn(schema)
  const owner = column === undefined ? awaitedOwner(schema) : column.owner
  if (owner !== undefined && embedder !== undefined && owner !== embedder.id)
    throw mismatch(path, `has vectors of ${owner}, not of ${embedder.id}; with reembed: true they are made anew`)
  if (column !== undefined && column.size !== dims)
    throw mismatch(path, `has vectors of ${column.size} numbers, and the embedder gives ${dims}`)
}

/** What is in a folder does not fit. */
function mismatch(path: string, problem: string): OpspawnError {
  return new OpspawnError('MEMORY_MISMATCH', `${path} ${problem}`, { details: { path } })
}
