import type { Memory, MemoryRecord } from '../../core/index.ts'
import {
  checkGrant,
  checkScope,
  checkTenant,
  createOpening,
  encodeScope,
  exportLines,
  importLines,
  isExpired,
  newAmong,
  signalOf,
  withFreePlaces,
} from '../../remembering/index.ts'
import { claim } from './claim.ts'
import { readRanges } from './document.ts'
import { createHandle, type HandleContext } from './handle.ts'
import { openKeyValues } from './key-values.ts'
import { openLibrary, type Library } from './library.ts'
import { checkOptions, type KeyvMemoryOptions, type KeyvMemoryParts } from './options.ts'
import { isSparse } from './series.ts'
import type { Shelf } from './shelf.ts'

/**
 * A short-term memory over a Keyv store, an adapter of one, or a `Map`: recall by words over the records of a scope, which are
 * kept in chunks. One process at a time may write to a scope; another one sees what was written when it asks next. Nothing is
 * connected or closed here: the store is yours. On abort a call rejects at once with the signal's reason, and a write that was
 * under way ends by itself.
 *
 * @throws OpspawnError `OPTIONS_INVALID`, also when a memory of that name uses the store already, `LIMIT_INVALID`
 */
export function keyvMemory(options: KeyvMemoryOptions): Memory & AsyncDisposable {
  const parts = checkOptions(options)
  const workings = createWorkings(parts)
  return {
    spec: 'memory/1',
    name: parts.name,
    capabilities: {
      lexical: true,
      vector: false,
      ttl: true,
      // Only of a store in this process can be known that nobody else writes to it.
      atomicAppend: parts.isInMemory,
      multiProcess: false,
      erase: parts.isInMemory,
      durability: parts.durability,
    },
    bind: (scope, grant) => createHandle(workings, { scope: checkScope(scope), granted: checkGrant(grant) }),
    async maintain(options) {
      const signal = signalOf('maintain', options)
      signal?.throwIfAborted()
      const library = await workings.library()
      for (const scope of await library.scopes())
        await library.use(scope, { signal }, (shelf) => tidyUp(library, shelf, workings))
    },
    async stats(tenant, options) {
      const signal = signalOf('stats', options)
      signal?.throwIfAborted()
      const library = await workings.library()
      const scopes = await library.scopes(tenant === undefined ? undefined : checkTenant(tenant))
      let records = 0
      for (const scope of scopes)
        records += await library.use(scope, { signal }, async (shelf) => (await shelf.series.head())?.count ?? 0)
      return { records, pending: 0, failures: workings.failures() }
    },
    async *export(tenant, options) {
      const signal = signalOf('export', options)
      signal?.throwIfAborted()
      const owner = checkTenant(tenant)
      const library = await workings.library()
      yield* exportLines(owner, recordsOf(library, owner, parts.now(), signal), { signal })
    },
    async import(lines, options) {
      const signal = signalOf('import', options)
      signal?.throwIfAborted()
      const library = await workings.library()
      return { imported: await importLines(lines, (records) => takeIn(library, records, signal), { signal }) }
    },
    [Symbol.asyncDispose]: () => workings.close(),
  }
}

interface Workings extends HandleContext {
  readonly failures: () => number
  readonly noteFailure: () => void
  readonly close: () => Promise<void>
}

function createWorkings(parts: KeyvMemoryParts): Workings {
  const unclaim = claim(parts.store, parts.name)
  const opening = createOpening(parts.name, async () => {
    const store = await openKeyValues(parts.store)
    return { store, library: openLibrary(store, parts) }
  })
  let failures = 0
  return {
    parts,
    library: async () => (await opening.get()).library,
    noteFailure: () => void (failures += 1),
    failures: () => failures,
    close: () =>
      opening.close(async (opened) => {
        await opened?.library.settle()
        opened?.store.release()
        unclaim()
      }),
  }
}

/** Removes what has expired from a scope, and the scope when nothing is left. Reads it only if there is something to do. */
async function tidyUp(library: Library, shelf: Shelf, { parts, noteFailure }: Workings): Promise<void> {
  const now = parts.now()
  const head = await shelf.series.head()
  // An entry in the list alone.
  if (head === undefined) return library.leave(shelf)
  const { count, ends = Infinity, trash, chunks } = head
  if (count > 0 && ends > now && trash.length === 0 && !isSparse(readRanges(chunks).length, count, parts.chunk)) return
  const { records } = await shelf.read()
  const over = records.filter((record) => isExpired(record, now))
  if (over.length > 0) await shelf.commit([], over)
  const isClean = await shelf.series.tidy()
  if (!isClean) noteFailure()
  else if (records.length === over.length) await library.leave(shelf)
}

async function* recordsOf(library: Library, tenant: string, now: number, signal?: AbortSignal): AsyncGenerator<MemoryRecord> {
  for (const scope of await library.scopes(tenant))
    yield* await library.use(scope, { signal }, async (shelf) => {
      const { records } = await shelf.read()
      return records.filter((record) => !isExpired(record, now))
    })
}

async function takeIn(library: Library, records: readonly MemoryRecord[], signal: AbortSignal | undefined): Promise<number> {
  let count = 0
  for (const own of Map.groupBy(records, ({ scope }) => encodeScope(scope)).values())
    count += await library.use((own[0] as MemoryRecord).scope, { signal }, async (shelf) => {
      const reading = await shelf.read()
      const fresh = newAmong(own, ({ id }) => reading.find(id))
      if (fresh.length === 0) return 0
      await library.enter(shelf, reading.isNew)
      const taken = new Set(reading.records.map(({ seq }) => seq))
      const placed = withFreePlaces(fresh, { lastSeq: () => reading.last, isTaken: (_, seq) => taken.has(seq) })
      await shelf.commit(
        placed.map((record) => Object.freeze({ ...record, scope: shelf.scope })),
        [],
      )
      return fresh.length
    })
  return count
}
