import type { JsonObject, Memory, MemoryRecord } from '../../core/index.ts'
import { compareText, encodeScope, exportLines, newAmong, readRecord } from '../../remembering/index.ts'
import type { PartName } from './options.ts'
import { comesFirst } from './reading.ts'
import { partFor } from './writing.ts'

type Named = readonly (readonly [name: PartName, memory: Memory])[]

/**
 * The records of all parts in the order of an export. Places of two parts may be the same: one that is taken moves behind the
 * record before it, and keeps that place wherever it is imported.
 */
export async function* recordsOf(
  memories: Named,
  tenant: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<MemoryRecord, void, undefined> {
  const streams = memories.map(([, memory]) => recordsIn(memory.export(tenant, { signal })))
  const heads = await Promise.all(streams.map((stream) => stream.next()))
  let scope = ''
  let last = 0
  for (;;) {
    let best = -1
    heads.forEach((head, at) => {
      const other = heads[best]
      if (head.done !== true && (other === undefined || other.done === true || comesFirst(head.value, other.value) < 0)) best = at
    })
    const head = heads[best]
    if (head === undefined || head.done === true) return
    const record = head.value
    const key = encodeScope(record.scope)
    if (compareText(key, scope) !== 0) [scope, last] = [key, 0]
    last = Math.max(record.seq, last + 1)
    yield last === record.seq ? record : { ...record, seq: last }
    heads[best] = await (streams[best] as (typeof streams)[number]).next()
  }
}

async function* recordsIn(lines: AsyncIterable<JsonObject>): AsyncGenerator<MemoryRecord, void, undefined> {
  for await (const line of lines) if (line['type'] === 'record') yield readRecord(line, 'a record of a part')
}

/** Hands imported records to the parts of their kinds; those that some part has already are passed over. */
export async function takeIn(
  memories: Named,
  records: readonly MemoryRecord[],
  signal: AbortSignal | undefined,
): Promise<number> {
  const parts = memories.map(([name, memory]) => ({ name, memory }))
  const present = new Map<string, MemoryRecord>()
  const keyOf = ({ scope, id }: MemoryRecord): string => `${encodeScope(scope)}:${id}`
  for (const own of Map.groupBy(records, ({ scope }) => encodeScope(scope)).values()) {
    const ids = own.map(({ id }) => id)
    for (const { memory } of parts)
      for (const record of await memory.bind((own[0] as MemoryRecord).scope).get(ids, { signal }))
        present.set(keyOf(record), record)
  }
  const fresh = newAmong(records, (record) => present.get(keyOf(record)))
  let count = 0
  for (const [{ memory }, own] of Map.groupBy(fresh, ({ kind }) => partFor(parts, kind)))
    count += (await memory.import(exportLines((own[0] as MemoryRecord).scope.tenant, own), { signal })).imported
  return count
}
