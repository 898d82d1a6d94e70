/**
 * The store of one process: it keeps runs until the process ends.
 *
 * @module
 */

export { memoryStore, type MemoryStoreOptions } from './memory-store.ts'
