import type { Memory, MemoryRecord } from '../../core/index.ts'
import {
  SCOPE_LABELS,
  checkGrant,
  checkScope,
  checkTenant,
  exportLines,
  importLines,
  memoryClosed,
  signalOf,
  tryEmbed,
  untilAborted,
} from '../../remembering/index.ts'
import { createHandle } from './handle.ts'
import { createLane, startThread, type StartThread } from './lane.ts'
import { checkOptions, type SqliteMemoryOptions, type SqliteParts } from './options.ts'
import { createReader } from './records.ts'
import { createWorkings, type Workings } from './workings.ts'
import type { ThreadData } from './message.ts'

/** Texts that are embedded at once while pending vectors are made. */
const BATCH = 128
/** Records that an export reads at once. */
const EXPORT_BATCH = 256

/**
 * A memory in a SQLite file, which several processes may share. The file is opened by the first call, in a thread of its own. On abort
 * a call rejects at once with the signal's reason, and a write that was under way ends by itself.
 *
 * @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID`
 */
export function sqliteMemory(options: SqliteMemoryOptions): Memory & AsyncDisposable {
  return createSqliteMemory(options, startThread)
}

/** The same, with another way to start the thread. */
export function createSqliteMemory(
  options: SqliteMemoryOptions,
  starter: (data: ThreadData) => StartThread,
): Memory & AsyncDisposable {
  const parts = checkOptions(options)
  const { name, path, embedder } = parts
  const lane = createLane(starter(threadData(parts)), path, () => memoryClosed(name))
  const workings = createWorkings(parts, lane)
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
      durability: parts.durability,
    },
    bind: (scope, grant) => createHandle(workings, { scope: checkScope(scope), granted: checkGrant(grant) }),
    async maintain(options) {
      const signal = signalOf('maintain', options)
      signal?.throwIfAborted()
      try {
        await untilAborted(maintain(workings, signal), signal)
      } catch (error) {
        if (signal?.aborted !== true) workings.noteFailure()
        throw error
      }
    },
    async stats(tenant, options) {
      const signal = signalOf('stats', options)
      signal?.throwIfAborted()
      const owner = tenant === undefined ? undefined : checkTenant(tenant)
      return { ...(await untilAborted(lane.call('stats', owner), signal)), failures: workings.failures() }
    },
    async *export(tenant, options) {
      const signal = signalOf('export', options)
      yield* exportLines(tenant, recordsOf(workings, checkTenant(tenant), signal), { embedder: embedder?.id, signal })
    },
    async import(lines, options) {
      const signal = signalOf('import', options)
      signal?.throwIfAborted()
      // Opens the file, so that one that cannot be used is told before anything is read.
      await untilAborted(lane.call('stats', ''), signal)
      const take = async (records: readonly MemoryRecord[]): Promise<number> => {
        const texts = records.map((record) => record.text)
        const { vectors } = await tryEmbed(embedder, texts, signal, workings.noteFailure)
        return lane.call('take', records, vectors)
      }
      return { imported: await importLines(lines, take, { signal }) }
    },
    [Symbol.asyncDispose]: () => lane.close(),
  }
}

function threadData({ path, durability, busyMs, reembed, embedder }: SqliteParts): ThreadData {
  return { path, durability, busyMs, reembed, embedder: embedder?.id }
}

/** A tenant's records by scope and place, some at a time. */
async function* recordsOf(
  { parts, lane }: Workings,
  tenant: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<MemoryRecord> {
  const now = parts.now()
  const read = createReader()
  let cursor: string | undefined
  do {
    const call = { scope: { tenant }, across: SCOPE_LABELS, filter: undefined, limit: EXPORT_BATCH, cursor }
    const page = await untilAborted(lane.call('list', now, call), signal)
    for (const row of page.rows) yield read(row)
    cursor = page.cursor
  } while (cursor !== undefined)
}

/** Removes what is to go, then makes the vectors that are missing, some at a time. Stops where the embedder fails. */
async function maintain({ parts, lane, noteFailure }: Workings, signal: AbortSignal | undefined): Promise<void> {
  await lane.call('purge', parts.now())
  if (parts.embedder === undefined) return
  for (let after = 0; ;) {
    signal?.throwIfAborted()
    const batch = await lane.call('pending', after, BATCH)
    if (batch.length === 0) break
    const texts = batch.map(([, , text]) => text)
    const { vectors, failed } = await tryEmbed(parts.embedder, texts, signal, noteFailure)
    if (failed) return
    await lane.call(
      'embed',
      batch.map(([ordinal, version], at) => [ordinal, version, vectors[at] as Float32Array] as const),
    )
    after = batch.at(-1)?.[0] ?? 0
  }
  await lane.call('complete')
}
