import type { Memory, MemoryRecord, MemoryStats } from '../../core/index.ts'
import {
  checkGrant,
  checkScope,
  checkTenant,
  createOpening,
  encodeScope,
  exportLines,
  importLines,
  memoryClosed,
  newAmong,
  signalOf,
  tryEmbed,
  untilAborted,
  withFreePlaces,
  type Position,
} from '../../remembering/index.ts'
import { VECTOR } from './arrow-table.ts'
import { RECORD } from './columns.ts'
import { recordReader } from './rows.ts'
import type { View } from './committing.ts'
import { createHandle, settled, type HandleContext, type Workings } from './handle.ts'
import { checkOptions, type LancedbMemoryOptions, type LancedbParts } from './options.ts'
import { alive, all, ofTenant } from './predicate.ts'
import { readInOrder } from './listing.ts'
import { openRecords, type RecordTable } from './table.ts'
import { createUpkeep } from './upkeep.ts'
import { usablePlan } from './vector-index.ts'
import { createWriter } from './writer.ts'

/** Records that are read or embedded at once. */
const BATCH = 128

/**
 * A long-term memory in a folder of LanceDB, which several processes of one machine may share. Words are found by an index, vectors
 * by comparing a tenant's or, where those are very many, by an index too. The packages `@lancedb/lancedb` and `apache-arrow` are
 * loaded by the first call. On abort a call rejects at once with the signal's reason, and a write that was under way ends by itself.
 *
 * @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID`
 */
export function lancedbMemory(options: LancedbMemoryOptions): Memory & AsyncDisposable {
  const parts = checkOptions(options)
  const { name, embedder } = parts
  const memory = createContext(parts)
  return {
    spec: 'memory/1',
    name,
    capabilities: {
      lexical: true,
      vector: embedder !== undefined,
      ttl: true,
      atomicAppend: true,
      multiProcess: true,
      erase: true,
      durability: 'process',
    },
    bind: (scope, grant) => createHandle(memory, { scope: checkScope(scope), granted: checkGrant(grant) }),
    async maintain(options) {
      const signal = signalOf('maintain', options)
      signal?.throwIfAborted()
      const { table, writer, upkeep } = await settled(memory, signal)
      const over = `expiresAt <= ${parts.now()}`
      const hasExpired = async (): Promise<boolean> => (await table.count(over)) > 0
      async function clean(): Promise<void> {
        if (await hasExpired()) {
          await table.garbage.note()
          await table.delete(over)
        }
        if (table.garbage.isThere()) await upkeep.purge([])
      }
      if ((await hasExpired()) || table.garbage.isThere()) await writer.alone(clean, { signal })
      await untilAborted(upkeep.fold(), signal)
      await embedPending(memory, signal)
    },
    async stats(tenant, options) {
      const signal = signalOf('stats', options)
      signal?.throwIfAborted()
      const owner = tenant === undefined ? undefined : ofTenant(checkTenant(tenant))
      return untilAborted(statsOf(memory, owner), signal)
    },
    async *export(tenant, options) {
      const signal = signalOf('export', options)
      const owner = checkTenant(tenant)
      const { table } = await settled(memory, signal)
      const records = everything(table, all(ofTenant(owner), alive(parts.now())))
      yield* exportLines(owner, records, { embedder: embedder?.id, signal })
    },
    async import(lines, options) {
      const signal = signalOf('import', options)
      await memory.workings()
      return { imported: await importLines(lines, (records) => takeIn(memory, records, signal), { signal }) }
    },
    [Symbol.asyncDispose]: () => memory.close(),
  }
}

interface Context extends HandleContext {
  readonly failures: () => number
  readonly close: () => Promise<void>
}

