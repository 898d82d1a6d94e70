import type { Memory, MemoryRecord } from '../../core/index.ts'
import {
  checkGrant,
  checkScope,
  checkTenant,
  createOpening,
  createQueue,
  exportLines,
  importLines,
  isExpired,
  newAmong,
  signalOf,
  tryEmbed,
  untilAborted,
  withFreePlaces,
} from '../../remembering/index.ts'
import { createHandle, type HandleContext } from './handle.ts'
import { openHoldings, recordsOf, type Holdings } from './holdings.ts'
import { checkOptions, type InProcessMemoryOptions, type InProcessParts } from './options.ts'

/** Texts that are embedded at once while pending vectors are made. */
const BATCH = 128

/**
 * A memory in this process: exact search over vectors in one block, BM25 over words, nothing to install. With a `path` every
 * acknowledged write is a line of that file, which one process at a time may use; it is opened by the first call. On abort a
 * call rejects at once with the signal's reason, and a write that was under way ends by itself.
 *
 * @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID`
 */
export function inProcessMemory(options: InProcessMemoryOptions = {}): Memory & AsyncDisposable {
  const parts = checkOptions(options)
  const { name, embedder, path, sync } = parts
  const workings = createWorkings(parts)
  return {
    spec: 'memory/1',
    name,
    capabilities: {
      lexical: true,
      vector: embedder !== undefined,
      ttl: true,
      atomicAppend: true,
      multiProcess: false,
      erase: true,
      durability: path === undefined ? 'none' : sync ? 'disk' : 'process',
    },
    bind: (scope, grant) => createHandle(workings, { scope: checkScope(scope), granted: checkGrant(grant) }),
    async maintain(options) {
      const signal = signalOf('maintain', options)
      signal?.throwIfAborted()
      await workings.queue(async () => (await workings.holdings()).cleanUp(), { signal })
      await embedPending(workings, signal)
    },
    async stats(tenant, options) {
      const signal = signalOf('stats', options)
      signal?.throwIfAborted()
      const held = await untilAborted(workings.holdings(), signal)
      const segments = tenant === undefined ? held.segments() : [held.segment(checkTenant(tenant))]
      const pending = embedder === undefined ? 0 : segments.reduce((sum, one) => sum + withoutVector(one).length, 0)
      return { records: segments.reduce((sum, one) => sum + one.size, 0), pending, failures: workings.failures() }
    },
    async *export(tenant, options) {
      const signal = signalOf('export', options)
      const owner = checkTenant(tenant)
      const held = await workings.holdings()
      const time = parts.now()
      // What is written is what there was when it began: records never change, and the list is taken at once.
      const records = [...recordsOf(held.segment(owner))].filter((record) => !isExpired(record, time))
      yield* exportLines(owner, records, { embedder: embedder?.id, signal })
    },
    async import(lines, options) {
      const signal = signalOf('import', options)
      await workings.holdings()
      return { imported: await importLines(lines, (records) => takeIn(workings, records, signal), { signal }) }
    },
    [Symbol.asyncDispose]: () => workings.close(),
  }
}

interface Workings extends HandleContext {
  readonly failures: () => number
  readonly close: () => Promise<void>
}

function createWorkings(parts: InProcessParts): Workings {
  const queue = createQueue()
  const opening = createOpening(parts.name, () => openHoldings(parts))
  let failures = 0
  return {
    parts,
    queue,
    holdings: opening.get,
    noteFailure: () => void (failures += 1),
    failures: () => failures,
    close: () => opening.close((held) => queue(() => held?.close())),
  }
}

async function takeIn(
  { parts, holdings, queue, noteFailure }: Workings,
  records: readonly MemoryRecord[],
  signal: AbortSignal | undefined,
): Promise<number> {
  const texts = records.map((record) => record.text)
  const { vectors } = await tryEmbed(parts.embedder, texts, signal, noteFailure)
  const byRecord = new Map(records.map((record, at) => [record, vectors[at]]))
  return queue(
    async () => {
      const held = await holdings()
      const fresh = newAmong(records, ({ scope, id }) => held.segment(scope.tenant).find(scope, id))
      const placed = withFreePlaces(fresh, {
        lastSeq: (scope) => held.segment(scope.tenant).shelf(scope).lastSeq,
        isTaken: (scope, seq) => held.segment(scope.tenant).shelf(scope).bySeq.has(seq),
      })
      const puts = placed.map((record, at) => ({ record, vector: byRecord.get(fresh[at] as MemoryRecord) }))
      if (puts.length > 0) await held.commit({ puts, drops: [] })
      return puts.length
    },
    { signal },
  )
}

function withoutVector(segment: ReturnType<Holdings['segment']>): readonly MemoryRecord[] {
  return [...recordsOf(segment)].filter((record) => segment.vectorOf(record) === undefined)
}

/** Makes the vectors that are missing, some at a time, so that writes are not held up. Stops at the first failure. */
async function embedPending({ parts, holdings, queue, noteFailure }: Workings, signal: AbortSignal | undefined): Promise<void> {
  const { embedder } = parts
  if (embedder === undefined) return
  const pending = (await holdings()).segments().flatMap(withoutVector)
  for (let from = 0; from < pending.length; from += BATCH) {
    const batch = pending.slice(from, from + BATCH)
    const { vectors, failed } = await tryEmbed(
      embedder,
      batch.map((record) => record.text),
      signal,
      noteFailure,
    )
    if (failed) return
    await queue(
      async () => {
        const held = await holdings()
        const puts = batch.flatMap((record, at) => {
          const present = held.segment(record.scope.tenant).find(record.scope, record.id)
          return present?.text === record.text ? [{ record: present, vector: vectors[at] }] : []
        })
        if (puts.length > 0) await held.commit({ puts, drops: [] })
      },
      { signal },
    )
  }
}
