import type { DatabaseSync } from 'node:sqlite'
import { loadSqlite } from './database.ts'
import { wrapFailure } from './failures.ts'
import { schemaVersion } from './schema.ts'

/**
 * Whether a SQLite file has a memory in it, such as a file of runs may have or not. Nothing is written, and no file is made.
 *
 * @throws OpspawnError `MEMORY_FAILED` for a file that cannot be read or is of another program, `MEMORY_MISMATCH` for a newer
 * version's, `PLUGIN_PACKAGE_MISSING` where there is no `node:sqlite`.
 */
export async function holdsMemory(path: string): Promise<boolean> {
  const { DatabaseSync } = await loadSqlite()
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { readOnly: true })
    return schemaVersion(db, path) > 0
  } catch (error) {
    throw wrapFailure(error, path)
  } finally {
    db?.close()
  }
}
