/**
 * The store of one process: it keeps runs until the process ends.
 *
 * @module
 */

export { memoryStore } from './memory-store.ts'
export type { MemoryStoreOptions } from './options.ts'
