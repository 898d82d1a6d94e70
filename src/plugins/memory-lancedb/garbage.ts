import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { memoryFailed } from '../../remembering/index.ts'

/** Whether a folder may still hold bytes of what is no record any more. An empty file says so, to every process and to the next. */
export interface Garbage {
  /** Says so. Whoever calls it holds the lock, and has not removed anything yet. @throws OpspawnError `MEMORY_FAILED` */
  note(): Promise<void>
  isThere(): boolean
  /** All of it was removed, under the same lock. */
  clear(): Promise<void>
}

/** Makes the garbage of a folder. */
export function createGarbage(folder: string): Garbage {
  const path = join(folder, 'garbage.mark')
  return {
    async note() {
      try {
        await writeFile(path, '')
      } catch (error) {
        throw memoryFailed('write', `${path} cannot be written, so nothing was removed; its cause says more`, error)
      }
    },
    isThere: () => existsSync(path),
    clear: () => rm(path, { force: true }),
  }
}
