import { randomUUID } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { type JsonObject, OpspawnError } from '../../../core/index.ts'
import type { McpToolDefinition } from '../port.ts'
import { isObject } from '../faults.ts'

/**
 * Definitions of a server as they came, kept so that tools are there before a connection.
 *
 * @property identity What the server is: its command with its version, or its origin.
 * @property instructions What it says of itself.
 * @property tools Its definitions.
 */
export interface StoredCatalog {
  readonly identity: JsonObject
  readonly instructions: string | null
  readonly tools: readonly McpToolDefinition[]
}

/**
 * Where catalogs are kept, by server; those of servers that know their users are kept only where `catalogPersonal` says so,
 * by server and principal.
 *
 * @property read All that is kept, in the order in which it was written.
 * @property write Puts all in the place of what was kept.
 */
export interface McpCatalogStore {
  read(): Promise<Readonly<Record<string, StoredCatalog>>>
  write(catalogs: Readonly<Record<string, StoredCatalog>>): Promise<void>
}

/** Catalogs in a file. A missing one is an empty one; one that cannot be read is an error. */
export function mcpCatalogFile(path: string): McpCatalogStore {
  return {
    async read() {
      let text: string
      try {
        text = await readFile(path, 'utf8')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
        throw failed(path, 'read', error)
      }
      try {
        const value: unknown = JSON.parse(text)
        if (!isObject(value) || !Object.values(value).every(isStored)) throw new Error('it has not the form of a stored catalog')
        return value as Readonly<Record<string, StoredCatalog>>
      } catch (error) {
        throw failed(path, 'read', error)
      }
    },
    async write(catalogs) {
      const other = `${path}.${randomUUID()}`
      try {
        // It may tell what a single user is shown.
        await writeFile(other, JSON.stringify(catalogs), { mode: 0o600 })
        await rename(other, path)
      } catch (error) {
        await rm(other, { force: true })
        throw failed(path, 'written', error)
      }
    },
  }
}

function isStored(value: unknown): boolean {
  return isObject(value) && isObject(value['identity']) && Array.isArray(value['tools'])
}

function failed(path: string, what: string, error: unknown): OpspawnError {
  const text = `the catalog ${path} cannot be ${what}: ${(error as Error).message}; remove it, and it is made anew`
  return new OpspawnError('STORE_FAILED', text, { cause: error, retryable: false })
}
