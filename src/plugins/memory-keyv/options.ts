import type { MemoryCapabilities } from '../../core/index.ts'
import {
  checkMemoryOptions,
  found,
  isObject,
  optionsInvalid,
  requireWhole,
  type CommonMemoryOptions,
  type CommonMemoryParts,
} from '../../remembering/index.ts'
import { innermost } from './claim.ts'
import type { KeyvStore } from './key-values.ts'

/** Where a short-term memory keeps what it knows. It makes no vectors: recall goes by words. */
export interface KeyvMemoryOptions extends Omit<CommonMemoryOptions, 'embedder' | 'dims'> {
  /** A Keyv instance of version 5.6 to 6, a storage adapter of Keyv, or a `Map`. It stays yours: it is never opened or closed here. */
  readonly store: KeyvStore
  /** Most records in one entry of the store, 1 to 256. @default 16 */
  readonly chunk?: number | undefined
  /** Most records that are held in this process to be searched; those of scopes that were not used lately are let go, to be read again. @default 50_000 */
  readonly cache?: number | undefined
  /** What an acknowledged write survives in this store, which nobody but you can tell. @default none */
  readonly durability?: MemoryCapabilities['durability'] | undefined
}

/** The options with their defaults. */
export interface KeyvMemoryParts extends CommonMemoryParts {
  readonly store: KeyvStore
  readonly chunk: number
  readonly cache: number
  readonly durability: MemoryCapabilities['durability']
  /** The data is in a `Map` of this process: nobody else writes it, and what is deleted is gone. */
  readonly isInMemory: boolean
}

const DURABILITIES: readonly unknown[] = ['none', 'process', 'disk', 'replicated']

/** @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID` */
export function checkOptions(options: KeyvMemoryOptions): KeyvMemoryParts {
  const common = checkMemoryOptions('keyvMemory', options, 'memory-keyv', ['store', 'chunk', 'cache', 'durability'])
  const { store, chunk = 16, cache = 50_000, durability = 'none' } = options
  if (common.embedder !== undefined)
    throw optionsInvalid('keyvMemory', 'has no vectors, so an embedder is of no use to it; use a long-term memory')
  for (const method of ['get', 'set', 'delete'])
    if (!isObject(store) || typeof (store as Readonly<Record<string, unknown>>)[method] !== 'function')
      throw optionsInvalid(
        'keyvMemory',
        `store must be a Keyv instance, an adapter of Keyv or a Map, not ${found(store)} without ${method}()`,
      )
  if (!DURABILITIES.includes(durability))
    throw optionsInvalid('keyvMemory', `durability must be none, process, disk or replicated, not ${found(durability)}`)
  requireWhole('keyvMemory', 'chunk', chunk, 1, 256)
  requireWhole('keyvMemory', 'cache', cache, 1)
  return { ...common, store, chunk, cache, durability, isInMemory: innermost(store) instanceof Map }
}
