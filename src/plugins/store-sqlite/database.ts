import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type * as sqlite from 'node:sqlite'
import type { DatabaseSync } from 'node:sqlite'
import { OpspawnError } from '../../core/index.ts'
import { isBusy, storeFailed, wrapFailure } from './failures.ts'
import { requireLocalFolder } from './file-system.ts'
import { migrate } from './migrations.ts'
import { sleep } from './shared-state.ts'

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
      `sqliteStore needs the module node:sqlite, which Node ${process.versions.node} does not have: use Node 22.18 or newer`,
      { cause: error },
    )
  }
}

/** How a database is opened. */
export interface OpenOptions {
  readonly path: string
  readonly durability: 'disk' | 'process'
  /** How long to try while others hold a lock. */
  readonly busyMs: number
  /** Whether the path may be on what looks like a network file system. */
  readonly anyFileSystem: boolean
}

/**
 * Opens the file, makes it ours and brings its schema up to date. Blocks its thread while other processes do the same.
 *
 * @throws OpspawnError `STORE_FAILED`
 */
export function openDatabase(module: Sqlite, { path, durability, busyMs, anyFileSystem }: OpenOptions): DatabaseSync {
  let db: DatabaseSync | undefined
  try {
    if (!existsSync(dirname(path)))
      throw storeFailed('no-folder', `the folder of ${path} does not exist; make it first`, { retryable: false })
    if (!anyFileSystem) requireLocalFolder(dirname(path))
    db = new module.DatabaseSync(path)
    const opened = db
    // Marked as ours before anything else: what is not ours must stay as it is.
    patiently(busyMs, () => {
      opened.exec('BEGIN IMMEDIATE')
      try {
        migrate(opened, path)
        opened.exec('COMMIT')
      } catch (error) {
        rollBack(opened)
        throw error
      }
    })
    patiently(busyMs, () => opened.exec('PRAGMA journal_mode = WAL'))
    opened.exec(`
      PRAGMA synchronous = ${durability === 'disk' ? 'FULL' : 'NORMAL'};
      PRAGMA wal_autocheckpoint = 1000;
      PRAGMA cache_size = -16000;
      PRAGMA temp_store = MEMORY;
    `)
    return opened
  } catch (error) {
    db?.close()
    throw wrapFailure(error, path)
  }
}

/** Ends a transaction that failed; SQLite may have ended it by itself. */
export function rollBack(db: DatabaseSync): void {
  try {
    db.exec('ROLLBACK')
  } catch {
    // There is nothing to roll back.
  }
}

function patiently(busyMs: number, work: () => void): void {
  const until = performance.now() + busyMs
  for (;;) {
    try {
      work()
      return
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw error
      sleep(1 + Math.random() * 4)
    }
  }
}
