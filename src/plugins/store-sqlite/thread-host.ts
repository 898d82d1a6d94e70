import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { storeFailed } from './failures.ts'
import { SharedState } from './shared-state.ts'
import type { Replies, Requests, ThreadData } from './message.ts'

/** A thread, seen from the main one. */
export interface Thread {
  post(requests: Requests): void
  /** Keeps the process alive, or does not. */
  ref(): void
  unref(): void
  /** Has it close what it opened, and waits for its end. */
  end(): Promise<void>
}

/** Starts a thread. `onReplies` gets what it says; `onEnd` is called once if it ends without having been told to. */
export type StartThread = (onReplies: (replies: Replies) => void, onEnd: (error: Error | undefined) => void) => Thread

/** How long a thread may take to close what it opened. */
const END_MS = 10_000

/** Starts one of the threads of this folder. */
export function startThread(name: 'writer' | 'keeper' | 'copier', data: ThreadData): StartThread {
  const shared = new SharedState(data.shared)
  return (onReplies, onEnd) => {
    const worker = new Worker(threadFile(name), { workerData: data, name: `opspawn-${name}` })
    if (name === 'writer') shared.forgetPosts()
    let failure: Error | undefined
    const ended = new Promise<void>((resolve) => void worker.once('exit', () => resolve()))
    worker.unref()
    worker.on('message', onReplies)
    worker.on('error', (error) => {
      failure = error as Error
    })
    worker.once('exit', () => onEnd(failure))
    return {
      post(requests) {
        worker.postMessage(requests)
        if (name === 'writer') shared.countPost()
      },
      ref: () => worker.ref(),
      unref: () => worker.unref(),
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
 * Where the code of a thread is: beside this file in the sources; in the built package beside the plugin's entry, seen
 * from there or from a chunk that several entries share.
 */
function threadFile(name: string): URL {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const places = [`./${name}-thread.${ending}`, `./plugins/store-sqlite/${name}-thread.${ending}`]
  const found = places.map((place) => new URL(place, import.meta.url)).find((url) => existsSync(fileURLToPath(url)))
  if (found !== undefined) return found
  throw storeFailed(
    'no-thread-file',
    `sqliteStore does not find the file of its ${name} thread beside ${import.meta.url}: a bundler must leave opspawn outside its bundle`,
    { retryable: false },
  )
}
