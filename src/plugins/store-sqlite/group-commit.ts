import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { OpspawnError } from '../../core/index.ts'
import { rollBack } from './database.ts'
import { isBusy, toRefusal, wrapFailure } from './failures.ts'
import type { Calls, Replies, Requests } from './message.ts'
import { sleep, type SharedState } from './shared-state.ts'

/** Operations in one transaction. */
const GROUP = 256
/** While other processes have the file open, the write lock is left alone so long after it was used so long without a pause. */
const SLICE_MS = 8
const PAUSE_MS = 1.5
/** The longest wait for the keeper of the same process to have its turn. */
const GIVE_WAY_MS = 5

/** What group commit works with. */
export interface GroupOptions {
  readonly db: DatabaseSync
  readonly path: string
  /** Operations by name; each checks all before it writes anything, so that one that throws has changed nothing. */
  readonly calls: Calls
  /** Operations that cannot stand in a transaction. */
  readonly alone: readonly string[]
  /** Whether the answer must wait until the operation is on the disk. */
  readonly isDurable: (name: string, args: readonly unknown[]) => boolean
  readonly syncs: boolean
  readonly busyMs: number
  readonly shared: SharedState
}

/**
 * Commits operations in groups: all that are there go into one transaction with one sync, and are answered when it is
 * committed. One that is refused changes nothing and does not hold up the others.
 */
export class GroupCommit {
  readonly #options: GroupOptions
  readonly #begin: StatementSync
  readonly #commit: StatementSync
  #isSyncing = true
  #sliceFrom = 0

  constructor(options: GroupOptions) {
    this.#options = options
    this.#begin = options.db.prepare('BEGIN IMMEDIATE')
    this.#commit = options.db.prepare('COMMIT')
  }

  /** Carries out all requests, and those that `more` gives meanwhile; `answer` gets the replies group by group. */
  work(requests: Requests, answer: (replies: Replies) => void, more: () => Requests | undefined): void {
    this.#sliceFrom = performance.now()
    const queue = [...requests]
    while (queue.length > 0) {
      const group = this.#nextGroup(queue)
      answer(this.#isAlone(group[0]) ? this.#single(group) : this.#group(group))
      for (let next = more(); next !== undefined; next = more()) queue.push(...next)
      if (queue.length > 0) this.makeRoom()
    }
  }

  #nextGroup(queue: Requests[number][]): Requests {
    let size = 0
    while (size < queue.length && size < GROUP && !this.#isAlone(queue[size])) size += 1
    return queue.splice(0, Math.max(size, 1))
  }

  #isAlone(request: Requests[number] | undefined): boolean {
    return request !== undefined && this.#options.alone.includes(request[1])
  }

  #single([request]: Requests): Replies {
    return request === undefined ? [] : [this.#answer(request)]
  }

  #group(group: Requests): Replies {
    try {
      return this.#transaction(group)
    } catch (error) {
      // Which of them broke it is not known; alone, only that one fails.
      if (group.length > 1 && !isBusy(error)) return group.map((request) => this.#group([request])[0] as Replies[number])
      const refusal = toRefusal(error, this.#options.path)
      return group.map(([id]) => [id, undefined, refusal])
    }
  }

  #transaction(group: Requests): Replies {
    const { db, isDurable } = this.#options
    this.begin(group.some(([, name, ...args]) => isDurable(name, args)))
    try {
      const replies = group.map((request) => this.#answer(request))
      this.#commit.run()
      return replies
    } catch (error) {
      rollBack(db)
      throw error
    }
  }

  /** Begins a transaction, with the write lock held; its commit waits for the disk, or does not. */
  begin(isSyncing: boolean): void {
    this.#sync(isSyncing)
    this.#acquire()
  }

  /** A refusal is an answer; any other error ends the transaction. */
  #answer([id, name, ...args]: Requests[number]): Replies[number] {
    const { calls, path } = this.#options
    try {
      return [id, (calls[name] as (...all: unknown[]) => unknown)(...args)]
    } catch (error) {
      if (OpspawnError.is(error)) return [id, undefined, toRefusal(error, path)]
      if (this.#options.alone.includes(name)) return [id, undefined, toRefusal(error, path)]
      throw error
    }
  }

  /** What need not outlive a power cut waits for no sync; the next one that does brings it to the disk as well. */
  #sync(isSyncing: boolean): void {
    if (!this.#options.syncs || isSyncing === this.#isSyncing) return
    this.#options.db.exec(`PRAGMA synchronous = ${isSyncing ? 'FULL' : 'NORMAL'}`)
    this.#isSyncing = isSyncing
  }

  /** SQLite's own waiting favours whoever had the lock last, so waits are short and random here. */
  #acquire(): void {
    const { busyMs, path } = this.#options
    const from = performance.now()
    for (let waits = 0; ; waits += 1) {
      try {
        this.#begin.run()
        if (waits > 0) this.#sliceFrom = performance.now()
        return
      } catch (error) {
        if (!isBusy(error)) throw error
        if (performance.now() - from > busyMs) throw wrapFailure(error, path)
      }
      sleep(0.1 + Math.random() * (waits < 20 ? 0.6 : 1.2))
    }
  }

  /** Gives others a chance between two groups. */
  makeRoom(): void {
    const { shared } = this.#options
    shared.giveWay(GIVE_WAY_MS)
    if (!shared.hasOthers || performance.now() - this.#sliceFrom < SLICE_MS) return
    sleep(PAUSE_MS)
    this.#sliceFrom = performance.now()
  }
}
