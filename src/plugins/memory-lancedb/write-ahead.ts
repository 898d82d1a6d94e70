import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { found, memoryFailed, type FailureReason } from '../../remembering/index.ts'

/** A record on its way to the table: `record` as in the column of that name. */
export interface LogEntry {
  readonly key: string
  readonly record: string
  readonly vector: Float32Array | undefined
}

/**
 * The write-ahead log: new records that were acknowledged and that the table does not have yet. A commit of LanceDB takes as long for
 * one row as for hundreds, and leaves three files. Whoever changes the log holds the folder's lock.
 *
 * Every call throws an OpspawnError `MEMORY_FAILED` when its file cannot be used.
 */
export interface WriteAhead {
  isEmpty(): boolean
  /** Whether nobody else has changed it since this was asked last. */
  isUnchanged(): boolean
  hasAny(keys: readonly string[]): boolean
  /** Adds entries, all or none. */
  add(entries: readonly LogEntry[]): void
  read(): readonly LogEntry[]
  /** They are in the table. Their bytes are gone from the file. */
  clear(): void
  /** Lets all others know that somebody else is about to put the entries into the table. */
  touch(): void
  /** Lets vectors go that nobody can use any more. */
  dropVectors(): void
  close(): void
}

/** A transaction takes less than a millisecond; the process stands still as long as it waits for that of another. */
const BUSY_MS = 1000
// What a process has written outlives it without a sync; LanceDB makes none either.
const SETUP = `
  PRAGMA busy_timeout = ${BUSY_MS};
  PRAGMA synchronous = OFF;
  PRAGMA secure_delete = ON;
`
const SCHEMA = `
  PRAGMA auto_vacuum = FULL;
  CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, record TEXT NOT NULL, vector BLOB) STRICT
`

/** Opens the log of a folder, or makes it: a database of its own, which is locked for moments only, so that readers need not wait. */
export async function openWriteAhead(folder: string): Promise<WriteAhead> {
  const { DatabaseSync } = await import('node:sqlite')
  const path = join(folder, 'write-ahead.sqlite')
  const database = attempt('read', path, () => {
    const opened = new DatabaseSync(path)
    try {
      opened.exec(SETUP)
      // Where it is there already the right to read is enough.
      if (opened.prepare("SELECT name FROM sqlite_schema WHERE name = 'entries'").get() === undefined) opened.exec(SCHEMA)
      return opened
    } catch (error) {
      opened.close()
      throw error
    }
  })
  const isThere = database.prepare('SELECT EXISTS (SELECT 1 FROM entries) AS answer')
  const among = database.prepare('SELECT EXISTS (SELECT 1 FROM entries WHERE key IN (SELECT value FROM json_each(?))) AS answer')
  const changes = database.prepare('PRAGMA data_version')
  const version = database.prepare('PRAGMA user_version')
  const insert = database.prepare('INSERT INTO entries (key, record, vector) VALUES (?, ?, ?)')
  const all = database.prepare('SELECT key, record, vector FROM entries')
  let seen: unknown
  return {
    isEmpty: () => attempt('read', path, () => isThere.get()?.['answer'] === 0),
    isUnchanged: () =>
      attempt('read', path, () => {
        const before = seen
        seen = changes.get()?.['data_version']
        return seen === before
      }),
    hasAny: (keys) => attempt('read', path, () => keys.length > 0 && among.get(JSON.stringify(keys))?.['answer'] === 1),
    add: (entries) =>
      attempt('write', path, () =>
        within(database, () => {
          for (const { key, record, vector } of entries) insert.run(key, record, vector === undefined ? null : bytesOf(vector))
        }),
      ),
    read: () =>
      attempt('read', path, () =>
        all.all().map(({ key, record, vector }) => ({
          key: key as string,
          record: record as string,
          vector: vector === null ? undefined : new Float32Array((vector as Uint8Array).slice().buffer),
        })),
      ),
    clear: () => attempt('write', path, () => database.exec('DELETE FROM entries')),
    touch: () =>
      attempt('write', path, () => {
        const { user_version } = version.get() as { readonly user_version: number }
        database.exec(`PRAGMA user_version = ${(user_version + 1) % 2_147_483_647}`)
      }),
    dropVectors: () => attempt('write', path, () => database.exec('UPDATE entries SET vector = NULL')),
    close: () => database.close(),
  }
}

function within(database: DatabaseSync, work: () => void): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    work()
    database.exec('COMMIT')
  } catch (error) {
    // SQLite has done so itself where the disk is full.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function attempt<T>(reason: FailureReason, path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw memoryFailed(reason, `${path} cannot be used: ${error instanceof Error ? error.message : found(error)}`, error)
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)
}
