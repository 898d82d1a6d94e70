// Asks a memory a thousand times, opens and closes others, and ends by itself with one open: `quiet <memory> <folder> <times>`.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Memory } from '../../../src/core/index.ts'
import { compositeMemory } from '../../../src/plugins/memory-composite/index.ts'
import { inProcessMemory } from '../../../src/plugins/memory-in-process/index.ts'
import { keyvMemory } from '../../../src/plugins/memory-keyv/index.ts'
import { lancedbMemory } from '../../../src/plugins/memory-lancedb/index.ts'
import { sqliteMemory } from '../../../src/plugins/memory-sqlite/index.ts'
import { testEmbedder } from '../../../src/testing/memory-world.ts'

const [name = '', folder = '', times = ''] = process.argv.slice(2)
const map = new Map()
const factories: Readonly<Record<string, (path: string) => Memory & AsyncDisposable>> = {
  'in-process': (path) => inProcessMemory({ path, sync: false, embedder: testEmbedder() }),
  keyv: (path) => keyvMemory({ store: map, name: path }),
  sqlite: (path) => sqliteMemory({ path, embedder: testEmbedder() }),
  lancedb: (path) => lancedbMemory({ path, embedder: testEmbedder() }),
  'composite without threads': (path) =>
    compositeMemory({
      window: keyvMemory({ store: map, name: path }),
      longTerm: inProcessMemory({ path: `${path}.long.jsonl`, sync: false, embedder: testEmbedder() }),
      working: inProcessMemory({ path: `${path}.jsonl`, sync: false }),
    }),
  composite: (path) =>
    compositeMemory({
      window: keyvMemory({ store: map, name: path }),
      longTerm: sqliteMemory({ path, embedder: testEmbedder() }),
      working: inProcessMemory({ path: `${path}.jsonl`, sync: false }),
    }),
}
const create = (path: string): Memory & AsyncDisposable => (factories[name] as (typeof factories)[string])(join(folder, path))

/** What a leak would add to: files, threads, handles that Node knows of, listeners of the process. */
function held(): Readonly<Record<string, number>> {
  const countIn = (path: string): number => (existsSync(path) ? readdirSync(path).length : 0)
  const listeners = process.eventNames().reduce((sum, event) => sum + process.listenerCount(event), 0)
  const handles = process.getActiveResourcesInfo().length
  return { files: countIn('/proc/self/fd'), threads: countIn('/proc/self/task'), handles, listeners }
}

async function openAndClose(count: number): Promise<void> {
  const one = async (at: number): Promise<void> => {
    // Not `await using`, which Node 22 does not know.
    const memory = create(`others-${at % 4}`)
    const handle = memory.bind({ tenant: 't' })
    await handle.append([{ id: 'a', kind: 'fact', text: 'kept' }])
    await handle.recall('kept')
    await memory[Symbol.asyncDispose]()
  }
  for (let at = 0; at < count; at += 4) await Promise.all([0, 1, 2, 3].map((more) => one(at + more)))
}

const kept = create('kept')
const handle = kept.bind({ tenant: 't' })
const kinds = ['message', 'fact', 'summary'] as const
for (let at = 0; at < 30; at += 1)
  await handle.append([{ kind: kinds[at % 3] ?? 'fact', text: `turn ${at} of many` }], { signal: new AbortController().signal })
let found = 0
for (let at = 0; at < 1000; at += 5)
  for (const recall of await Promise.all([0, 1, 2, 3, 4].map((more) => handle.recall(`turn ${at + more} of many`))))
    found += recall.items.length > 0 ? 1 : 0
await openAndClose(20)
const before = held()
await openAndClose(Number(times))
const after = held()
console.log(JSON.stringify({ found, more: Object.keys(before).map((what) => [what, (after[what] ?? 0) - (before[what] ?? 0)]) }))
