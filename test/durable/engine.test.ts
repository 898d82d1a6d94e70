/** What the engine promises, once more with every store that the tests make in a SQLite file. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, vi } from 'vitest'
import type { MemoryStoreOptions } from '../../src/plugins/store-memory/index.ts'
import type { SqliteStore } from '../../src/plugins/store-sqlite/index.ts'
import { checkOptions } from '../../src/plugins/store-sqlite/options.ts'
import { FileStore } from '../../src/plugins/store-sqlite/sqlite-store.ts'
import { inlineThreads } from './inline-threads.ts'

const files = vi.hoisted(() => ({ folder: '', count: 0, opened: [] as { close: () => Promise<void> }[] }))
files.folder = mkdtempSync(join(tmpdir(), 'opspawn-engine-'))

vi.mock('../../src/plugins/store-memory/index.ts', () => ({
  memoryStore({ clock, capacity, signals }: MemoryStoreOptions = {}): SqliteStore {
    files.count += 1
    const path = join(files.folder, `${files.count}.db`)
    const limits = { ...(capacity && { capacity }), ...(signals && { signals }) }
    const given = { path, durability: 'process' as const, ...(clock && { clock }), ...limits }
    const store = new FileStore(checkOptions(given), inlineThreads)
    files.opened.push({ close: () => store[Symbol.asyncDispose]() })
    return store
  },
}))

afterAll(async () => {
  for (const { close } of files.opened) await close()
  rmSync(files.folder, { recursive: true, force: true })
})

describe.each([
  'recovery',
  'zombies',
  'quarantine',
  'sessions',
  'approvals',
  'bound-approvals',
  'signals-and-waits',
  'reactive-planners',
  'children',
  'children-ends',
  'budgets',
  'spending',
  'shared-budgets',
  'pausing',
  'pausing-crashes',
  'unknown-outcomes',
  'forking',
  'retrying-runs',
  'forked-effects',
  'schedules',
  'wrong-schedules',
  'continuing',
  'task-rules',
])('%s', async (name) => {
  await import(`../engine/${name}.test.ts`)
})
