import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Sqlite } from './database.ts'
import { isBusy, storeFailed } from './failures.ts'
import { sleep } from './shared-state.ts'

const ENDING = '.lock'
/** Attempts to take the own lock; somebody who looks at it may hold it for a moment. */
const ATTEMPTS = 200
/** A lock file without an owner is removed when it is so old: a younger one may be just about to be locked. */
const ABANDONED_MS = 60_000

/** Shows other processes that this store lives, and knows which of the others do. */
export interface Liveness {
  /** Whether the store of that id holds its lock. */
  isAlive(owner: string): boolean
  /** Removes the lock files of the dead; gives whether others live. */
  tidy(): boolean
  release(): void
}

/** Where the locks of the stores of a file are. */
export function lockFolder(path: string): string {
  return `${path}-workers`
}

/**
 * Takes the lock of one store: an exclusive transaction on a file of its own, which the operating system ends with the
 * process, however that ends. A process that is only stopped keeps it: then the lease decides.
 */
export function holdLock(sqlite: Sqlite, path: string, owner: string): Liveness {
  const folder = lockFolder(path)
  mkdirSync(folder, { recursive: true })
  const fileOf = (id: string): string => join(folder, `${id}${ENDING}`)
  const held = lock(sqlite, fileOf(owner))

  function isAlive(id: string): boolean {
    if (id === owner) return true
    return existsSync(fileOf(id)) && isLocked(sqlite, fileOf(id))
  }

  return {
    isAlive,
    tidy() {
      let others = false
      for (const name of readdirSync(folder)) {
        const id = name.slice(0, -ENDING.length)
        if (!name.endsWith(ENDING) || id === owner) continue
        if (isAlive(id)) others = true
        else if (isOld(join(folder, name))) rmSync(join(folder, name), { force: true })
      }
      return others
    },
    release() {
      rmSync(fileOf(owner), { force: true })
      held.close()
    },
  }
}

function lock(sqlite: Sqlite, file: string): DatabaseSync {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const db = new sqlite.DatabaseSync(file)
    try {
      db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
      // Who takes it for abandoned removes it before it is locked: then this lock is on a file that nobody finds.
      if (existsSync(file)) return db
      db.close()
    } catch (error) {
      db.close()
      if (!isBusy(error)) throw error
      sleep(5)
    }
  }
  throw storeFailed('liveness', `the lock file ${file} could not be locked; see whether another program holds it`)
}

function isLocked(sqlite: Sqlite, file: string): boolean {
  let db: DatabaseSync | undefined
  try {
    db = new sqlite.DatabaseSync(file, { readOnly: true })
    db.prepare('SELECT 1 FROM sqlite_schema').get()
    return false
  } catch (error) {
    // A file that has just been removed has no owner.
    return isBusy(error) || existsSync(file)
  } finally {
    db?.close()
  }
}

function isOld(file: string): boolean {
  const { mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: 0 }
  return Date.now() - mtimeMs > ABANDONED_MS
}
