import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads'
import { loadSqlite, type Sqlite } from './database.ts'
import { toRefusal } from './failures.ts'
import type { Requests, ThreadData } from './message.ts'
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
  const more = (): Requests | undefined => receiveMessageOnPort(port)?.message as Requests | undefined
  port.on('message', (requests: Requests | null) => {
    if (requests === null) void Promise.resolve(served.close()).then(() => port.close())
    else served.serve(requests, (replies) => port.postMessage(replies), more)
  })
  port.postMessage([[READY_ID, undefined]])
}
