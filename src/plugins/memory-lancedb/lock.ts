import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { DatabaseSync } from 'node:sqlite'
import { createQueue, memoryFailed } from '../../remembering/index.ts'

/** Lets one at a time work on a folder, among all processes of a machine. */
export interface FolderLock {
  /** Does something while nobody else does, in the order of asking. @throws OpspawnError `MEMORY_FAILED` when it is not free in time */
  hold<T>(work: () => Promise<T>): Promise<T>
  /** Done when nobody holds it. */
  close(): Promise<void>
}

const PATIENCE_MS = 60_000
const MAX_PAUSE_MS = 8
/** Result codes of SQLite: busy, locked. */
const BUSY: readonly unknown[] = [5, 6]

/** A lock that the operating system ends with the process, however that ends: an exclusive transaction on an empty file. */
export async function openLock(folder: string, name: string): Promise<FolderLock> {
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(join(folder, `${name}.lock`))
  database.exec('PRAGMA busy_timeout = 0')
  const queue = createQueue()
  return {
    hold: (work) =>
      queue(async () => {
        await take(database, folder)
        try {
          return await work()
        } finally {
          database.exec('ROLLBACK')
        }
      }),
    close: () => queue(() => database.close()),
  }
}

async function take(database: DatabaseSync, folder: string): Promise<void> {
  const until = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      database.exec('BEGIN EXCLUSIVE')
      return
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      if (!BUSY.includes(((error as { readonly errcode?: number }).errcode ?? 0) & 0xff))
        throw memoryFailed('write', `${folder} cannot be locked for writing: ${text}`, error)
      if (performance.now() > until)
        throw memoryFailed(
          'write',
          `${folder} was locked by another writer for ${PATIENCE_MS / 1000} s; see what holds it`,
          error,
        )
    }
    // Jitter: several who wait must not ask in step.
    await wait(1 + Math.random() * MAX_PAUSE_MS)
  }
}
