// The cases of `sandbox/1`: code that does its work, and code that means harm.
import { type Json, OpspawnError } from '../core/index.ts'
import { assert, assertEqual, assertRejects, assertRejectsWith } from './assert.ts'
import type { SandboxApi, SandboxCode, SandboxEnd, TestedSandbox } from './tested-sandbox.ts'
import type { ConformanceCase } from './suite.ts'

const API: SandboxApi = {
  double: (input) => Number((input as { readonly n: number }).n) * 2,
  echo: (input) => input,
  refuse: () => {
    throw new OpspawnError('POLICY_DENIED', 'not today')
  },
}

/** What hosts have and code must not find. */
const HOST = ['process', 'require', 'fetch', 'setTimeout', 'WebAssembly', 'Buffer', 'Worker', 'Deno', 'Bun', 'XMLHttpRequest']

async function valueOf(sandbox: TestedSandbox, code: string, more: Partial<SandboxCode> = {}): Promise<Json> {
  const end = await sandbox.run({ code, api: API, ...more })
  assert(end.status === 'completed', `code must complete: ${code}; it ended with ${'error' in end ? end.error.message : ''}`)
  return end.value
}

function assertFailed(end: SandboxEnd, codes: readonly string[], what: string): void {
  assert(end.status === 'failed' && codes.includes(end.error.code), `${what} must fail with ${codes.join(' or ')}`)
  assert(!end.error.retryable, `${what} fails the same way each time, so it is not retryable`)
}

/** Nothing but JSON can be returned. */
const NO_JSON = ['return 1n', 'const a = []; a.push(a); return a', 'return JSON.parse(\'{"__proto__":1}\')']

