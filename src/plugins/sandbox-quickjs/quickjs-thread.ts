import { parentPort, workerData } from 'node:worker_threads'
import { Machine } from './machine.ts'
import type { FromThread, ToThread } from './message.ts'

const port = parentPort
if (port === null) throw new Error('this file is a thread of a sandbox')

/** Processor time of this thread where Node tells it, else the time that goes by; milliseconds. */
function cpuNow(): number {
  const usage = process.threadCpuUsage?.()
  return usage === undefined ? performance.now() : (usage.user + usage.system) / 1000
}

let machine: Machine | undefined

async function go(message: ToThread): Promise<void> {
  if (message === null) {
    machine = undefined
    return
  }
  if (message.open !== undefined) machine = await Machine.open(workerData as WebAssembly.Module, message.open, cpuNow)
  machine?.answer(message.answers)
  port?.postMessage(machine?.rest() satisfies FromThread | undefined)
}

// What is thrown here ends the thread, and with it the code.
port.on('message', (message: ToThread) => void go(message))
