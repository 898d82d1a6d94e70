// Takes records in from a file of lines, and writes them to another: `transfer <memory> <path> <from> <to>`.
import { createReadStream, createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { JsonObject } from '../../../src/core/index.ts'
import { inProcessMemory } from '../../../src/plugins/memory-in-process/index.ts'
import { lancedbMemory } from '../../../src/plugins/memory-lancedb/index.ts'
import { sqliteMemory } from '../../../src/plugins/memory-sqlite/index.ts'

const [name = '', path = '', from = '', to = ''] = process.argv.slice(2)
const factories = { 'in-process': inProcessMemory, lancedb: lancedbMemory, sqlite: sqliteMemory }
const memory = factories[name as keyof typeof factories]({ path })

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