export const sandboxCases: readonly ConformanceCase<TestedSandbox>[] = [
  {
    name: 'it says what it is',
    run: async (sandbox) => {
      assertEqual(sandbox.spec, 'sandbox/1', 'spec')
      assert(sandbox.engine !== '', 'engine must have a name: what code does may depend on it')
    },
  },
  {
    name: 'code calls what it was given, in parallel too, and returns JSON and what it wrote',
    run: async (sandbox) => {
      const code = `console.log('hello'); const all = await Promise.all([1, 2].map((n) => tools.double({ n })))
        return { all, same: await tools.echo({ a: [null, 'x'] }), none: await tools.echo() }`
      const end = await sandbox.run({ code, api: API })
      const value = { all: [2, 4], same: { a: [null, 'x'] }, none: {} }
      assertEqual(end, { status: 'completed', value, console: ['hello'] }, 'the end')
    },
  },
  {
    name: 'what a call throws is thrown in the code, with its code and message, and fails it where it is not caught',
    run: async (sandbox) => {
      const caught = await valueOf(sandbox, 'try { await tools.refuse({}) } catch (e) { return [e.code, e.message] }')
      assertEqual(caught, ['POLICY_DENIED', 'not today'], 'what the code caught')
      assertFailed(await sandbox.run({ code: 'await tools.refuse({})', api: API }), ['TOOL_FAILED'], 'code that throws')
      assertFailed(await sandbox.run({ code: 'return 1 +* 2' }), ['TOOL_FAILED'], 'code that is none')
    },
  },
  {
    name: 'a call of what was not given is refused in the code',
    run: async (sandbox) => {
      const end = await sandbox.run({ code: 'await tools.nothing({})', api: API })
      assertFailed(end, ['TOOL_FAILED'], 'a call of nothing')
    },
  },
  {
    name: 'nothing of the host is there, by no way to a constructor',
    run: async (sandbox) => {
      const found = `${JSON.stringify(HOST)}.filter((name) => typeof globalThis[name] !== 'undefined')`
      const text = JSON.stringify(`return ${found}`)
      const ways = [
        `return ${found}`,
        `return [].constructor.constructor(${text})()`,
        `return tools.double.constructor(${text})()`,
        `return console.log.constructor(${text})()`,
        `return Object.getPrototypeOf(tools.double({ n: 1 })).constructor.constructor(${text})()`,
        `try { await tools.refuse({}) } catch (e) { return e.constructor.constructor(${text})() }`,
      ]
      for (const way of ways) assertEqual(await valueOf(sandbox, way), [], `what is found by ${way}`)
      const loaded = await valueOf(sandbox, 'return import("node:fs").then(() => true, () => false)')
      assertEqual(loaded, false, 'whether a module can be loaded')
    },
  },
  {
    name: 'only JSON crosses, and what the code does to its language reaches neither the host nor the next code',
    run: async (sandbox) => {
      for (const code of NO_JSON) assertFailed(await sandbox.run({ code }), ['TOOL_FAILED'], code)
      const harm = `Object.prototype.polluted = 1; Array.prototype.join = () => 'x'; globalThis.left = 1
        return await tools.echo({ given: 1 })`
      await sandbox.run({ code: harm, api: API })
      assert(!('polluted' in {}), 'objects of the host must not change')
      const after = await valueOf(sandbox, 'return [typeof globalThis.left, "polluted" in {}, [1, 2].join()]')
      assertEqual(after, ['undefined', false, '1,2'], 'what the next code finds')
    },
  },
  {
    name: 'chance and time are what was given, the same each time',
    run: async (sandbox) => {
      const code = 'return [Math.random(), Math.random(), Date.now(), new Date().getTimezoneOffset()]'
      const given = { seed: 'a', now: 1_700_000_000_000 }
      const first = await valueOf(sandbox, code, given)
      assertEqual(await valueOf(sandbox, code, given), first, 'the second run')
      assertEqual((first as readonly Json[]).slice(2), [1_700_000_000_000, 0], 'time and zone')
      const other = await valueOf(sandbox, code, { ...given, seed: 'b' })
      assert(JSON.stringify(other) !== JSON.stringify(first), 'another seed must give other numbers')
    },
  },
  {
    name: 'code that never ends is ended, and does not hold up the host',
    run: async (sandbox) => {
      let turns = 0
      const timer = setInterval(() => (turns += 1), 1)
      const limits = { fuel: 1_000_000, cpuMs: 300, wallMs: 5000 }
      const end = await sandbox.run({ code: 'for (;;);', limits }).finally(() => clearInterval(timer))
      assertFailed(end, ['TOOL_TIMEOUT'], 'an endless loop')
      assert(turns > 0, 'the host must go on while code loops')
      assertFailed(await sandbox.run({ code: 'await new Promise(() => {})' }), ['TOOL_FAILED', 'TOOL_TIMEOUT'], 'an endless wait')
      assertEqual(await valueOf(sandbox, 'return 1'), 1, 'what runs afterwards')
    },
  },
  {
    name: 'memory, depth, calls, results and the console are bounded',
    run: async (sandbox) => {
      const grow = 'const all = []; for (;;) all.push("x".repeat(100000) + all.length)'
      const many = ['TOOL_FAILED', 'TOOL_TIMEOUT', 'PAYLOAD_TOO_LARGE']
      assertFailed(await sandbox.run({ code: grow, limits: { memoryMb: 16 } }), many, 'code that fills the memory')
      assertFailed(await sandbox.run({ code: 'const f = () => f() + 1; return f()' }), many, 'code without a bottom')
      const calls = 'let n = 0; try { for (;;) { await tools.echo({}); n += 1 } } catch { return n }'
      assertEqual(await valueOf(sandbox, calls, { limits: { calls: 3 } }), 3, 'calls under a limit of 3')
      const long = await sandbox.run({ code: 'return "x".repeat(1000)', limits: { resultChars: 100 } })
      assertFailed(long, ['PAYLOAD_TOO_LARGE'], 'a result above its limit')
      const talk = 'for (let i = 0; i < 100; i++) console.log("x".repeat(100)); return 1'
      const { console: lines } = await sandbox.run({ code: talk, limits: { consoleChars: 250 } })
      assert(lines.join('').length <= 500, 'what is written must be cut near its limit')
    },
  },
  {
    name: 'aborting ends code at once, rejects with the reason, and tells open calls',
    run: async (sandbox) => {
      const before = new Error('before')
      await assertRejectsWith(
        sandbox.run({ code: 'return 1' }, { signal: AbortSignal.abort(before) }),
        before,
        'an aborted signal',
      )
      const looping = new AbortController()
      const limits = { fuel: 1_000_000, cpuMs: 60_000, wallMs: 120_000 }
      const loop = sandbox.run({ code: 'for (;;);', limits }, { signal: looping.signal })
      const enough = new Error('enough')
      setTimeout(() => looping.abort(enough), 50)
      await assertRejectsWith(loop, enough, 'a loop that is aborted')
      const waiting = new AbortController()
      let told: unknown
      const wait: SandboxApi[string] = (_input, { signal }) => {
        signal.addEventListener('abort', () => (told = signal.reason))
        setTimeout(() => waiting.abort(enough), 0)
        return new Promise<never>(() => {})
      }
      const wanted = sandbox.run({ code: 'await tools.wait({})', api: { wait } }, { signal: waiting.signal })
      await assertRejectsWith(wanted, enough, 'a call that is aborted')
      assert(told === enough, 'the open call must be told the reason')
      assertEqual(await valueOf(sandbox, 'return 1'), 1, 'what runs afterwards')
    },
  },
  {
    name: 'step by step it comes to rest at its calls, and does the same again with the same answers',
    run: async (sandbox) => {
      const code = `const [a, b] = await Promise.all([tools.ask({ n: 1 }), tools.ask({ n: 2 }).catch((e) => e.code)])
        return [a, b, await tools.ask({ a }), Math.random()]`
      const play = async (): Promise<unknown[]> => {
        const steps = await sandbox.open({ code, names: ['ask'], seed: 's' })
        const rests: unknown[] = [await steps.step([])]
        const denied = { code: 'POLICY_DENIED', message: 'no', retryable: false }
        const first = { id: 1, outcome: { status: 'completed', value: 'one' } } as const
        rests.push(await steps.step([first, { id: 2, outcome: { status: 'denied', error: denied } }]))
        rests.push(await steps.step([{ id: 3, outcome: { status: 'completed', value: 'three' } }]))
        assert(!steps.isOpen, 'what has ended must not be open')
        await assertRejects(steps.step([]), 'STATE_INVALID', 'a step behind the end')
        return rests
      }
      const [first, second, last] = (await play()) as { calls: unknown; end?: { value?: readonly Json[] } }[]
      const asks = [1, 2].map((n) => ({ id: n, name: 'ask', input: { n } }))
      assertEqual(first?.calls, asks, 'the first calls')
      assertEqual(second?.calls, [{ id: 3, name: 'ask', input: { a: 'one' } }], 'the call behind them')
      assertEqual(last?.end?.value?.slice(0, 3), ['one', 'POLICY_DENIED', 'three'], 'the end')
      assertEqual(await play(), [first, second, last], 'the same again')
    },
  },
  {
    name: 'code that is put away while it waits is over',
    run: async (sandbox) => {
      const steps = await sandbox.open({ code: 'await tools.ask({})', names: ['ask'] })
      await steps.step([])
      assert(steps.isOpen, 'code that waits must be open')
      steps[Symbol.dispose]()
      assert(!steps.isOpen, 'what was put away must not be open')
      await assertRejects(steps.step([]), 'STATE_INVALID', 'a step of what was put away')
    },
  },
  {
    name: 'wrong options and limits are refused, and so is everything behind the end',
    run: async (sandbox) => {
      const wrong = (task: object): Promise<unknown> => (async () => sandbox.run(task as SandboxCode))()
      await assertRejects(wrong({ code: 5 }), 'OPTIONS_INVALID', 'code that is no text')
      await assertRejects(wrong({ code: '', limits: { memory: 1 } }), 'OPTIONS_INVALID', 'an unknown limit')
      await assertRejects(wrong({ code: '', limits: { calls: 0 } }), 'LIMIT_INVALID', 'a limit of 0')
      await sandbox[Symbol.asyncDispose]()
      await assertRejects(wrong({ code: 'return 1' }), 'ORCHESTRATOR_DRAINING', 'a run behind the end')
    },
  },
]
