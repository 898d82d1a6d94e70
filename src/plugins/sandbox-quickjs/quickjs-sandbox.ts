import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { type Json, OpspawnError, toFailure, toJson } from '../../core/index.ts'
import { failureOf } from './faults.ts'
import { requireMembers, sandboxLimits, type SandboxLimits } from './limits.ts'
import { Pool, type PoolOptions } from './pool.ts'
import type { Sandbox, SandboxAnswer, SandboxCall, SandboxFunction, SandboxRest, SandboxResult, SandboxRun } from './port.ts'
import type { SandboxSession, SandboxSessionTask } from './port.ts'
import { QuickjsSession } from './session.ts'

/** What a sandbox is made of. */
export interface QuickjsSandboxOptions {
  /** Threads at once: as much code runs, or waits for calls. At most 64. @default 4 */
  readonly threads?: number
  /** Threads that are started ahead of need, once code has come to rest in the sandbox. @default 1 */
  readonly warm?: number
  /** Runs that wait for a thread; more are refused with `QUEUE_FULL`. At most 10,000. @default 100 */
  readonly waiting?: number
  /** Runs after which a thread is ended, each in an engine of its own. @default 50 */
  readonly runsPerThread?: number
  /** Of code that says nothing else. */
  readonly limits?: Partial<SandboxLimits>
}

/** Of the package that is a peer of this one. */
export const ENGINE = 'quickjs-wasi 3.6'

const NAME = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/

/**
 * A sandbox of QuickJS in WebAssembly, in threads without an environment. Nothing is started before the first use; threads that
 * wait keep no process alive. Needs the package `quickjs-wasi`.
 *
 * @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID`
 */
export function quickjsSandbox(options: QuickjsSandboxOptions = {}): Sandbox {
  const base = sandboxLimits(checkOptions(options).limits)
  const { threads = 4, warm = 1, waiting = 100, runsPerThread = 50 } = options
  let pool: Promise<Pool> | undefined
  let isDisposed = false
  const open = async (
    task: SandboxSessionTask,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<SandboxSession> => {
    const { code, names, tenant = 'default', seed = '', now = 0 } = task
    const limits = sandboxLimits(task.limits, base)
    checkTask(task)
    signal?.throwIfAborted()
    if (code.length > limits.sourceChars) return tooLong(code.length, limits.sourceChars)
    if (isDisposed) throw new OpspawnError('ORCHESTRATOR_DRAINING', 'the sandbox has been disposed; it runs nothing any more')
    const made = await (pool ??= loadPool({ threads, warm, waiting, runsPerThread }))
    const thread = await made.take(tenant, signal)
    return new QuickjsSession(made, thread, { code, names, seed: hash(seed), now, limits }, task.replayable ?? false)
  }
  return {
    spec: 'sandbox/1',
    engine: ENGINE,
    open,
    async run({ api = {}, ...task }, { signal } = {}) {
      const session = await open({ ...task, names: Object.keys(api) }, { signal })
      try {
        return await runToEnd(session, api, signal)
      } finally {
        session[Symbol.dispose]()
      }
    },
    async [Symbol.asyncDispose]() {
      isDisposed = true
      // What could not be loaded was told to whoever ran code, and has nothing to be closed.
      const made = await pool?.catch(() => undefined)
      await made?.close()
    },
  }
}

function checkOptions(options: QuickjsSandboxOptions): QuickjsSandboxOptions {
  requireMembers('options of quickjsSandbox', options, ['threads', 'warm', 'waiting', 'runsPerThread', 'limits'])
  const bounds = { threads: [1, 64], warm: [0, 64], waiting: [0, 10_000], runsPerThread: [1, 10_000] } as const
  for (const [name, [least, most]] of Object.entries(bounds)) {
    const value = options[name as keyof typeof bounds]
    if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) continue
    const text = `quickjsSandbox: ${name} must be a whole number from ${least} to ${most}, not ${String(value)}`
    throw new OpspawnError('OPTIONS_INVALID', text, { details: { member: name } })
  }
  return options
}

