import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads'
import { loadSqlite, type Sqlite } from './database.ts'
import { toRefusal } from './failures.ts'
import type { Replies, Requests, ThreadData } from './message.ts'
import type { Served } from './writer.ts'

/** What a thread says first: nothing when it is ready, or why it cannot be. */
export const READY_ID = 0

/** Runs a thread: opens, says so, serves requests, and closes when the main thread says `undefined`. */
export async function runThread(open: (sqlite: Sqlite, data: ThreadData) => Served): Promise<void> {
  const port = parentPort as MessagePort
  const data = workerData as ThreadData
  let served: Served
  try {
    served = open(await loadSqlite(), data)
  } catch (error) {
    port.postMessage([[READY_ID, undefined, toRefusal(error, data.path)]])
    port.close()
    return
  }
  const answer = (replies: Replies): void => port.postMessage(replies)
  let received = 0
  let isEnding = false
  /** Notes a message; the one that ends the thread is `null`, and no work. */
  const accept = (message: Requests | null): Requests | undefined => {
    received = (received + 1) | 0
    isEnding ||= message === null
    return message ?? undefined
  }
  const receive = (): Requests | undefined => {
    const next = receiveMessageOnPort(port) as { readonly message: Requests | null } | undefined
    return next === undefined ? undefined : accept(next.message)
  }
  port.on('message', (first: Requests | null) => {
    let next = accept(first)
    while (next !== undefined) {
      served.serve(next, answer, receive)
      next = receive()
      if (next === undefined && !isEnding && served.watch?.(() => received) === true) next = receive()
    }
    if (isEnding) void Promise.resolve(served.close()).then(() => port.close())
  })
  port.postMessage([[READY_ID, undefined]])
}
