import type { MemoryHandle, MemoryRecord, MemoryScope, MemorySelector, OperationOptions, Recall } from '../../core/index.ts'
import {
  aliveAt,
  checkAppend,
  checkForget,
  checkGet,
  checkList,
  checkRecall,
  checkUpdate,
  idsOf,
  matches,
  ofInserted,
  planAppend,
  planUpdate,
  tryEmbed,
  untilAborted,
  withSummaries,
  type Reach,
} from '../../remembering/index.ts'
import { RECORD } from './columns.ts'
import { keyOf, recordReader } from './rows.ts'
import type { LancedbParts } from './options.ts'
import type { View } from './committing.ts'
import { all, chunks, inReach, quote, quoteAll, widened } from './predicate.ts'
import { listFrom } from './listing.ts'
import { recallFrom } from './recalling.ts'
import type { RecordTable } from './table.ts'
import type { Upkeep } from './upkeep.ts'
import type { Writer } from './writer.ts'

/** What an open memory works with. */
export interface Workings {
  readonly table: RecordTable
  readonly writer: Writer
  readonly upkeep: Upkeep
}

/** What handles share. */
export interface HandleContext {
  readonly parts: LancedbParts
  /** What the memory works with, once it is open. Rejects when it is closed or cannot be opened. */
  readonly workings: () => Promise<Workings>
  /** The embedder failed. */
  readonly noteFailure: () => void
}

/** What a memory works with, when all that was written is in the table. @throws OpspawnError `MEMORY_FAILED` */
export async function settled({ workings }: HandleContext, signal?: AbortSignal): Promise<Workings> {
  const opened = await workings()
  await opened.writer.settle({ signal })
  return opened
}

/** Makes a handle of a scope. */
export function createHandle(context: HandleContext, reach: Reach): MemoryHandle {
  return { ...readingCalls(context, reach), ...writingCalls(context, reach), forget: forgetting(context, reach.scope) }
}

function readingCalls(context: HandleContext, reach: Reach): Pick<MemoryHandle, 'recall' | 'get' | 'list'> {
  const { parts, noteFailure } = context
  const { scope } = reach
  async function reading<T>(options: OperationOptions | undefined, work: (workings: Workings) => Promise<T>): Promise<T> {
    options?.signal?.throwIfAborted()
    return untilAborted(settled(context, options?.signal).then(work), options?.signal)
  }
  return {
    async recall(query, options) {
      const call = checkRecall(query, options, reach)
      const signal = options?.signal
      signal?.throwIfAborted()
      const work = async (): Promise<Recall> => {
        const { table, writer, upkeep } = await context.workings()
        const isSettled = await writer.settle({ signal }).then(
          () => true,
          (error: unknown) => {
            if (call.strict || signal?.aborted === true) throw error
            noteFailure()
            return false
          },
        )
        const recall = await recallFrom({ table, parts, signal, noteFailure }, call)
        upkeep.look()
        return isSettled ? recall : { ...recall, degraded: [...recall.degraded, 'recent'] }
      }
      return untilAborted(work(), signal)
    },
    async get(given, options) {
      const ids = checkGet(given, options)
      return reading(options, async ({ table }) => {
        const now = parts.now()
        const found = new Map((await recordsOf(table, scope, ids)).map((record) => [record.id, record]))
        return ids.flatMap((id) => aliveAt(found.get(id), now) ?? [])
      })
    },
    async list(page, options) {
      const call = checkList(page, reach, options)
      return reading(options, ({ table }) => listFrom(table, call, parts.now()))
    },
  }
}

