import type { MemoryHandle, MemoryRecord, OperationOptions } from '../../core/index.ts'
import {
  assembleRecall,
  candidateCount,
  checkAppend,
  checkForget,
  checkGet,
  checkList,
  checkRecall,
  checkUpdate,
  embedQuery,
  encodeScope,
  tryEmbed,
  untilAborted,
  type Reach,
  type RecallCall,
} from '../../remembering/index.ts'
import type { Workings } from './workings.ts'
import { createReader } from './records.ts'

/** Makes a handle of a scope. */
export function createHandle(workings: Workings, reach: Reach): MemoryHandle {
  return { ...readingCalls(workings, reach), ...writingCalls(workings, reach) }
}

function readingCalls({ parts, lane, noteFailure }: Workings, reach: Reach): Pick<MemoryHandle, 'recall' | 'get' | 'list'> {
  const { scope } = reach
  async function search(call: RecallCall, signal: AbortSignal | undefined): ReturnType<MemoryHandle['recall']> {
    const now = parts.now()
    const { vector, degraded } = await embedQuery(parts.embedder, call, signal, noteFailure)
    const { across, filter, asOf } = call
    const asked = { scope, across, filter, asOf }
    const read = createReader()
    const found = await lane.call('search', now, asked, call.words, vector, candidateCount(call))
    return assembleRecall(call, {
      legs: found.map(([name, hits]) => ({ name, hits: hits.map(([score, row]) => ({ record: read(row), score })) })),
      degraded,
      now,
      countTokens: parts.countTokens,
      async around(records, before, after) {
        const places = records.map((record: MemoryRecord) => [encodeScope(record.scope), record.seq] as const)
        return (await lane.call('around', now, asked, places, before, after)).map(read)
      },
    })
  }
  return {
    async recall(query, options) {
      const call = checkRecall(query, options, reach)
      options?.signal?.throwIfAborted()
      return untilAborted(search(call, options?.signal), options?.signal)
    },
    async get(given, options) {
      const ids = checkGet(given, options)
      options?.signal?.throwIfAborted()
      return (await untilAborted(lane.call('get', parts.now(), scope, ids), options?.signal)).map(createReader())
    },
    async list(page, options) {
      const call = checkList(page, reach, options)
      options?.signal?.throwIfAborted()
      const { rows, cursor } = await untilAborted(lane.call('list', parts.now(), call), options?.signal)
      return { records: rows.map(createReader()), ...(cursor !== undefined && { cursor }) }
    },
  }
}

function writingCalls(
  { parts, lane, noteFailure }: Workings,
  { scope }: Reach,
): Pick<MemoryHandle, 'append' | 'update' | 'forget'> {
  const writing = <T>(options: OperationOptions | undefined, work: () => Promise<T>): Promise<T> =>
    untilAborted(work(), options?.signal)
  return {
    async append(given, options) {
      const { entries, idempotencyKey: key } = checkAppend(given, options)
      return writing(options, async () => {
        const texts = entries.map((entry) => entry.text)
        const { vectors } = await tryEmbed(parts.embedder, texts, options?.signal, noteFailure)
        options?.signal?.throwIfAborted()
        const ids = key === undefined ? entries.flatMap(({ id }) => (id === undefined ? [parts.newId()] : [])) : []
        return lane.call('append', parts.now(), scope, entries, vectors, ids, key)
      })
    },
    async update(givenId, givenPatch, options) {
      const { id, patch, ifVersion } = checkUpdate(givenId, givenPatch, options)
      return writing(options, async () => {
        const texts = typeof patch.text === 'string' ? [patch.text] : []
        const { vectors } = await tryEmbed(parts.embedder, texts, options?.signal, noteFailure)
        options?.signal?.throwIfAborted()
        return createReader()(await lane.call('update', parts.now(), scope, id, patch, ifVersion, vectors[0]))
      })
    },
    async forget(what, mode, options) {
      const selector = checkForget(what, mode, options)
      return writing(options, async () => {
        const count = await lane.call('forget', scope, selector)
        // It throws where it finds something left.
        if (mode === 'erase') await lane.call('purge', parts.now())
        return { count, verified: mode === 'erase' }
      })
    },
  }
}
