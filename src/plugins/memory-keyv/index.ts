/**
 * Short-term memory over any Keyv store, or a plain `Map`.
 *
 * @module
 */

export { keyvMemory } from './keyv-memory.ts'
export type { KeyvMemoryOptions } from './options.ts'
export type { KeyvStore } from './key-values.ts'
