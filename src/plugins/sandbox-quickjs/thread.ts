import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { OpspawnError } from '../../core/index.ts'
import type { Fault, FromThread, ToThread } from './message.ts'

/** A thread that is gone, and why. */
export type Gone = { readonly gone: Fault }

/** A thread that runs the code of one tenant, one piece after the other. It keeps the process alive only while code runs. */
export class Thread {
  readonly #worker: Worker
  readonly #ended: Promise<void>
  #take: ((reply: FromThread | Gone) => void) | undefined
  #isGone = false
  /** Pieces of code that it was given. */
  runs = 0
  tenant: string | undefined
  isFree = true

  constructor(wasm: WebAssembly.Module, onGone: (thread: Thread) => void) {
    this.#worker = new Worker(threadFile(), {
      name: 'opspawn-sandbox',
      workerData: wasm,
      env: {},
      execArgv: [],
      argv: [],
      stdin: false,
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 16, stackSizeMb: 16 },
    })
    this.#worker.on('message', (reply: FromThread) => this.#take?.(reply))
    this.#worker.on('error', (error: Error) =>
      this.#leave({ reason: 'engine', message: `the thread of the code broke down: ${error.message}` }),
    )
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#leave({ reason: 'engine', message: 'the thread of the code ended' })
        onGone(this)
        resolve()
      })
    })
    // After the listeners: they hold on to the process.
    this.#worker.unref()
  }

  get isGone(): boolean {
    return this.#isGone
  }

  /** Sends what needs an answer. A thread that does not answer in time, or is not to be waited for, is ended. */
  ask(message: ToThread, wallMs: number, signal: AbortSignal | undefined): Promise<FromThread | Gone> {
    const { promise, resolve, reject } = Promise.withResolvers<FromThread | Gone>()
    const end = (reason: 'wall' | 'engine', text: string): void => this.#leave({ reason, message: text })
    const patience = setTimeout(() => end('wall', `the code did not come to rest within ${wallMs} ms`), wallMs)
    const onAbort = (): void => {
      reject(signal?.reason)
      end('engine', 'the code was ended')
    }
    this.#take = resolve
    this.#worker.ref()
    signal?.addEventListener('abort', onAbort)
    this.#worker.postMessage(message)
    return promise.finally(() => {
      clearTimeout(patience)
      signal?.removeEventListener('abort', onAbort)
      this.#take = undefined
      this.#worker.unref()
    })
  }

  /** Has it forget the code. */
  forget(): void {
    this.#worker.postMessage(null satisfies ToThread)
  }

  /** Ends it at once, whatever it does. */
  end(): Promise<void> {
    this.#leave({ reason: 'engine', message: 'the code was ended' })
    return this.#ended
  }

  #leave(gone: Fault): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#take?.({ gone })
    void this.#worker.terminate()
  }
}

/** Where the thread's code is: beside this file in the sources; in the built package beside the plugin's entry. */
function threadFile(): URL {
  const name = `quickjs-thread.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`
  const places = [`./${name}`, `./plugins/sandbox-quickjs/${name}`].map((place) => new URL(place, import.meta.url))
  const found = places.find((url) => existsSync(fileURLToPath(url)))
  if (found !== undefined) return found
  const text = `quickjsSandbox does not find its thread's file beside ${import.meta.url}: a bundler must leave opspawn outside its bundle`
  throw new OpspawnError('INTERNAL', text)
}
