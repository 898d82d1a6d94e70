/**
 * The store in a SQLite file: runs survive the process, and several processes share them.
 *
 * @module
 */

export { sqliteStore, type SqliteStore } from './sqlite-store.ts'
export type { SqliteStoreOptions } from './options.ts'
