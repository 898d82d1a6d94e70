// Stores of a test of the SQLite store, in a folder of their own that goes with the test file.
import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach } from 'vitest'
import type { Claim, NewRun, RunEvent, Store } from '../../src/core/index.ts'
import { inlineThreads } from './inline-threads.ts'
import { sqliteStore, sqliteTransaction, type SqliteStoreOptions } from '../../src/plugins/store-sqlite/index.ts'
import { checkOptions } from '../../src/plugins/store-sqlite/options.ts'
import type { TransactionProbe } from '../../src/testing/index.ts'
import { FileStore, type SqliteStore } from '../../src/plugins/store-sqlite/sqlite-store.ts'

export const folder: string = mkdtempSync(join(tmpdir(), 'opspawn-sqlite-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0
export const newPath = (): string => join(folder, `${(count += 1)}.db`)

export const opened: SqliteStore[] = []
afterEach(async () => {
  for (const store of opened.splice(0)) await store[Symbol.asyncDispose]()
})

/** A store whose threads run in this one. */
export function open(options: Partial<SqliteStoreOptions> = {}): SqliteStore {
  const store = new FileStore(checkOptions({ path: newPath(), ...options }), inlineThreads)
  opened.push(store)
  return store
}

/** A store as users have it. */
export function openThreaded(options: Partial<SqliteStoreOptions> = {}): SqliteStore {
  const store = sqliteStore({ path: newPath(), ...options })
  opened.push(store)
  return store
}

export function newRun(runId: string, rest: Omit<NewRun, 'origin'> = {}, more: Partial<NewRun['origin']> = {}): NewRun {
  const origin = { runId, agent: 'agent', definition: 'v1', tenant: 't', input: 1, rootId: runId, depth: 0, limits: {} }
  return { ...rest, origin: { ...origin, ...more } }
}

export async function own(store: Store, runId: string, leaseMs: number = 60_000): Promise<Claim> {
  const [claim] = await store.claim({ workerId: 'w', leaseMs, runId })
  if (claim === undefined) throw new Error(`${runId} is not ready`)
  return claim
}

export async function end(store: Store, runId: string): Promise<void> {
  const { fence, run } = await own(store, runId)
  const outcome = { status: 'completed', output: null } as const
  const event: RunEvent = { type: 'run-end', outcome, version: 1, seq: run.seq + 1, at: 0 }
  await store.append(fence, run.seq, [event], { end: { outcome } })
}

export function note(seq: number, state: string = 'x'): RunEvent {
  return { type: 'decision', effects: [], state, version: 1, seq, at: seq }
}

export const idsOf = async (store: Store): Promise<string[]> => (await store.list({}, {})).runs.map(({ runId }) => runId)

/** Opens a store's file, and makes a table in it for tools to write to. */
export async function withNotes(store: SqliteStore): Promise<SqliteStore> {
  await store.open()
  onFile(store.path, (db) => db.exec('CREATE TABLE notes (text TEXT NOT NULL UNIQUE) STRICT'))
  return store
}

/** Looks at a file, or changes it, through a connection of one's own. */
export function onFile<T>(path: string, act: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(path)
  try {
    return act(db)
  } finally {
    db.close()
  }
}

/** What tools wrote into the table, sorted. */
export function notesIn(path: string): readonly string[] {
  const rows = onFile(path, (db) => db.prepare('SELECT text FROM notes ORDER BY text').all())
  return rows.map((row) => String(row['text']))
}

/** How the suite writes through transactions of a SQLite store. */
export const transactions: TransactionProbe = {
  write: (tx, text) => sqliteTransaction({ tx }).run('INSERT INTO notes VALUES (?)', text),
  written: async (store) => notesIn((store as SqliteStore).path),
}
