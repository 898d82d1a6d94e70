import type { MemoryHandle, MemoryRecord, OperationOptions } from '../../core/index.ts'
import {
  aliveAt,
  checkAppend,
  checkForget,
  checkGet,
  checkList,
  checkRecall,
  checkUpdate,
  chosenBy,
  encodeScope,
  ofInserted,
  planAppend,
  planUpdate,
  tryEmbed,
  untilAborted,
  type Queue,
  type Reach,
} from '../../remembering/index.ts'
import { recordsOf, type Holdings } from './holdings.ts'
import type { InProcessParts } from './options.ts'
import { listFrom, recallFrom } from './recalling.ts'

/** What handles share. */
export interface HandleContext {
  readonly parts: InProcessParts
  /** What the memory holds, once it is open. Rejects when it is closed or cannot be opened. */
  readonly holdings: () => Promise<Holdings>
  /** Everything that writes goes through it. */
  readonly queue: Queue
  /** The embedder failed. */
  readonly noteFailure: () => void
}

/** Makes a handle of a scope. */
export function createHandle(context: HandleContext, reach: Reach): MemoryHandle {
  return { ...readingCalls(context, reach), ...writingCalls(context, reach) }
}

function readingCalls(context: HandleContext, reach: Reach): Pick<MemoryHandle, 'recall' | 'get' | 'list'> {
  const { parts } = context
  const { scope } = reach
  /** Whatever is checked while a call is made rejects it; what can be waited for is given up on abort. */
  async function reading<T>(options: OperationOptions | undefined, work: (holdings: Holdings) => T | Promise<T>): Promise<T> {
    options?.signal?.throwIfAborted()
    return untilAborted(context.holdings().then(work), options?.signal)
  }
  return {
    async recall(query, options) {
      const call = checkRecall(query, options, reach)
      return reading(options, (holdings) => recallFrom(holdings, call, parts, options?.signal, context.noteFailure))
    },
    async get(given, options) {
      const ids = checkGet(given, options)
      return reading(options, (holdings) => {
        const segment = holdings.segment(scope.tenant)
        return ids.flatMap((id) => aliveAt(segment.find(scope, id), parts.now()) ?? [])
      })
    },
    async list(page, options) {
      const call = checkList(page, reach, options)
      return reading(options, (holdings) => listFrom(holdings.segment(scope.tenant), call, parts.now()))
    },
  }
}

function writingCalls(context: HandleContext, { scope }: Reach): Pick<MemoryHandle, 'append' | 'update' | 'forget'> {
  const { parts, noteFailure } = context
  async function writing<T>(options: OperationOptions | undefined, work: (holdings: Holdings) => Promise<T>): Promise<T> {
    options?.signal?.throwIfAborted()
    const holdings = await context.holdings()
    return context.queue(() => work(holdings), options)
  }
  const key = encodeScope(scope)
  const alive = (record: MemoryRecord | undefined): MemoryRecord | undefined => aliveAt(record, parts.now())
  return {
    async append(given, options) {
      const { entries, idempotencyKey } = checkAppend(given, options)
      await context.holdings()
      const texts = entries.map((entry) => entry.text)
      const { vectors } = await tryEmbed(parts.embedder, texts, options?.signal, noteFailure)
      return writing(options, async (holdings) => {
        const segment = holdings.segment(scope.tenant)
        const find = (id: string): MemoryRecord | undefined => alive(segment.find(scope, id))
        const { lastSeq } = segment.shelf(scope)
        const plan = planAppend(entries, { scope, now: parts.now(), lastSeq, find, newId: parts.newId, idempotencyKey })
        const made = ofInserted(plan.receipt, vectors)
        const inserted = plan.inserted.map((record, at) => ({ record, vector: made[at] }))
        const closed = plan.closed.map((record) => ({ record }))
        if (inserted.length > 0) await holdings.commit({ puts: [...inserted, ...closed], drops: [] })
        return plan.receipt
      })
    },
    async update(givenId, givenPatch, options) {
      const { id, patch, ifVersion } = checkUpdate(givenId, givenPatch, options)
      await context.holdings()
      const texts = typeof patch.text === 'string' ? [patch.text] : []
      const [vector] = (await tryEmbed(parts.embedder, texts, options?.signal, noteFailure)).vectors
      return writing(options, async (holdings) => {
        const present = alive(holdings.segment(scope.tenant).find(scope, id))
        const record = planUpdate(id, present, patch, { ifVersion, now: parts.now() })
        await holdings.commit({ puts: [{ record, vector }], drops: [] })
        return record
      })
    },
    async forget(what, mode, options) {
      const selector = checkForget(what, mode, options)
      return writing(options, async (holdings) => {
        const own = [...recordsOf(holdings.segment(scope.tenant), (other) => encodeScope(other) === key)]
        const drops = chosenBy(selector, own).map(({ id }) => ({ scope, id }))
        if (drops.length > 0) await holdings.commit({ puts: [], drops })
        if (mode === 'erase') await holdings.cleanUp()
        return { count: drops.length, verified: mode === 'erase' }
      })
    },
  }
}