function createContext(parts: LancedbParts): Context {
  let failures = 0
  const noteFailure = (): void => void (failures += 1)
  const opening = createOpening(parts.name, () => open(parts, noteFailure))
  return {
    parts,
    workings: opening.get,
    noteFailure,
    failures: () => failures,
    close: () =>
      opening.close(async (workings) => {
        try {
          await workings?.writer.close()
        } finally {
          await workings?.upkeep.idle()
          await workings?.table.close()
        }
      }),
  }
}

async function open(parts: LancedbParts, onFailure: () => void): Promise<Workings> {
  const table = await openRecords(parts)
  const upkeep = createUpkeep(table, parts)
  const writer = createWriter(table, { onCommit: () => upkeep.noteCommit(), onFailure, closed: () => memoryClosed(parts.name) })
  await upkeep.begin()
  return { table, upkeep, writer }
}

async function statsOf(memory: Context, owner: string | undefined): Promise<MemoryStats> {
  const { failures, parts } = memory
  const { table, upkeep } = await settled(memory)
  const column = await table.vectors()
  const records = await table.count(owner)
  const pending =
    parts.embedder === undefined ? 0 : column !== undefined ? await table.count(all(owner, `${VECTOR} IS NULL`)) : records
  return {
    records,
    pending,
    failures: failures() + upkeep.failures,
    upkeep: { runs: upkeep.folds, failures: upkeep.failures },
    vectorIndex: usablePlan(column) ?? null,
  }
}

/** All records, a part at a time. */
async function* everything(table: RecordTable, where: string): AsyncGenerator<MemoryRecord> {
  let position: Position = { scope: '', seq: 0 }
  for (;;) {
    const records = await readInOrder(table, where, position, 4 * BATCH)
    yield* records
    const last = records.at(-1)
    if (last === undefined) return
    position = { scope: encodeScope(last.scope), seq: last.seq }
  }
}

async function takeIn(
  { parts, workings, noteFailure }: Context,
  records: readonly MemoryRecord[],
  signal: AbortSignal | undefined,
): Promise<number> {
  if (records.length === 0) return 0
  const texts = records.map((record) => record.text)
  const { vectors } = await tryEmbed(parts.embedder, texts, signal, noteFailure)
  const byRecord = new Map(records.map((record, at) => [record, vectors[at]]))
  const { writer } = await workings()
  const plan = (view: View) => {
    const fresh = newAmong(records, ({ scope, id }) => view.find(scope, id))
    const placed = withFreePlaces(fresh, view)
    const puts = placed.map((record, at) => ({ record, vector: byRecord.get(fresh[at] as MemoryRecord) }))
    return { puts, result: puts.length }
  }
  return writer.write({ scopes: records.map(({ scope }) => scope), finds: records, places: records, plan }, { signal })
}

/** Makes the vectors that are missing, some at a time, so that writes are not held up. Stops at the first failure. */
async function embedPending(memory: Context, signal: AbortSignal | undefined): Promise<void> {
  const { parts, noteFailure } = memory
  if (parts.embedder === undefined) return
  const { table, writer } = await settled(memory, signal)
  // Texts that change meanwhile are left for the next time.
  const tried = new Set<string>()
  for (;;) {
    const where = (await table.vectors()) === undefined ? 'seq > 0' : `${VECTOR} IS NULL`
    const rows = await table.read((query) => query.where(where).select(['key', RECORD]).limit(BATCH))
    const batch = rows.filter((row) => !tried.has(row['key'] as string)).map(recordReader())
    for (const row of rows) tried.add(row['key'] as string)
    if (batch.length === 0) return
    const texts = batch.map((record) => record.text)
    const { vectors, failed } = await tryEmbed(parts.embedder, texts, signal, noteFailure)
    if (failed) return
    const plan = (view: View) => {
      const puts = batch.flatMap((record, at) => {
        const present = view.find(record.scope, record.id)
        return present?.text === record.text ? [{ record: present, vector: vectors[at] }] : []
      })
      return { puts, result: puts.length }
    }
    await writer.write({ scopes: [], finds: batch, plan }, { signal })
  }
}
