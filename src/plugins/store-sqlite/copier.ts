import { existsSync, openSync, closeSync, fsyncSync } from 'node:fs'
import { openDatabase, type Sqlite } from './database.ts'
import { storeFailed, toRefusal } from './failures.ts'
import type { ThreadData } from './message.ts'
import type { Served } from './writer.ts'

/** What the copying thread does. */
export interface CopierCalls {
  copy(to: string): void
}

/** Opens the file for copying it whole, as it is at one moment, while others write. */
export function openCopier(sqlite: Sqlite, data: ThreadData): Served {
  const db = openDatabase(sqlite, data)
  function copy(to: string): void {
    if (existsSync(to)) throw storeFailed('backup-exists', `${to} exists; a backup goes into a new file`, { retryable: false })
    db.prepare('VACUUM INTO ?').run(to)
    const file = openSync(to, 'r+')
    fsyncSync(file)
    closeSync(file)
  }
  return {
    serve(requests, answer) {
      for (const [id, , to] of requests) {
        try {
          copy(to as string)
          answer([[id, undefined]])
        } catch (error) {
          answer([[id, undefined, toRefusal(error, to as string)]])
        }
      }
    },
    close: () => db.close(),
  }
}
