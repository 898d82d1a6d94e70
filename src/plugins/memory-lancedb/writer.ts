import { setTimeout as wait } from 'node:timers/promises'
import type { OperationOptions } from '../../core/index.ts'
import { createCommitter, type Write } from './committing.ts'
import type { RecordTable } from './table.ts'
import { createTurns, type Task } from './turns.ts'

/** The one way to write: writes that wait for each other are committed together, other work is done alone. */
export interface Writer {
  /** Done when what it comes to is in the log or in the table. */
  write<T>(write: Write<T>, options?: OperationOptions): Promise<T>
  /** Does something under both locks, alone, when all that was written is in the table. */
  alone<T>(work: () => Promise<T>, options?: OperationOptions): Promise<T>
  /** Done when all that was written so far, by whichever process, is in the table. @throws OpspawnError `MEMORY_FAILED` */
  settle(options?: OperationOptions): Promise<void>
  /** Refuses what comes from now on. Done when everything that was asked for before is, and in the table. @throws OpspawnError `MEMORY_FAILED` */
  close(): Promise<void>
}

/** What a writer tells, and needs to know. */
export interface WriterOptions {
  /** The table was changed. */
  readonly onCommit: () => void
  /** What was written could not be put into the table, nobody waiting for it. It stays in the log. */
  readonly onFailure: () => void
  /** Makes the error of what comes too late. */
  readonly closed: () => Error
}

/** Records that are looked for or written in one commit: a commit costs the same for one as for hundreds. */
const BATCH = 4096
/** How long what was written may stay in the log while nobody reads. */
const SETTLE_MS = 25
/** How long another process may take to settle what this one cannot. */
const PATIENCE_MS = 250

/** Makes the writer of a table. */
export function createWriter(table: RecordTable, { onCommit, onFailure, closed }: WriterOptions): Writer {
  const { log, lock, tidying } = table
  const committer = createCommitter(table, onCommit)
  const settleNow = (): Promise<void> => committer.settle()
  let timer: NodeJS.Timeout | undefined
  /** Whether it has written anything, and since it last saw to the log. */
  let [hasWritten, isDue] = [false, false]
  let isClosed = false
  const turns = createTurns<Write<unknown>>({
    most: BATCH,
    async batch(writes) {
      isDue = true
      return lock.hold(() => committer.commit(writes))
    },
    async alone(work) {
      isDue = false
      return lock.hold(work)
    },
    onIdle() {
      clearTimeout(timer)
      // What fails is tried again behind the next write, or by who reads. A process that ends meanwhile leaves it to the next.
      if (isDue) timer = setTimeout(() => void settle().catch(onFailure), SETTLE_MS).unref()
    },
  })
  async function ask<T>(task: Task<Write<unknown>>, options?: OperationOptions): Promise<T> {
    if (isClosed) throw closed()
    return turns.ask(task, options)
  }
  async function settle(options?: OperationOptions): Promise<void> {
    if (log.isEmpty()) return
    await ask({ work: settleNow }, options).catch((error: unknown) => awaitOthers(log, error, options?.signal))
  }

  return {
    settle,
    write(write, options) {
      hasWritten = true
      return ask({ part: write as Write<unknown>, size: sizeOf(write) }, options)
    },
    async alone(work, options) {
      async function settled(): Promise<unknown> {
        await settleNow()
        const result = await tidying.hold(work)
        onCommit()
        return result
      }
      return ask({ work: settled }, options)
    },
    async close() {
      isClosed = true
      try {
        if (hasWritten && !(turns.isIdle && log.isEmpty())) await turns.ask({ work: settleNow })
      } finally {
        await turns.idle()
        clearTimeout(timer)
      }
    },
  }
}

/** Whoever may only read waits for those who write. @throws what it could not settle for, where nobody does */
async function awaitOthers(log: RecordTable['log'], error: unknown, signal: AbortSignal | undefined): Promise<void> {
  const until = performance.now() + PATIENCE_MS
  while (!log.isEmpty()) {
    if (signal?.aborted === true || performance.now() > until) throw error
    await wait(SETTLE_MS)
  }
}

function sizeOf({ finds, made = [] }: Pick<Write<unknown>, 'finds' | 'made'>): number {
  return Math.max(1, finds.length + made.length)
}
