/**
 * A memory in a SQLite file, which several processes may share: alone, or in the file of a SQLite store.
 *
 * @module
 */

export { holdsMemory } from './holds-memory.ts'
export { sqliteMemory } from './sqlite-memory.ts'
export type { SqliteMemoryOptions } from './options.ts'
