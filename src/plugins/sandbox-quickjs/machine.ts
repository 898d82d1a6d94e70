import { Intrinsics, JSException, type JSValueHandle, QuickJS } from 'quickjs-wasi'
import { OpspawnError, toJson } from '../../core/index.ts'
import { GUEST, SCRIPT } from './guest.ts'
import type { AnswerMessage, Fault, FaultReason, FromThread, OpenMessage } from './message.ts'

/** Everything of the language but what shows the machine's clock or what the host has collected. */
const LANGUAGE = (Intrinsics.ALL & ~(Intrinsics.PERFORMANCE | Intrinsics.WEAK_REF | Intrinsics.DOM_EXCEPTION)) >>> 0

/** The engine's own bound on nested calls: above it some code reaches the end of the thread's stack before. */
const STACK_BYTES = 256 * 1024

/** Lines that stand before the code in its file. */
const HEAD_LINES = 1

/** One piece of code in an engine of its own, made anew for it. */
export class Machine {
  readonly #task: OpenMessage
  readonly #vm: QuickJS
  readonly #settle: JSValueHandle
  readonly #cpuNow: () => number
  readonly #console: string[] = []
  #calls: { id: number; name: string; text: string }[] = []
  #made = 0
  #answered = 0
  #fuel = 0
  #cpuMs = 0
  #since = 0
  #end: FromThread['end']

  private constructor(task: OpenMessage, make: (machine: Machine) => QuickJS, cpuNow: () => number) {
    this.#task = task
    this.#cpuNow = cpuNow
    this.#since = cpuNow()
    this.#vm = make(this)
    const host = this.#vm.newFunction('host', (...given) => this.#host(given))
    const names = this.#vm.hostToHandle(task.names)
    const limits = this.#vm.hostToHandle(task.limits)
    const guest = this.#vm.callFunction(this.#vm.evalCode(GUEST, 'guest'), this.#vm.undefined, host, names, limits)
    this.#settle = guest.getProp('settle')
    this.#guarded(() => {
      const code = this.#vm.evalCode(`(async function ${SCRIPT}(tools, console) {"use strict";\n${task.code}\n})`, SCRIPT)
      this.#vm.callFunction(guest.getProp('start'), this.#vm.undefined, code)
      this.#vm.executePendingJobs()
    })
  }

  /** Makes an engine, and runs the code until it rests for the first time. */
  static async open(wasm: WebAssembly.Module, task: OpenMessage, cpuNow: () => number): Promise<Machine> {
    let machine: Machine | undefined
    // The engine seeds its chance from the clock when it begins; after that the clock stands still.
    let clock = BigInt(task.seed) + 1n
    const vm = await QuickJS.create({
      wasm,
      memoryLimit: task.limits.memoryMb * 2 ** 20,
      maxStackSize: STACK_BYTES,
      intrinsics: LANGUAGE,
      timezoneOffset: 0,
      interruptHandler: () => machine !== undefined && machine.#mustStop(),
      wasi: (memory: { readonly buffer: ArrayBuffer }) => ({
        clock_time_get(_clock: number, _precision: bigint, at: number) {
          new DataView(memory.buffer).setBigUint64(at, clock, true)
          return 0
        },
        fd_write: () => 8,
        random_get(at: number, length: number) {
          new Uint8Array(memory.buffer, at, length).fill(0)
          return 0
        },
      }),
    })
    clock = BigInt(Math.trunc(task.now)) * 1_000_000n
    return new Machine(task, (made) => ((machine = made), vm), cpuNow)
  }

  /** Hands in answers, one after the other, and lets the code rest after each. */
  answer(answers: readonly AnswerMessage[]): void {
    for (const { id, ok, text } of answers) {
      if (this.#end !== undefined) return
      this.#answered += 1
      this.#guarded(() => {
        const json = this.#vm.newString(text)
        this.#vm.callFunction(this.#settle, this.#vm.undefined, this.#vm.newNumber(id), ok ? this.#vm.true : this.#vm.false, json)
        json.dispose()
        this.#vm.executePendingJobs()
      })
    }
  }

  /** What the code has come to since it was asked last. */
  rest(): FromThread {
    if (this.#end === undefined && this.#made === this.#answered)
      this.#fail('stuck', 'the code waits for something that none of its calls gives')
    const calls = this.#calls
    this.#calls = []
    const bytes = this.#vm._getMemory().buffer.byteLength
    return this.#end === undefined ? { calls, bytes } : { calls, bytes, end: this.#end, console: this.#console }
  }

  #mustStop(): boolean {
    this.#fuel += 1
    const { fuel, cpuMs } = this.#task.limits
    if (this.#fuel > fuel) this.#fail('fuel', `the code did more than ${fuel} units of work`, true)
    else if (this.#cpuMs + this.#cpuNow() - this.#since > cpuMs)
      this.#fail('cpu', `the code took more than ${cpuMs} ms of processor time`, true)
    return this.#end !== undefined && 'fault' in this.#end
  }

  /** Lets guest code run. What comes out of the engine itself ends the code. */
  #guarded(run: () => void): void {
    this.#since = this.#cpuNow()
    try {
      run()
    } catch (error) {
      if (this.#end !== undefined) return
      const { name, message, stack } = error as Error
      if (error instanceof JSException) this.#thrown({ name, message, stack }, name === 'SyntaxError' ? 'syntax' : 'thrown')
      else this.#fail('engine', 'the engine broke down under the code')
    } finally {
      this.#cpuMs += this.#cpuNow() - this.#since
    }
  }

  /** The one function of the host. It never throws: the engine would show the code a stack of ours. */
  #host([kind, first, second]: readonly JSValueHandle[]): JSValueHandle {
    const what = kind?.toString()
    const text = first?.isString === true ? first.toString() : ''
    let problem: string | undefined
    if (what === 'call') problem = this.#call(text, second?.isString === true ? second.toString() : '')
    else if (what === 'log') this.#console.push(text)
    else if (what === 'end') this.#returned(text)
    else if (what === 'fail') this.#thrown(readThrown(text), 'thrown')
    return problem === undefined ? this.#vm.undefined : this.#vm.newString(problem)
  }

  #call(name: string, text: string): string | undefined {
    const { calls, argumentChars } = this.#task.limits
    const problem = jsonProblem(text, argumentChars, 'the arguments')
    if (problem !== undefined || this.#made >= calls) return problem ?? 'TOOL_FAILED: too many calls'
    this.#made += 1
    this.#calls.push({ id: this.#made, name, text })
    return undefined
  }

  #returned(text: string): void {
    const problem = jsonProblem(text, this.#task.limits.resultChars, 'the result')
    if (problem === undefined) this.#end ??= { text }
    else this.#fail(problem.startsWith('PAYLOAD') ? 'result' : 'json', problem.slice(problem.indexOf(':') + 2))
  }

  #thrown({ name = 'Error', message = '', stack = '', code }: Thrown, kind: FaultReason): void {
    const at = placeIn(stack)
    const where = at === undefined ? '' : ` (line ${at.line}, column ${at.column})`
    const thrownCode = code === undefined ? undefined : { thrownCode: code }
    this.#end ??= {
      fault: {
        reason: (Object.hasOwn(BOUNDS, message) ? BOUNDS[message] : undefined) ?? kind,
        message: `${name}: ${message}${where}`,
        ...at,
        ...thrownCode,
      },
    }
  }

  #fail(reason: FaultReason, message: string, isFinal = false): void {
    const fault: Fault = { reason, message }
    if (isFinal && (this.#end === undefined || !('fault' in this.#end))) this.#end = { fault }
    this.#end ??= { fault }
  }
}