function checkTask({ code, names, tenant, seed, now }: SandboxSessionTask): void {
  const wrong = (text: string): never => {
    throw new OpspawnError('OPTIONS_INVALID', `a run in a sandbox: ${text}`)
  }
  if (typeof code !== 'string') wrong(`code must be a text, not ${typeof code}`)
  if (tenant !== undefined && typeof tenant !== 'string') wrong(`tenant must be a text, not ${typeof tenant}`)
  if (seed !== undefined && typeof seed !== 'string') wrong(`seed must be a text, not ${typeof seed}`)
  if (now !== undefined && !(Math.abs(now) <= 8.64e15)) wrong(`now must be epoch milliseconds, not ${String(now)}`)
  for (const name of names)
    if (!NAME.test(name) || name === '__proto__' || name === 'then')
      wrong(`"${name}" is no name for a function; use 1 to 64 letters, digits, "_" and "-"`)
}

/** Node's types have the namespace, not the functions in it. */
const engine = globalThis as unknown as {
  readonly WebAssembly: { compile(bytes: Uint8Array): Promise<WebAssembly.Module> }
}

async function loadPool(options: PoolOptions): Promise<Pool> {
  let file: string
  try {
    file = createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm')
  } catch (cause) {
    const text = 'quickjsSandbox needs the package quickjs-wasi, which is not installed: npm install quickjs-wasi'
    throw new OpspawnError('PLUGIN_PACKAGE_MISSING', text, { cause, details: { package: 'quickjs-wasi' } })
  }
  return new Pool(await engine.WebAssembly.compile(await readFile(file)), options)
}

/** Code that is never begun. */
function tooLong(length: number, most: number): SandboxSession {
  const message = `the code has ${length} characters, allowed ${most}`
  const end: SandboxResult = { status: 'failed', error: failureOf({ reason: 'source', message }), console: [] }
  return { isOpen: true, step: () => Promise.resolve({ calls: [], end }), [Symbol.dispose]() {} }
}

/** 32 bits of a text (FNV-1a). */
function hash(text: string): number {
  let made = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) made = Math.imul(made ^ text.charCodeAt(index), 0x01000193)
  return made >>> 0
}

async function runToEnd(
  session: SandboxSession,
  api: NonNullable<SandboxRun['api']>,
  signal: AbortSignal | undefined,
): Promise<SandboxResult> {
  const over = new AbortController()
  const onAbort = (): void => over.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort)
  let settled: SandboxAnswer[] = []
  let wake = Promise.withResolvers<void>()
  const onSettled = (answer: SandboxAnswer): void => {
    settled.push(answer)
    wake.resolve()
  }
  over.signal.addEventListener('abort', () => wake.resolve())
  try {
    for (;;) {
      const { calls, end }: SandboxRest = await session.step(settled.splice(0), { signal })
      if (end !== undefined) return end
      for (const call of calls) void perform(call, api[call.name], over.signal).then(onSettled)
      if (settled.length === 0) await wake.promise
      wake = Promise.withResolvers()
      signal?.throwIfAborted()
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    over.abort(new OpspawnError('RUN_CANCELLED', 'the code that made the call has ended'))
  }
}

/** Never rejects: what goes wrong is the answer. */
async function perform(
  { id, name, input }: SandboxCall,
  run: SandboxFunction | undefined,
  signal: AbortSignal,
): Promise<SandboxAnswer> {
  try {
    if (run === undefined) throw new OpspawnError('TOOL_UNKNOWN', `there is no function "${name}"`)
    const value: Json = toJson(await run(input, { signal }))
    return { id, outcome: { status: 'completed', value } }
  } catch (error) {
    return { id, outcome: { status: 'failed', error: toFailure(error, 'TOOL_FAILED') } }
  }
}
