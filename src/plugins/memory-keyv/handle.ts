import type { MemoryHandle, MemoryRecord, MemorySelector } from '../../core/index.ts'
import {
  aliveAt,
  checkAppend,
  checkForget,
  checkGet,
  checkList,
  checkRecall,
  checkUpdate,
  chosenBy,
  memoryFailed,
  planAppend,
  planUpdate,
  untilAborted,
  type Reach,
} from '../../remembering/index.ts'
import type { Library } from './library.ts'
import type { KeyvMemoryParts } from './options.ts'
import { listFrom, recallIn } from './recalling.ts'
import type { Shelf } from './shelf.ts'

/** What handles share. */
export interface HandleContext {
  readonly parts: KeyvMemoryParts
  /** The open library. Rejects when the memory is closed. */
  readonly library: () => Promise<Library>
}

/** Makes a handle of a scope. */
export function createHandle(context: HandleContext, reach: Reach): MemoryHandle {
  return { ...readingCalls(context, reach), ...writingCalls(context, reach) }
}

function readingCalls({ parts, library }: HandleContext, reach: Reach): Pick<MemoryHandle, 'recall' | 'get' | 'list'> {
  return {
    async recall(query, options) {
      const call = checkRecall(query, options, reach)
      const signal = options?.signal
      signal?.throwIfAborted()
      return untilAborted(recallIn(await library(), call, parts, signal), signal)
    },
    async get(given, options) {
      const ids = checkGet(given, options)
      options?.signal?.throwIfAborted()
      const open = await library()
      return open.use(reach.scope, options, async (shelf) => {
        const { find } = await shelf.read()
        return ids.flatMap((id) => aliveAt(find(id), parts.now()) ?? [])
      })
    },
    async list(page, options) {
      const call = checkList(page, reach, options)
      const signal = options?.signal
      signal?.throwIfAborted()
      return untilAborted(listFrom(await library(), call, parts.now(), signal), signal)
    },
  }
}

function writingCalls({ parts, library }: HandleContext, { scope }: Reach): Pick<MemoryHandle, 'append' | 'update' | 'forget'> {
  return {
    async append(given, options) {
      const { entries, idempotencyKey } = checkAppend(given, options)
      const open = await library()
      return open.use(scope, options, async (shelf) => {
        const { find: findAny, last, isNew } = await shelf.read()
        const now = parts.now()
        const find = (id: string): MemoryRecord | undefined => aliveAt(findAny(id), now)
        const basis = { scope: shelf.scope, now, lastSeq: last, find, newId: parts.newId, idempotencyKey }
        const { inserted, closed, receipt } = planAppend(entries, basis)
        if (inserted.length === 0) return receipt
        // One that has expired holds its id no more.
        const over = inserted.flatMap((record) => findAny(record.id) ?? [])
        await open.enter(shelf, isNew)
        await shelf.commit([...inserted, ...closed], over)
        return receipt
      })
    },
    async update(givenId, givenPatch, options) {
      const { id, patch, ifVersion } = checkUpdate(givenId, givenPatch, options)
      const open = await library()
      return open.use(scope, options, async (shelf) => {
        const { find } = await shelf.read()
        const now = parts.now()
        const record = planUpdate(id, aliveAt(find(id), now), patch, { ifVersion, now })
        await shelf.commit([record], [])
        return record
      })
    },
    async forget(what, mode, options) {
      const selector = checkForget(what, mode, options)
      const open = await library()
      const count = await open.use(scope, options, (shelf) => forgetIn(open, shelf, selector, mode === 'soft'))
      return { count, verified: mode === 'erase' && parts.isInMemory }
    },
  }
}

async function forgetIn(library: Library, shelf: Shelf, selector: MemorySelector, isSoft: boolean): Promise<number> {
  // What the store has lost already need not be there to be forgotten.
  const isAll = selector === 'all'
  const { records, isNew: isEmpty } = await shelf.read(isAll)
  const drops = chosenBy(selector, records)
  if (drops.length > 0 || (isAll && !isEmpty)) await shelf.commit([], drops)
  if (isSoft) return drops.length
  await shelf.series.purge()
  const { records: left, find, isNew } = await shelf.read()
  if (drops.some(({ id }) => find(id) !== undefined))
    throw memoryFailed(
      'erase-incomplete',
      'the store still has records that were erased; somebody else may write to it. Erase again',
    )
  if (left.length === 0 && !isNew) await library.leave(shelf)
  return drops.length
}
