import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { failed, fromRefusal } from './failures.ts'
import { READY_ID, type MemoryCalls, type Replies, type Requests, type ThreadData } from './message.ts'

/** The main thread's end of a thread that is at work. */
export interface Thread {
  post(requests: Requests): void
  /** Keeps the process alive, or does not. */
  hold(isHeld: boolean): void
  /** Has it close what it opened, and waits for its end. */
  end(): Promise<void>
}

/** Starts a thread. `onReplies` gets what it says; `onEnd` is called once it has ended. */
export type StartThread = (onReplies: (replies: Replies) => void, onEnd: (error: unknown) => void) => Thread

/** How long a thread may take to close what it opened. */
const END_MS = 10_000

/** Starts the thread that has the file open. */
export function startThread(data: ThreadData): StartThread {
  return (onReplies, onEnd) => {
    const worker = new Worker(threadFile(), { workerData: data, name: 'opspawn-memory' })
    let failure: unknown
    const ended = new Promise<void>((resolve) => void worker.once('exit', () => resolve()))
    worker.on('message', onReplies)
    worker.on('error', (error) => {
      failure = error
    })
    worker.once('exit', () => onEnd(failure))
    return {
      post: (requests) => worker.postMessage(requests),
      hold: (isHeld) => (isHeld ? worker.ref() : worker.unref()),
      end() {
        worker.ref()
        worker.postMessage(null)
        // All that was asked for is answered, so nothing is lost with a thread that does not come to its end.
        const patience = setTimeout(() => void worker.terminate(), END_MS)
        return ended.finally(() => clearTimeout(patience))
      },
    }
  }
}

/**
 * Where the code of the thread is: beside this file in the sources; in the built package beside the plugin's entry, seen from there
 * or from a chunk that several entries share.
 */
function threadFile(): URL {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const places = [`./memory-thread.${ending}`, `./plugins/memory-sqlite/memory-thread.${ending}`]
  const found = places.map((place) => new URL(place, import.meta.url)).find((url) => existsSync(fileURLToPath(url)))
  if (found !== undefined) return found
  throw failed(
    'no-thread-file',
    `sqliteMemory does not find the file of its thread beside ${import.meta.url}: a bundler must leave opspawn outside its bundle`,
  )
}

type Result<K extends keyof MemoryCalls> = Promise<ReturnType<MemoryCalls[K]>>

/** Calls of one turn of the event loop travel together. The thread is started at the first call, and again after it died. */
export interface Lane {
  call<K extends keyof MemoryCalls>(name: K, ...args: Parameters<MemoryCalls[K]>): Result<K>
  /** Refuses what comes, waits for what is under way, and ends the thread. */
  close(): Promise<void>
}

interface Waiting {
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

/** Makes the main thread's end of a thread. @param closed makes the error of calls that come too late. */
export function createLane(start: StartThread, path: string, closed: () => Error): Lane {
  let thread: Thread | undefined
  const pending = new Map<number, Waiting>()
  const outbox: Requests[number][] = []
  let lastId: number = READY_ID
  let isClosed = false
  let onIdle: (() => void) | undefined

  function settle(): void {
    if (pending.size > 0) return
    thread?.hold(false)
    onIdle?.()
  }
  /** What was not answered is rejected; the next call tries anew. */
  function forget(error: unknown): void {
    const all = [...pending.values()]
    thread = undefined
    pending.clear()
    outbox.length = 0
    for (const { reject } of all) reject(error)
    settle()
  }
  function receive(replies: Replies): void {
    for (const [id, value, refusal] of replies) {
      if (id === READY_ID && refusal !== undefined) return forget(fromRefusal(refusal))
      const waiting = pending.get(id)
      pending.delete(id)
      if (refusal === undefined) waiting?.resolve(value as never)
      else waiting?.reject(fromRefusal(refusal))
    }
    settle()
  }
  function open(): Thread {
    const own: Thread = start(
      (replies) => void (thread === own && receive(replies)),
      (error) => void (thread === own && forget(ended(path, error))),
    )
    return own
  }
  function post(name: string, args: readonly unknown[], waiting: Waiting): void {
    thread ??= open()
    lastId += 1
    pending.set(lastId, waiting)
    thread.hold(true)
    outbox.push([lastId, name, ...args])
    // After all microtasks of this turn: what they ask for goes along.
    if (outbox.length === 1) process.nextTick(() => thread?.post(outbox.splice(0)))
  }

  return {
    async call(name, ...args) {
      if (isClosed) throw closed()
      return new Promise((resolve, reject) => post(name, args, { resolve, reject }))
    },
    async close() {
      if (isClosed) return
      isClosed = true
      if (pending.size > 0) await new Promise<void>((resolve) => (onIdle = resolve))
      await thread?.end()
      thread = undefined
    },
  }
}

function ended(path: string, error: unknown): Error {
  const text = error instanceof Error ? error.message : 'without an error'
  return failed('thread-ended', `the thread of the memory of ${path} ended: ${text}`, { cause: error, retryable: true })
}
