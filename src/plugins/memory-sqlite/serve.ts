import type { DatabaseSync } from 'node:sqlite'
import { OpspawnError } from '../../core/index.ts'
import { createVectorCache } from '../../remembering/index.ts'
import { inTransaction, openDatabase, patiently, sleep, type Sqlite } from './database.ts'
import { prepareVectors } from './embedders.ts'
import { isBusy, toRefusal } from './failures.ts'
import type { MemoryCalls, Replies, Requests, ThreadData } from './message.ts'
import { preparePurge } from './purge.ts'
import { prepareJudge, prepareReads } from './reads.ts'
import { prepareRecords } from './records.ts'
import { prepareSearch } from './search.ts'
import { prepareWrites } from './writes.ts'

/** What goes on in the thread. */
export interface Served {
  /** Carries requests out, and those that `more` gives meanwhile; answers come in any order. */
  serve(requests: Requests, answer: (replies: Replies) => void, more: () => Requests | undefined): void
  close(): void
}

/** Operations in one transaction. */
const GROUP = 256
/** After so long at work the lock is left alone for a moment, for whoever else waits for it. */
const SLICE_MS = 8
const PAUSE_MS = 1

const WRITES: readonly string[] = [
  'append',
  'update',
  'forget',
  'take',
  'embed',
  'complete',
] satisfies readonly (keyof MemoryCalls)[]

type Call = (...args: unknown[]) => unknown

/** Opens the file. @throws OpspawnError as `openDatabase` */
export function openServed(sqlite: Sqlite, data: ThreadData): Served {
  const db = openDatabase(sqlite, data)
  const vectors = prepareVectors(db, data)
  const judge = prepareJudge(db)
  const vector = db.prepare('SELECT vector FROM memory_vectors WHERE embedder = ? AND record = ?')
  const cache = createVectorCache((...place) => vector.get(...place)?.['vector'] as Uint8Array | undefined)
  const purge = preparePurge(db, data)
  const calls: MemoryCalls = {
    ...prepareReads(db, vectors, judge),
    ...prepareWrites(db, prepareRecords(db, vectors), vectors, judge),
    search: prepareSearch(db, vectors, judge, cache),
    purge(now) {
      cache.clear()
      purge(now)
    },
  }
  const byName = calls as unknown as Readonly<Record<string, Call>>
  return {
    serve(requests, answer, more) {
      let sliceFrom = performance.now()
      const queue = [...requests]
      while (queue.length > 0) {
        const group = nextGroup(queue)
        answer(isWrite(group[0]) ? writeGroup(db, byName, data, group) : group.map((one) => readOne(byName, data, one)))
        for (let next = more(); next !== undefined; next = more()) queue.push(...next)
        if (queue.length === 0 || performance.now() - sliceFrom < SLICE_MS) continue
        sleep(PAUSE_MS)
        sliceFrom = performance.now()
      }
    },
    close: () => db.close(),
  }
}

function isWrite(request: Requests[number] | undefined): boolean {
  return request !== undefined && WRITES.includes(request[1])
}

/** The writes that stand at the head of the queue, or one other call. */
function nextGroup(queue: Requests[number][]): Requests {
  let size = 0
  while (size < queue.length && size < GROUP && isWrite(queue[size])) size += 1
  return queue.splice(0, Math.max(size, 1))
}

function readOne(
  calls: Readonly<Record<string, Call>>,
  { path, busyMs }: ThreadData,
  [id, name, ...args]: Requests[number],
): Replies[number] {
  try {
    return [id, patiently(busyMs, () => calls[name]?.(...args))]
  } catch (error) {
    return [id, undefined, toRefusal(error, path)]
  }
}

/**
 * Commits writes together, with one sync; they are answered when it is done. One that is refused changes nothing and does not hold up
 * the others.
 */
function writeGroup(db: DatabaseSync, calls: Readonly<Record<string, Call>>, data: ThreadData, group: Requests): Replies {
  const { path, busyMs } = data
  try {
    return inTransaction(db, busyMs, () =>
      group.map(([id, name, ...args]): Replies[number] => {
        try {
          return [id, calls[name]?.(...args)]
        } catch (error) {
          // A refusal is an answer; any other error ends the transaction.
          if (OpspawnError.is(error)) return [id, undefined, toRefusal(error, path)]
          throw error
        }
      }),
    )
  } catch (error) {
    // Which of them broke it is not known; alone, only that one fails.
    if (group.length > 1 && !isBusy(error)) return group.flatMap((one) => writeGroup(db, calls, data, [one]))
    const refusal = toRefusal(error, path)
    return group.map(([id]) => [id, undefined, refusal])
  }
}
