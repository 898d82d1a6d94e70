import { existsSync } from 'node:fs'
import { OpspawnError, type Store } from '../../core/index.ts'
import type { SqliteStore } from '../../plugins/store-sqlite/index.ts'
import type { Call } from '../calling/command.ts'
import { requireConfig } from './config-file.ts'
import { configuredStore, storeFile } from './open.ts'
import { usageError } from '../calling/report-error.ts'

/**
 * Opens the SQLite file of a call, for what is done to the file itself; only `mayBeNew` makes one.
 *
 * @throws OpspawnError `OPTIONS_INVALID`, `STORE_FAILED`
 */
export async function withSqliteFile<T>(
  call: Call,
  act: (store: SqliteStore) => Promise<T>,
  { mayBeNew = false }: { readonly mayBeNew?: boolean } = {},
): Promise<T> {
  const given = storeFile(call, !mayBeNew) ?? configuredStore((await requireConfig(call)).options)
  const store = await toSqliteStore(given)
  try {
    if (!mayBeNew && !existsSync(store.path)) throw usageError(`there is no file ${store.path}`, undefined, 'store-missing')
    await store.open()
    return await act(store)
  } finally {
    await store[Symbol.asyncDispose]()
  }
}

async function toSqliteStore(given: Store | string | undefined): Promise<SqliteStore> {
  if (typeof given === 'string') return (await import('../../plugins/store-sqlite/index.ts')).sqliteStore({ path: given })
  if (given !== undefined && 'vacuum' in given && 'backup' in given) return given as SqliteStore
  throw new OpspawnError(
    'PLUGIN_CAPABILITY_MISSING',
    `the configured store is ${given?.name ?? 'in memory'}, not a SQLite file`,
    {
      details: { hint: 'give the file with --store' },
    },
  )
}
