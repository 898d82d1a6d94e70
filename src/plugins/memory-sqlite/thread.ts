import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads'
import { loadSqlite } from './database.ts'
import { toRefusal } from './failures.ts'
import { READY_ID, type Requests, type ThreadData } from './message.ts'
import { openServed, type Served } from './serve.ts'

/** Runs the thread: opens the file, says so, serves requests, and closes when the main thread says `null`. */
export async function runThread(): Promise<void> {
  const port = parentPort as MessagePort
  const data = workerData as ThreadData
  let served: Served
  try {
    served = openServed(await loadSqlite(), data)
  } catch (error) {
    port.postMessage([[READY_ID, undefined, toRefusal(error, data.path)]])
    port.close()
    return
  }
  let isEnding = false
  const accept = (message: Requests | null): Requests | undefined => {
    isEnding ||= message === null
    return message ?? undefined
  }
  const receive = (): Requests | undefined => {
    const next = receiveMessageOnPort(port) as { readonly message: Requests | null } | undefined
    return next === undefined ? undefined : accept(next.message)
  }
  port.on('message', (message: Requests | null) => {
    const requests = accept(message)
    if (requests !== undefined) served.serve(requests, (replies) => port.postMessage(replies), receive)
    if (!isEnding) return
    served.close()
    port.close()
  })
  port.postMessage([[READY_ID, undefined]])
}
