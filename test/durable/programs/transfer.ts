// Takes records in from a file of lines, and writes them to another: `transfer <memory> <path> <from> <to>`.
import { createReadStream, createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import KeyvSqlite from '@keyv/sqlite'
import type { JsonObject, Memory } from '../../../src/core/index.ts'
import { inProcessMemory } from '../../../src/plugins/memory-in-process/index.ts'
import { keyvMemory } from '../../../src/plugins/memory-keyv/index.ts'
import { lancedbMemory } from '../../../src/plugins/memory-lancedb/index.ts'
import { sqliteMemory } from '../../../src/plugins/memory-sqlite/index.ts'

const [name = '', path = '', from = '', to = ''] = process.argv.slice(2)
const factories: Readonly<Record<string, () => Memory & AsyncDisposable>> = {
  'in-process': () => inProcessMemory({ path }),
  'keyv, a Map': () => keyvMemory({ store: new Map() }),
  'keyv, SQLite': () => keyvMemory({ store: new KeyvSqlite({ uri: `sqlite://${path}`, driver: 'node:sqlite', wal: true }) }),
  lancedb: () => lancedbMemory({ path }),
  sqlite: () => sqliteMemory({ path }),
}
const memory = (factories[name] as () => Memory & AsyncDisposable)()

async function* linesOf(file: string): AsyncGenerator<JsonObject> {
  for await (const line of createInterface({ input: createReadStream(file) })) yield JSON.parse(line) as JsonObject
}

console.log(`imported ${(await memory.import(linesOf(from))).imported}`)
const out = createWriteStream(to)
for await (const line of memory.export('t')) if (!out.write(`${JSON.stringify(line)}\n`)) await once(out, 'drain')
out.end()
await once(out, 'finish')
await memory[Symbol.asyncDispose]()
console.log('exported')
