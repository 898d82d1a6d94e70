/** Check 25 at its full size: a hundred thousand records go through a process that has little memory. */
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import type { MemoryRecord } from '../../src/core/index.ts'
import { contentHash, encodeScope, exportLines } from '../../src/remembering/index.ts'
import { newFolder, startWith } from './processes.ts'

const RECORDS = 100_000
const SESSIONS = 50
const HEAP_MB = 200

/** By scope, then place, as an export has them. */
function* records(): Generator<MemoryRecord> {
  const scopes = Array.from({ length: SESSIONS }, (_, at) => ({ tenant: 't', session: `s${at}` }))
  scopes.sort((left, right) => (encodeScope(left) < encodeScope(right) ? -1 : 1))
  for (const scope of scopes)
    for (let seq = 1; seq <= RECORDS / SESSIONS; seq += 1) {
      const text = `The heron of ${scope.session} stands in field ${seq}, and waits for the frogs of the evening.`
      const entry = { kind: 'fact', text, source: { type: 'walk', at: seq }, metadata: { at: seq } } as const
      yield {
        ...entry,
        id: `id ${seq}`,
        scope,
        seq,
        createdAt: 1_700_000_000_000 + seq,
        version: 1,
        contentHash: contentHash(entry),
      }
    }
}

async function writeExport(file: string): Promise<void> {
  const out = createWriteStream(file)
  for await (const line of exportLines('t', records())) if (!out.write(`${JSON.stringify(line)}\n`)) await once(out, 'drain')
  out.end()
  await once(out, 'finish')
}

/** The number of the first line that differs, but for the header; undefined: none does. */
async function differenceOf(one: string, other: string): Promise<number | undefined> {
  const [left, right] = [one, other].map((file) => createInterface({ input: createReadStream(file) })[Symbol.asyncIterator]())
  for (let number = 1; ; number += 1) {
    const [first, second] = [await left?.next(), await right?.next()]
    if (first?.done === true && second?.done === true) return undefined
    if (number > 1 && first?.value !== second?.value) return number
  }
}

test.each(['sqlite', 'in-process', 'lancedb', 'keyv, a Map', 'keyv, SQLite'])(
  '25: 100,000 records go into %s and out again, byte for byte, in a process with a heap of 200 MB',
  { timeout: 600_000 },
  async (name) => {
    const folder = newFolder()
    const [given, written] = [join(folder, 'given.jsonl'), join(folder, 'written.jsonl')]
    await writeExport(given)
    const program = startWith([`--max-old-space-size=${HEAP_MB}`], 'transfer', name, join(folder, 'memory'), given, written)
    await program.line('exported')
    expect(await program.ended).toBe(0)
    expect(program.lines).toEqual([`imported ${RECORDS}`, 'exported'])
    expect(await differenceOf(given, written)).toBeUndefined()
  },
)
