import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type * as sqlite from 'node:sqlite'
import type { DatabaseSync } from 'node:sqlite'
import { OpspawnError } from '../../core/index.ts'
import { isWelcome, registerEmbedder } from './embedders.ts'
import { failed, isBusy, wrapFailure } from './failures.ts'
import type { ThreadData } from './message.ts'
import { migrate, MIGRATIONS, schemaVersion } from './schema.ts'

/** The part of `node:sqlite` that is used. */
export type Sqlite = Pick<typeof sqlite, 'DatabaseSync'>

/**
 * Loads `node:sqlite`, at first use, so that importing the package costs nothing and works where it is missing.
 *
 * @throws OpspawnError `PLUGIN_PACKAGE_MISSING`
 */
export async function loadSqlite(): Promise<Sqlite> {
  try {
    return await import('node:sqlite')
  } catch (error) {
    throw new OpspawnError(
      'PLUGIN_PACKAGE_MISSING',
      `sqliteMemory needs the module node:sqlite, which Node ${process.versions.node} does not have: use Node 22.18 or newer`,
      { cause: error },
    )
  }
}

/**
 * Opens the file, makes it ours, brings its schema up to date and notes the embedder. What needs no change is only read, so that a
 * file that cannot be written can still be read. Blocks its thread while other processes do the same.
 *
 * @throws OpspawnError `MEMORY_FAILED`, `MEMORY_MISMATCH`
 */
export function openDatabase(module: Sqlite, data: ThreadData): DatabaseSync {
  const { path, durability, busyMs, embedder, reembed } = data
  let db: DatabaseSync | undefined
  try {
    if (!existsSync(dirname(path))) throw failed('no-folder', `the folder of ${path} does not exist; make it first`)
    db = new module.DatabaseSync(path)
    const opened = db
    const isReady = patiently(busyMs, () => {
      const version = schemaVersion(opened, path)
      return version === MIGRATIONS.length && (embedder === undefined || isWelcome(opened, embedder, reembed))
    })
    if (!isReady)
      inTransaction(opened, busyMs, () => {
        migrate(opened, path)
        registerEmbedder(opened, data)
      })
    patiently(busyMs, () => opened.exec('PRAGMA journal_mode = WAL'))
    opened.exec(`
      PRAGMA synchronous = ${durability === 'disk' ? 'FULL' : 'NORMAL'};
      PRAGMA wal_autocheckpoint = 1000;
      PRAGMA cache_size = -16000;
      PRAGMA secure_delete = FAST;
    `)
    return opened
  } catch (error) {
    db?.close()
    throw wrapFailure(error, path)
  }
}

/** Does something with the write lock held, all or nothing. */
export function inTransaction<T>(db: DatabaseSync, busyMs: number, work: () => T): T {
  patiently(busyMs, () => db.exec('BEGIN IMMEDIATE'))
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    // SQLite may have ended it by itself.
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

/** Tries again while others hold the lock. SQLite's own waiting favours whoever had it last, so waits are short and random here. */
export function patiently<T>(busyMs: number, work: () => T): T {
  const until = performance.now() + busyMs
  for (let waits = 0; ; waits += 1) {
    try {
      return work()
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw error
    }
    sleep(0.1 + Math.random() * (waits < 20 ? 0.6 : 2))
  }
}

const SLEEP = new Int32Array(new SharedArrayBuffer(4))

/** Stops this thread. Exact to a fraction of a millisecond, which timers are not. */
export function sleep(ms: number): void {
  Atomics.wait(SLEEP, 0, 0, ms)
}
