import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { NAME } from './format.ts'

/** Whether a folder holds the table of a memory, of whatever version; it need not be there. LanceDB is not loaded for it. */
export const holdsMemory = (path: string): boolean => existsSync(join(path, `${NAME}.lance`))