function jsonProblem(text: string, most: number, what: string): string | undefined {
  if (text.length > most) return `PAYLOAD_TOO_LARGE: ${what} may have ${most} characters of JSON, not ${text.length}`
  try {
    toJson(JSON.parse(text))
    return undefined
  } catch (error) {
    return OpspawnError.is(error) ? `${error.code}: ${what}: ${error.message}` : `JSON_INVALID: ${what} are not JSON`
  }
}

/** How the engine tells that one of its bounds was reached. */
const BOUNDS: Readonly<Record<string, FaultReason>> = {
  'out of memory': 'memory',
  'Maximum call stack size exceeded': 'stack',
}

/** Where in the code a stack begins. */
function placeIn(stack: string): { readonly line: number; readonly column: number } | undefined {
  const [, line, column] = /\bscript:(\d+):(\d+)/.exec(stack) ?? []
  return Number(line) > HEAD_LINES ? { line: Number(line) - HEAD_LINES, column: Number(column) } : undefined
}

type Thrown = Readonly<Partial<Record<'name' | 'message' | 'stack' | 'code', string | undefined>>>

/** What the code told of what it threw: nothing of it is sure. */
function readThrown(text: string): Thrown {
  try {
    const told = JSON.parse(text) as Readonly<Record<string, unknown>>
    const read = (member: string): string | undefined => (typeof told[member] === 'string' ? told[member] : undefined)
    return { name: read('name'), message: read('message'), stack: read('stack'), code: read('code') }
  } catch {
    return { message: 'something that cannot be told' }
  }
}
