import { availableParallelism } from 'node:os'
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
  /** The next message, if it is there; the last one is `null`. */
  const receive = (): Requests | null | undefined => {
    const next = receiveMessageOnPort(port)?.message as Requests | null | undefined
    if (next !== undefined) received = (received + 1) | 0
    return next
  }
  const serve = (requests: Requests): void => served.serve(requests, answer, () => receive() ?? undefined)
  const waitBriefly = served.watches === undefined || availableParallelism() < 2 ? undefined : served.watches
  port.on('message', (first: Requests | null) => {
    received = (received + 1) | 0
    let next: Requests | null | undefined = first
    while (next !== undefined && next !== null) {
      serve(next)
      next = receive() ?? (waitBriefly?.(() => received) === true ? receive() : undefined)
    }
    if (next === null) void Promise.resolve(served.close()).then(() => port.close())
  })
  port.postMessage([[READY_ID, undefined]])
}
