import * as nodeSqlite from 'node:sqlite'
import { openCopier } from '../../src/plugins/store-sqlite/copier.ts'
import { openKeeper } from '../../src/plugins/store-sqlite/keeper.ts'
import type { StartThreads } from '../../src/plugins/store-sqlite/sqlite-store.ts'
import { openWriter } from '../../src/plugins/store-sqlite/writer.ts'
import { toRefusal } from '../../src/plugins/store-sqlite/failures.ts'
import type { Replies, Requests } from '../../src/plugins/store-sqlite/message.ts'
import type { Sqlite } from '../../src/plugins/store-sqlite/database.ts'

const OPEN = { writer: openWriter, keeper: openKeeper, copier: openCopier }

/**
 * The threads of a store without threads: the same code in this one, each message copied as between threads. Quicker to
 * start by a hundred times, and seen by the coverage. Everything happens in the turn of the event loop in which it is
 * asked for, so that a manual clock may be turned on at once.
 */
export const inlineThreads: StartThreads = threadsOver(nodeSqlite)

/** The same over a SQLite of one's own. Once `isDead` says so, nothing is answered any more: the process is gone. */
export function threadsOver(sqlite: Sqlite, isDead: () => boolean = () => false): StartThreads {
  return (name, data) => (onReplies) => startInline(sqlite, isDead, [name, data], onReplies)
}

function startInline(
  sqlite: Sqlite,
  isDead: () => boolean,
  [name, data]: Parameters<StartThreads>,
  onReplies: (replies: Replies) => void,
): ReturnType<ReturnType<StartThreads>> {
  const later = (replies: Replies): void => {
    const copy = structuredClone(replies)
    queueMicrotask(() => void (isDead() || onReplies(copy)))
  }
  let served: ReturnType<typeof openWriter> | undefined
  try {
    served = OPEN[name](sqlite, data)
    later([[0, undefined]])
  } catch (error) {
    later([[0, undefined, toRefusal(error, data.path)]])
  }
  return {
    post: (requests: Requests) => {
      const copy = structuredClone(requests)
      queueMicrotask(() => void (isDead() || served?.serve(copy, later, () => undefined)))
    },
    ref() {},
    unref() {},
    end: async () => served?.close(),
  }
}
