// Uses a memory that may only be read, as somebody who is not root: `read-only <memory> <folder> <other folder>`.
import { join } from 'node:path'
import type { Memory } from '../../../src/core/index.ts'
import { OpspawnError } from '../../../src/core/index.ts'
import { inProcessMemory } from '../../../src/plugins/memory-in-process/index.ts'
import { lancedbMemory } from '../../../src/plugins/memory-lancedb/index.ts'
import { sqliteMemory } from '../../../src/plugins/memory-sqlite/index.ts'

const [name = '', folder = '', other = ''] = process.argv.slice(2)
const factories = { 'in-process': inProcessMemory, lancedb: lancedbMemory, sqlite: sqliteMemory }
const create = (path: string): Memory & AsyncDisposable => factories[name as keyof typeof factories]({ path })
const NOBODY = 65_534

async function use(memory: Memory & AsyncDisposable): Promise<readonly unknown[]> {
  const handle = memory.bind({ tenant: 't' })
  const calls: readonly (() => Promise<unknown>)[] = [
    async () => (await handle.list({})).records.map(({ text }) => text),
    async () => (await handle.recall('umbrella')).items.length,
    () => handle.append([{ id: 'new', kind: 'fact', text: 'new' }]),
    () => handle.update('a', { text: 'changed' }),
    () => handle.forget({ ids: ['b'] }, 'erase'),
    () => memory.maintain(),
    async () => (await handle.list({})).records.map(({ id, version }) => `${id} ${version}`),
  ]
  const ends: unknown[] = []
  for (const call of calls)
    ends.push(
      await call().catch((error: unknown) =>
        OpspawnError.is(error) ? [error.code, (error.details as { readonly reason?: unknown }).reason] : String(error),
      ),
    )
  await memory[Symbol.asyncDispose]()
  return ends
}

// Whatever is loaded late is loaded while everything may still be read.
await use(create(join(other, 'memory')))
if (process.getuid?.() === 0) {
  process.setgroups?.([])
  process.setgid?.(NOBODY)
  process.setuid?.(NOBODY)
}
console.log(JSON.stringify(await use(create(join(folder, 'memory')))))
