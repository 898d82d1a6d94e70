import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { NAME } from './table.ts'

/** Whether a folder holds the table of a memory, of whatever version; it need not be there. LanceDB is not loaded for it. */
export function holdsMemory(path: string): boolean {
  return existsSync(join(path, `${NAME}.lance`))
}
