import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Validator } from '@cfworker/json-schema'
import { type Clock, type Issue, type Json, type JsonObject, OpspawnError } from '../../core/index.ts'
import { isObject } from './faults.ts'
import { issuesOf } from './results/schema-errors.ts'

/** Checks values against schemas that nobody here wrote. */
export interface SchemaChecker {
  /**
   * What does not fit; a promise where the schema could take long, which is then checked in a thread of its own.
   *
   * @throws OpspawnError `TOOL_TIMEOUT` when the check is not done in time; `TOOL_FAILED` for a schema that cannot be used
   */
  check(schema: JsonObject, value: Json, what: string): readonly Issue[] | Promise<readonly Issue[]>
  /** Ends the thread. */
  close(): Promise<void>
}

/** Keywords that can take longer than what they are given is large: patterns, references, comparisons of all with all. */
const SLOW: ReadonlySet<string> = new Set([
  'pattern',
  'patternProperties',
  'format',
  'uniqueItems',
  '$ref',
  '$dynamicRef',
  '$recursiveRef',
])
/** Nodes of schema times nodes of value that are checked at once: some milliseconds. */
const MOST_STEPS = 100_000
const START_MS = 10_000

interface Plan {
  readonly nodes: number
  readonly isSlow: boolean
  validator: Validator | undefined
}

interface Job {
  readonly message: readonly [schema: string, value: string]
  readonly what: string
  readonly resolve: (issues: readonly Issue[]) => void
  readonly reject: (error: Error) => void
}

type Reply = 'ready' | { readonly issues: readonly Issue[] } | { readonly problem: string }

/** Makes a checker. A check may take `checkMs`; its thread is started when it is first needed, and does not keep a process alive. */
export function schemaChecker(clock: Clock, checkMs: number): SchemaChecker {
  const plans = new WeakMap<JsonObject, Plan>()
  const thread = new CheckThread(clock, checkMs)

  function planOf(schema: JsonObject): Plan {
    let plan = plans.get(schema)
    if (plan === undefined)
      plans.set(schema, (plan = { nodes: sizeOf(schema, Infinity), isSlow: isSlow(schema), validator: undefined }))
    return plan
  }
  return {
    check(schema, value, what) {
      const plan = planOf(schema)
      if (plan.isSlow || plan.nodes * sizeOf(value, MOST_STEPS / plan.nodes) > MOST_STEPS)
        return thread.check(JSON.stringify(schema), JSON.stringify(value), what)
      try {
        plan.validator ??= new Validator(schema, '2020-12', false)
        const { valid, errors } = plan.validator.validate(value)
        return valid ? [] : issuesOf(errors.slice(0, 1_000))
      } catch (error) {
        throw unusable(what, (error as Error).message)
      }
    },
    close: () => thread.close(),
  }
}

/** Values in a value, counted up to a bound. */
function sizeOf(value: unknown, most: number): number {
  let count = 0
  const open: unknown[] = [value]
  while (open.length > 0 && count <= most) {
    const item = open.pop()
    count += 1
    if (typeof item === 'object' && item !== null) for (const member of Object.values(item)) open.push(member)
  }
  return count
}

function isSlow(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.some(isSlow)
  if (!isObject(schema)) return false
  return Object.entries(schema).some(([key, item]) => SLOW.has(key) || isSlow(item))
}

/** One thread, one check at a time; ended and started anew when a check does not end. */
class CheckThread {
  readonly #clock: Clock
  readonly #checkMs: number
  readonly #queue: Job[] = []
  #worker: Worker | undefined
  #job: Job | undefined
  #disarm: () => void = () => {}
  #isReady = false
  #isClosed = false

  constructor(clock: Clock, checkMs: number) {
    this.#clock = clock
    this.#checkMs = checkMs
  }

  check(schema: string, value: string, what: string): Promise<readonly Issue[]> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ message: [schema, value], what, resolve, reject })
      this.#next()
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const closed = new OpspawnError('TOOL_UNAVAILABLE', 'the MCP plugin was closed while a result was checked')
    for (const job of [this.#job, ...this.#queue.splice(0)]) job?.reject(closed)
    await this.#end()
  }

  #next(): void {
    if (this.#job !== undefined || this.#queue.length === 0 || this.#isClosed) return
    this.#job = this.#queue.shift()
    if (this.#worker === undefined) this.#start()
    else if (this.#isReady) this.#send()
  }

  #start(): void {
    const worker = new Worker(threadFile(), {
      name: 'opspawn-mcp-validator',
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: 128, stackSizeMb: 4 },
    })
    worker.unref()
    this.#worker = worker
    this.#isReady = false
    this.#arm(START_MS)
    worker.on('message', (reply: Reply) => this.#take(worker, reply))
    worker.on('error', (error) => this.#fail(worker, unusable(this.#job?.what ?? 'a schema', (error as Error).message)))
    worker.on('exit', () => this.#fail(worker, unusable(this.#job?.what ?? 'a schema', 'its thread ended')))
  }

  #send(): void {
    this.#arm(this.#checkMs)
    this.#worker?.postMessage(this.#job?.message)
  }

  #arm(ms: number): void {
    this.#disarm()
    const worker = this.#worker
    this.#disarm = this.#clock.setTimer(ms, () => {
      const text = `${this.#job?.what ?? 'a check'} was not checked within ${ms} ms, so it is refused; its schema, or what it is checked with, is hostile or too large`
      this.#fail(worker, new OpspawnError('TOOL_TIMEOUT', text, { retryable: false }))
    })
  }

  #take(worker: Worker, reply: Reply): void {
    if (worker !== this.#worker) return
    if (reply === 'ready') {
      this.#isReady = true
      this.#send()
      return
    }
    const job = this.#finish()
    if ('issues' in reply) job?.resolve(reply.issues)
    else job?.reject(unusable(job.what, reply.problem))
    this.#next()
  }

  #fail(worker: Worker | undefined, error: Error): void {
    if (worker !== this.#worker || worker === undefined) return
    const job = this.#finish()
    void this.#end()
    job?.reject(error)
    this.#next()
  }

  #finish(): Job | undefined {
    const job = this.#job
    this.#disarm()
    this.#job = undefined
    return job
  }

  async #end(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    this.#disarm()
    await worker?.terminate()
  }
}

function unusable(what: string, why: string): OpspawnError {
  return new OpspawnError('TOOL_FAILED', `${what} could not be checked: ${why.slice(0, 300)}`, { retryable: false })
}

/** Beside this file in the sources; in the built package beside the plugin's entry, seen from there or from a shared chunk. */
function threadFile(): URL {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const places = [`./validator-thread.${ending}`, `./plugins/tool-mcp/validator-thread.${ending}`]
  const found = places.map((place) => new URL(place, import.meta.url)).find((url) => existsSync(fileURLToPath(url)))
  if (found !== undefined) return found
  throw new OpspawnError(
    'PLUGIN_INVALID',
    `the file of the validator's thread is not beside ${import.meta.url}: a bundler must leave opspawn outside its bundle`,
  )
}
