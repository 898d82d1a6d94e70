/**
 * The store in a SQLite file: runs survive the process, and several processes share them.
 *
 * @module
 */

export { sqliteStore, type SqliteStore } from './sqlite-store.ts'
export type { SqliteStoreOptions } from './options.ts'
export { sqliteTransaction, type SqliteTransaction } from './transaction.ts'
export type { SqlRow, SqlValue } from './message.ts'
