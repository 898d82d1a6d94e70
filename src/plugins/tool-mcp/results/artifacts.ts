import { randomUUID } from 'node:crypto'
import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OpspawnError, toFailure } from '../../../core/index.ts'
import { optionsInvalid } from '../faults.ts'

/**
 * Where what is too large for a history, or binary, is kept. Keys are hexadecimal, and tell nothing.
 *
 * @property put Keeps bytes under a key, whole or not at all.
 * @property read.bytes From `offset` on, at most `length`.
 * @property read.size Bytes in all.
 */
export interface McpArtifacts {
  /** How long things stay, in words, for the model that asks in vain. */
  readonly lifetime: string
  put(key: string, bytes: Uint8Array): Promise<void>
  /** Part of what is kept; `undefined`: it is not there. */
  read(key: string, offset: number, length: number): Promise<{ readonly bytes: Uint8Array; readonly size: number } | undefined>
}

/** 64 MiB. */
const MOST_KEPT = 67_108_864

/** Artifacts in this process, the oldest given up where there are more than `maxBytes` in all; gone with the process. @default 64 MiB */
export function mcpMemoryArtifacts({ maxBytes = MOST_KEPT }: { readonly maxBytes?: number } = {}): McpArtifacts {
  if (!Number.isSafeInteger(maxBytes) || maxBytes <= 0)
    throw optionsInvalid('mcpMemoryArtifacts: maxBytes must be a whole number above 0')
  const kept = new Map<string, Uint8Array>()
  let total = 0
  function drop(key: string): void {
    total -= kept.get(key)?.length ?? 0
    kept.delete(key)
  }
  return {
    lifetime: `such results are kept until the process ends, the latest ${maxBytes} bytes of them`,
    put(key, bytes) {
      drop(key)
      kept.set(key, bytes)
      total += bytes.length
      for (const oldest of kept.keys()) {
        if (total <= maxBytes) break
        drop(oldest)
      }
      return Promise.resolve()
    },
    read(key, offset, length) {
      const bytes = kept.get(key)
      return Promise.resolve(
        bytes === undefined ? undefined : { bytes: bytes.subarray(offset, offset + length), size: bytes.length },
      )
    },
  }
}

/** Artifacts in files of a folder, which is made if need be. They stay until somebody removes them, also over restarts. */
export function mcpFolderArtifacts(folder: string): McpArtifacts {
  return {
    lifetime: 'such results are kept until the operator removes them',
    async put(key, bytes) {
      const other = join(folder, `${key}.${randomUUID()}`)
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 })
        await writeFile(other, bytes, { mode: 0o600 })
        await rename(other, join(folder, key))
      } catch (error) {
        await rm(other, { force: true })
        throw storeFailed('kept', folder, error)
      }
    },
    async read(key, offset, length) {
      try {
        const { size } = await stat(join(folder, key))
        const file = await open(join(folder, key))
        try {
          const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)))
          const { bytesRead } = await file.read(bytes, 0, bytes.length, offset)
          return { bytes: bytes.subarray(0, bytesRead), size }
        } finally {
          await file.close()
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw storeFailed('read', folder, error)
      }
    },
  }
}

function storeFailed(what: string, folder: string, error: unknown): OpspawnError {
  const why = toFailure(error, 'STORE_FAILED').message
  return new OpspawnError('STORE_FAILED', `a result could not be ${what} in ${folder}: ${why}`, { cause: error })
}
