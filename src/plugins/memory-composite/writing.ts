import type {
  AppendReceipt,
  MemoryEntry,
  MemoryHandle,
  MemoryRecord,
  MemorySelector,
  OperationOptions,
} from '../../core/index.ts'
import {
  checkAppend,
  checkForget,
  checkUpdate,
  idsOf,
  memoryFailed,
  planAppend,
  summariesOf,
  type Queue,
  type Reach,
} from '../../remembering/index.ts'
import type { CompositeParts, PartName } from './options.ts'

/** A part, bound to the scope of a handle. */
export interface Part {
  readonly name: PartName
  readonly handle: MemoryHandle
}

/** The part that new entries of a kind go to. */
export function partFor<P extends { readonly name: PartName }>(parts: readonly P[], kind: MemoryEntry['kind']): P {
  const wanted: PartName = kind === 'message' ? 'window' : kind === 'summary' ? 'working' : 'longTerm'
  return (parts.find(({ name }) => name === wanted) ?? parts.find(({ name }) => name === 'longTerm')) as P
}

/** Most ids that a call of a part takes. */
const BATCH = 10_000

/** Where records of some ids are. */
async function locate(
  parts: readonly Part[],
  ids: readonly string[],
  options: OperationOptions,
): Promise<ReadonlyMap<string, readonly [part: Part, record: MemoryRecord]>> {
  const found = new Map<string, readonly [Part, MemoryRecord]>()
  for (const part of parts)
    for (let from = 0; from < ids.length; from += BATCH)
      for (const record of await part.handle.get(ids.slice(from, from + BATCH), options)) found.set(record.id, [part, record])
  return found
}

/** The writing calls of a handle. One at a time in a scope: what is found out about the parts holds until the call is done. */
export function writingCalls(
  parts: readonly Part[],
  { scope }: Reach,
  { now, newId }: CompositeParts,
  queue: Queue,
): Pick<MemoryHandle, 'append' | 'update' | 'forget'> {
  return {
    async append(given, options = {}) {
      const { entries: checked, idempotencyKey: key } = checkAppend(given, options)
      const { signal } = options
      return queue(async () => {
        // Made here, so that the entries keep their ids whichever part they go to.
        const entries = checked.map((entry, at) => ({ ...entry, id: entry.id ?? (key === undefined ? newId() : `${key}-${at}`) }))
        const homes = await locate(parts, [...new Set(idsOf(entries))], { signal })
        // Refuses what the parts would refuse, before anything is written to one of them.
        planAppend(entries, { scope, now: now(), lastSeq: 0, find: (id) => homes.get(id)?.[1], newId })
        return appendTo(parts, entries, homes, { signal })
      }, options)
    },
    async update(givenId, patch, options = {}) {
      const { id } = checkUpdate(givenId, patch, options)
      return queue(async () => {
        const [part] = (await locate(parts, [id], { signal: options.signal })).get(id) ?? [partFor(parts, 'fact')]
        return part.handle.update(id, patch, options)
      }, options)
    },
    async forget(what, mode, options = {}) {
      const selector = checkForget(what, mode, options)
      const { signal } = options
      return queue(async () => {
        const ids = await chosenBy(selector, parts, signal)
        let [count, verified] = [0, true]
        for (const { handle } of parts)
          // Every part is asked, also for none: what it forgot softly goes with an erasure.
          for (let from = 0; from === 0 || from < ids.length; from += BATCH) {
            const receipt = await handle.forget({ ids: ids.slice(from, from + BATCH) }, mode, { signal })
            count += receipt.count
            verified &&= receipt.verified
          }
        return { count, verified }
      }, options)
    },
  }
}

/** Writes entries to their parts; what is in already is taken out again when a part fails. */
async function appendTo(
  parts: readonly Part[],
  entries: readonly (MemoryEntry & { readonly id: string })[],
  homes: ReadonlyMap<string, readonly [part: Part, record: MemoryRecord]>,
  options: OperationOptions,
): Promise<AppendReceipt> {
  const routes = new Map<string, Part>([...homes].map(([id, [part]]) => [id, part]))
  // Where an old record is its successor goes, so that both change at once.
  for (const { id, kind, supersedes } of entries)
    if (!routes.has(id)) routes.set(id, routes.get(supersedes ?? '') ?? partFor(parts, kind))
  const shares = parts
    .map((part) => ({ part, own: entries.filter(({ id }) => routes.get(id) === part) }))
    .filter(({ own }) => own.length > 0)
    // Nothing can open a record again that was closed: what closes some goes last.
    .toSorted((left, right) => Number(closesSome(left.own)) - Number(closesSome(right.own)))
  const outcomes: AppendReceipt['outcomes'][number][] = []
  const done: Part[] = []
  for (const { part, own } of shares) {
    try {
      outcomes.push(...(await part.handle.append(own, options)).outcomes)
      done.push(part)
    } catch (error) {
      // It may have been written all the same; entries that were there before stay.
      const inserted = entries.filter(({ id }) => !homes.has(id)).map(({ id }) => id)
      for (const { name, handle } of [...done, part])
        await handle.forget({ ids: inserted }, 'soft').catch((cause: unknown) => {
          if (name !== part.name)
            throw memoryFailed('write', `${part.name} failed, and what is in ${name} could not be taken out; append again`, cause)
        })
      throw error
    }
  }
  const byId = Map.groupBy(outcomes, ({ id }) => id)
  return { outcomes: entries.map(({ id }) => byId.get(id)?.shift() as AppendReceipt['outcomes'][number]) }
}

function closesSome(entries: readonly MemoryEntry[]): boolean {
  return entries.some((entry) => entry.supersedes !== undefined)
}

/** The ids of what is to be forgotten in all parts, with the summaries that were made of it, wherever they are. */
async function chosenBy(
  selector: MemorySelector,
  parts: readonly Part[],
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const ids = new Set<string>()
  if (typeof selector === 'object' && 'ids' in selector) for (const id of selector.ids) ids.add(id)
  else {
    const filter = selector === 'all' ? ({ op: 'and', filters: [] } as const) : selector.filter
    for (const { handle } of parts) for await (const record of allOf(handle, filter, signal)) ids.add(record.id)
  }
  const summaries: MemoryRecord[] = []
  for (const { handle } of parts)
    for await (const record of allOf(handle, { op: 'eq', field: 'kind', value: 'summary' }, signal)) summaries.push(record)
  return [...ids, ...summariesOf(ids, summaries).map((record) => record.id)]
}

async function* allOf(
  handle: MemoryHandle,
  filter: Extract<MemorySelector, { readonly filter: unknown }>['filter'],
  signal: AbortSignal | undefined,
): AsyncGenerator<MemoryRecord, void, undefined> {
  let cursor: string | undefined
  do {
    const page = await handle.list({ filter, limit: 1000, ...(cursor !== undefined && { cursor }) }, { signal })
    yield* page.records
    cursor = page.cursor
  } while (cursor !== undefined)
}
