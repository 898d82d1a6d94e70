import { realpathSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { openDatabase, rollBack, type Sqlite } from './database.ts'
import { isBusy, toRefusal, wrapFailure } from './failures.ts'
import { prepareDocumentReading } from './document-rows.ts'
import { prepareHeart } from './heartbeat.ts'
import { holdLock } from './liveness.ts'
import type { Calls, KeeperCalls, ThreadData } from './message.ts'
import { prepareReading } from './reading.ts'
import { monotonicNow, SharedState } from './shared-state.ts'
import { prepareSweep } from './sweep.ts'
import type { Served } from './writer.ts'

/** How often to look whether the main thread is blocked, and from when on it is. */
const WATCH_MS = 1_000
const BLOCKED_MS = 2_000
/** How often to look who else has the file open. */
const TIDY_MS = 1_000

/** Opens the file for keeping watch and for reading. */
export function openKeeper(sqlite: Sqlite, data: ThreadData): Served {
  const { path, owner, busyMs } = data
  // What is written here is done again if a power cut takes it back, so nothing waits for a sync.
  const db = openDatabase(sqlite, { ...data, durability: 'process' })
  const shared = new SharedState(data.shared)
  const liveness = holdLock(sqlite, realpathSync(path), owner)
  const heart = prepareHeart(db, owner)
  const { owners, sweep } = prepareSweep(db)
  const write = <T>(work: () => T): Promise<T> => writeWhenFree(db, path, busyMs, shared, work)
  const calls: KeeperCalls = {
    ...prepareReading(db),
    ...prepareDocumentReading(db),
    heartbeat: (at, fences, leaseMs) => write(() => heart.beat(at, fences, leaseMs)),
    sweep(at, sweeping) {
      const others = owners(owner)
      const dead = others.filter((other) => !liveness.isAlive(other))
      return write(() => sweep(at, sweeping, dead, others.length > dead.length))
    },
  }
  const stopWatch = every(WATCH_MS, () => extendWhenBlocked(shared, (mono, leaseMs) => write(() => heart.extend(mono, leaseMs))))
  const stopTidying = every(TIDY_MS, () => {
    shared.hasOthers = liveness.tidy()
  })
  shared.hasOthers = liveness.tidy()
  return {
    serve(requests, answer) {
      for (const [id, name, ...args] of requests) {
        const refuse = (error: unknown): void => answer([[id, undefined, toRefusal(error, path)]])
        try {
          const value = ((calls as unknown as Calls)[name] as (...all: unknown[]) => unknown)(...args)
          if (value instanceof Promise) value.then((settled) => answer([[id, settled]]), refuse)
          else answer([[id, value]])
        } catch (error) {
          refuse(error)
        }
      }
    },
    close() {
      stopWatch()
      stopTidying()
      liveness.release()
      db.close()
    },
  }
}

/** A blocked event loop is not death: while the main thread cannot, the leases are extended here. */
function extendWhenBlocked(shared: SharedState, extend: (mono: number, leaseMs: number) => Promise<void>): void {
  const mono = monotonicNow()
  const { tick, leaseMs } = shared
  if (tick === 0 || mono - tick < BLOCKED_MS) return
  extend(mono, leaseMs).then(
    () => {
      shared.extendedAt = mono
    },
    // The next try comes soon, and the lease is longer than many of them.
    () => {},
  )
}

/** Timers wait for the lock, so that reads go on meanwhile; the writer of the same process is asked to make room. */
async function writeWhenFree<T>(db: DatabaseSync, path: string, busyMs: number, shared: SharedState, work: () => T): Promise<T> {
  const until = performance.now() + busyMs
  for (;;) {
    try {
      db.exec('BEGIN IMMEDIATE')
      break
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw wrapFailure(error, path)
    }
    shared.isWanted = true
    await new Promise((resolve) => void setTimeout(resolve, 1 + Math.random()))
  }
  try {
    const value = work()
    db.exec('COMMIT')
    return value
  } catch (error) {
    rollBack(db)
    throw wrapFailure(error, path)
  } finally {
    shared.isWanted = false
  }
}

function every(ms: number, work: () => void): () => void {
  const timer = setInterval(() => {
    try {
      work()
    } catch {
      // What went wrong now is tried again at the next time; nobody waits for it.
    }
  }, ms)
  timer.unref()
  return () => clearInterval(timer)
}