function writingCalls(context: HandleContext, { scope }: Reach): Pick<MemoryHandle, 'append' | 'update'> {
  const { parts, noteFailure } = context
  const finder =
    (view: View) =>
    (id: string): MemoryRecord | undefined =>
      aliveAt(view.find(scope, id), parts.now())
  async function embed(texts: readonly string[], signal: AbortSignal | undefined): Promise<readonly Float32Array[]> {
    return (await tryEmbed(parts.embedder, texts, signal, noteFailure)).vectors
  }

  return {
    async append(given, options) {
      const { entries: checked, idempotencyKey } = checkAppend(given, options)
      const isMade = checked.map(({ id }) => id === undefined && idempotencyKey === undefined)
      // Ids are made beforehand: whether they are free is looked up together with the others, or known of random ones.
      const entries = checked.map((entry, at) => (isMade[at] === true ? { ...entry, id: parts.newId() } : entry))
      const signal = options?.signal
      const { writer } = await context.workings()
      if (entries.length === 0) return { outcomes: [] }
      const texts = entries.map((entry) => entry.text)
      const vectors = await embed(texts, signal)
      const sought = parts.hasRandomIds ? idsOf(checked, idempotencyKey) : idsOf(entries, idempotencyKey)
      const finds = sought.map((id) => ({ scope, id }))
      const made = parts.hasRandomIds
        ? entries.flatMap(({ id }, at) => (isMade[at] === true && id !== undefined ? [{ scope, id }] : []))
        : []
      const plan = (view: View) => {
        const { now, newId } = parts
        const basis = { scope, now: now(), lastSeq: view.lastSeq(scope), find: finder(view), newId, idempotencyKey }
        const { inserted, closed, receipt } = planAppend(entries, basis)
        const made = ofInserted(receipt, vectors)
        const puts = [...inserted.map((record, at) => ({ record, vector: made[at] })), ...closed.map((record) => ({ record }))]
        return { puts, result: receipt }
      }
      return writer.write({ scopes: [scope], finds, made, plan }, { signal })
    },
    async update(givenId, givenPatch, options) {
      const { id, patch, ifVersion } = checkUpdate(givenId, givenPatch, options)
      const signal = options?.signal
      const { writer } = await context.workings()
      const [vector] = typeof patch.text === 'string' ? await embed([patch.text], signal) : []
      const plan = (view: View) => {
        const record = planUpdate(id, finder(view)(id), patch, { ifVersion, now: parts.now() })
        return { puts: [{ record, vector }], result: record }
      }
      return writer.write({ scopes: [], finds: [{ scope, id }], leavesGarbage: true, plan }, { signal })
    },
  }
}

function forgetting(context: HandleContext, scope: MemoryScope): MemoryHandle['forget'] {
  return async (what, mode, options) => {
    const selector = checkForget(what, mode, options)
    const signal = options?.signal
    const { table, writer, upkeep } = await context.workings()
    const work = async (): Promise<{ readonly count: number; readonly verified: boolean }> => {
      const chosen = await chosenBy(selector, table, scope)
      const keys = chosen.map(({ id }) => keyOf(scope, id))
      if (chosen.length > 0) await table.garbage.note()
      for (const part of chunks(keys)) await table.delete(`key IN (${quoteAll(part)})`)
      if (mode === 'erase') await upkeep.purge(await tellingTexts(table, chosen))
      return { count: chosen.length, verified: mode === 'erase' }
    }
    return writer.alone(work, { signal })
  }
}

/** The records of a scope that are to be forgotten, and the summaries that go with them. */
async function chosenBy(selector: MemorySelector, table: RecordTable, scope: MemoryScope): Promise<readonly MemoryRecord[]> {
  const own = inReach(scope, [])
  if (selector === 'all') return readAll(table, own)
  const chosen =
    'ids' in selector
      ? await recordsOf(table, scope, [...new Set(selector.ids)])
      : (await readAll(table, all(own, widened(selector.filter)))).filter((record) => matches(selector.filter, record))
  if (chosen.length === 0) return chosen
  return withSummaries(chosen, await readAll(table, all(own, "kind = 'summary'")))
}

async function readAll(table: RecordTable, where: string): Promise<readonly MemoryRecord[]> {
  return (await table.read((query) => query.where(where).select([RECORD]))).map(recordReader())
}

async function recordsOf(table: RecordTable, scope: MemoryScope, ids: readonly string[]): Promise<readonly MemoryRecord[]> {
  const found: MemoryRecord[] = []
  for (const part of chunks(ids.map((id) => keyOf(scope, id))))
    found.push(...(await readAll(table, `key IN (${quoteAll(part)})`)))
  return found
}

/** Texts to look for after an erasure: some of those that were erased, long enough to be told from chance, and that nobody else says. */
async function tellingTexts(table: RecordTable, erased: readonly MemoryRecord[]): Promise<readonly string[]> {
  const texts = [...new Set(erased.map(({ text }) => text.slice(0, LOOKED_AT)))].filter((text) => text.length >= TELLING)
  const telling: string[] = []
  for (const text of texts.slice(0, LOOKED_FOR)) {
    const said = ['text', 'record', 'id'].map((column) => `strpos(${column}, ${quote(text)}) > 0`).join(' OR ')
    if ((await table.count(said)) === 0) telling.push(text)
  }
  return telling
}

const TELLING = 12
const LOOKED_AT = 200
const LOOKED_FOR = 32
