/** Check 27: what a memory says where it may not write. Root may write everywhere, so the process becomes somebody else first. */
import { chmodSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Memory } from '../../src/core/index.ts'
import { inProcessMemory } from '../../src/plugins/memory-in-process/index.ts'
import { lancedbMemory } from '../../src/plugins/memory-lancedb/index.ts'
import { sqliteMemory } from '../../src/plugins/memory-sqlite/index.ts'
import { fact } from '../../src/testing/memory-world.ts'
import { using } from '../fixtures/file-memories.ts'
import { newFolder, start } from './processes.ts'

const create = { 'in-process': inProcessMemory, lancedb: lancedbMemory, sqlite: sqliteMemory }

/** All files of a folder with what is in them. */
function contents(folder: string): readonly string[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile())
  return files.map((file) => `${file.name}: ${readFileSync(join(file.parentPath, file.name), 'latin1')}`).toSorted()
}

/** Rights of a folder and all that is in it. */
function allow(folder: string, ofFolders: number, ofFiles: number): void {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  chmodSync(folder, ofFolders)
  for (const entry of entries) chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? ofFolders : ofFiles)
}

const [whole, few] = [
  ['umbrella', 'harbour'],
  ['a 1', 'b 2'],
]
const refused = (reason: string, count: number): readonly unknown[] =>
  Array.from({ length: count }, () => ['MEMORY_FAILED', reason])
/** What the calls of the program are told: a listing, a recall, an append, an update, an erasure, upkeep, and a listing again. */
const READING = [whole, 1, ...refused('write', 4), few]

test.skipIf(process.platform === 'win32').each([
  ['in-process', 'folder', READING],
  ['in-process', 'file', READING],
  ['lancedb', 'folder', READING],
  // SQLite makes a file beside this one even to read it.
  ['sqlite', 'folder', refused('read-only', 7)],
  ['sqlite', 'file', [whole, 1, ...refused('read-only', 4), few]],
] as const)(
  '27: %s without the right to write its %s says so with a code, changes nothing, and reads what it can',
  async (name, what, told) => {
    const [folder, other] = [newFolder(), newFolder()]
    await using(create[name]({ path: join(folder, 'memory') }) as Memory, async (memory) => {
      await memory.bind({ tenant: 't' }).append([fact('umbrella', { id: 'a' }), fact('harbour', { id: 'b' })])
      // Something for upkeep to remove.
      await memory.bind({ tenant: 't' }).update('b', { metadata: { n: 1 } })
    })
    const before = contents(folder)
    allow(folder, what === 'folder' ? 0o555 : 0o777, 0o444)
    try {
      const program = start('read-only', name, folder, other)
      expect(JSON.parse(await program.line('['))).toEqual(told)
      expect(await program.ended).toBe(0)
      expect(contents(folder).filter((file) => !/^memory-(shm|wal): /.test(file))).toEqual(before)
    } finally {
      allow(folder, 0o755, 0o644)
    }
  },
)
