/** The suite of sandboxes: ours passes, and each sandbox with one fault is caught. */
import { describe, expect, test } from 'vitest'
import { quickjsSandbox } from '../plugins/sandbox-quickjs/index.ts'
import { SANDBOX_CASES, sandboxConformance, type TestedSandbox } from './index.ts'

const made = (): TestedSandbox => quickjsSandbox({ threads: 1 })

describe('sandbox-quickjs', () => {
  sandboxConformance({ test, createSandbox: made })
})

/** A sandbox like ours with some members changed. */
const sandboxWith = (change: (inner: TestedSandbox) => Partial<TestedSandbox>) => (): TestedSandbox => {
  const inner = made()
  const whole: TestedSandbox = {
    spec: inner.spec,
    engine: inner.engine,
    run: (...given) => inner.run(...given),
    open: (...given) => inner.open(...given),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  }
  return { ...whole, ...change(inner) }
}

type Run = TestedSandbox['run']
type Task = Parameters<Run>[0]
const without = (task: Task, name: keyof Task): Task =>
  Object.fromEntries(Object.entries(task).filter(([member]) => member !== name)) as unknown as Task
const running = (wrap: (run: Run) => Run) => sandboxWith((inner) => ({ run: wrap((...given) => inner.run(...given)) }))
const unlimited =
  (...names: readonly string[]): ((run: Run) => Run) =>
  (run) =>
  ({ limits = {}, ...task }, options) => {
    const left = Object.fromEntries(Object.entries(limits).filter(([name]) => !names.includes(name)))
    return run({ ...task, limits: left }, options)
  }

/** In this process, with all that it has. */
const inProcess: Run = async ({ code, api = {} }) => {
  const make = Object.getPrototypeOf(async () => {}).constructor as new (
    ...text: string[]
  ) => (...given: unknown[]) => Promise<never>
  const console = { log: () => {} }
  const signal = new AbortController().signal
  const tools = Object.fromEntries(
    Object.entries(api).map(([name, call]) => [name, async (input = {}) => call(input as never, { signal })]),
  )
  try {
    return { status: 'completed', value: await new make('tools', 'console', code)(tools, console), console: [] }
  } catch (error) {
    const failure = { code: 'TOOL_FAILED', message: String(error), retryable: false }
    return { status: 'failed', error: failure, console: [] }
  }
}

const MUTANTS: Readonly<Record<string, readonly [make: () => TestedSandbox, caughtBy: RegExp]>> = {
  'says nothing of its engine': [sandboxWith(() => ({ engine: '' })), /^it says/],
  'gives no calls': [running((run) => (task, options) => run(without(task, 'api'), options)), /^code calls/],
  'keeps the console to itself': [
    running((run) => async (...given) => ({ ...(await run(...given)), console: [] })),
    /^code calls/,
  ],
  'loses the codes of what is thrown': [
    running((run) => ({ api = {}, ...task }, options) => {
      const refuse = (): never => {
        throw new Error('not today')
      }
      return run({ ...task, api: { ...api, ...(api['refuse'] && { refuse }) } }, options)
    }),
    /^what a call throws/,
  ],
  'calls failures retryable': [
    running((run) => async (...given) => {
      const end = await run(...given)
      return end.status === 'failed' ? { ...end, error: { ...end.error, retryable: true } } : end
    }),
    /^a call of what was not given/,
  ],
  'runs in the process': [running(() => inProcess), /^nothing of the host/],
  'lets more than JSON through': [
    running((run) => (task, options) => (task.code.endsWith('1n') ? inProcess(task) : run(task, options))),
    /^only JSON/,
  ],
  'ignores the seed': [running((run) => (task, options) => run(without(task, 'seed'), options)), /^chance and time/],
  'ignores the time': [running((run) => (task, options) => run(without(task, 'now'), options)), /^chance and time/],
  'takes running out of time for a success': [
    running((run) => async (...given) => {
      const end = await run(...given)
      if (end.status === 'completed' || end.error.code !== 'TOOL_TIMEOUT') return end
      return { status: 'completed', value: null, console: [] }
    }),
    /^code that never ends/,
  ],
  'bounds no calls': [running(unlimited('calls')), /^memory, depth/],
  'bounds no results': [running(unlimited('resultChars')), /^memory, depth/],
  'bounds no console': [running(unlimited('consoleChars')), /^memory, depth/],
  'does not hear signals that were aborted before': [
    running((run) => (task, options) => run(task, options?.signal?.aborted === true ? {} : options)),
    /^aborting ends/,
  ],
  'wraps the reason': [
    running(
      (run) => (task, options) =>
        run(task, options).catch((error: unknown) => {
          throw options?.signal?.aborted === true ? new Error('aborted', { cause: error }) : error
        }),
    ),
    /^aborting ends/,
  ],
  'does not tell open calls': [
    running((run) => ({ api = {}, ...task }, options) => {
      const deaf = new AbortController().signal
      const calls = Object.entries(api).map(([name, call]) => [name, (input: never) => call(input, { signal: deaf })])
      return run({ ...task, api: Object.fromEntries(calls) as never }, options)
    }),
    /^aborting ends/,
  ],
  'draws anew in every session': [
    sandboxWith((inner) => {
      let count = 0
      return { open: (task, options) => inner.open({ ...task, seed: `${(count += 1)}` }, options) }
    }),
    /^step by step/,
  ],
  'never puts code away': [
    sandboxWith((inner) => ({
      async open(task, options) {
        const steps = await inner.open(task, options)
        return {
          get isOpen() {
            return steps.isOpen
          },
          step: (...given) => steps.step(...given),
          [Symbol.dispose]() {},
        }
      },
    })),
    /^code that is put away/,
  ],
  'takes any limit': [running(unlimited('calls', 'memory')), /^wrong options/],
  'goes on behind the end': [sandboxWith(() => ({ async [Symbol.asyncDispose]() {} })), /^wrong options/],
}

describe('a sandbox with a fault is caught', () => {
  test.each(Object.entries(MUTANTS))('that %s', async (_, [make, caughtBy]) => {
    const cases = new Map<string, () => Promise<void>>()
    const skip = Object.fromEntries(SANDBOX_CASES.filter((name) => !caughtBy.test(name)).map((name) => [name, 'of another']))
    const collect = (name: string, run: () => Promise<void>) => cases.set(name, run)
    sandboxConformance({ test: Object.assign(collect, { skip: () => {} }), createSandbox: make, skip })
    expect(cases.size).toBe(1)
    for (const run of cases.values()) await expect(run()).rejects.toThrow(/must|expected|not retryable/)
  })

  test('and every case catches one', () => {
    const faults = Object.values(MUTANTS).map(([, caughtBy]) => caughtBy)
    expect(SANDBOX_CASES.filter((name) => !faults.some((caughtBy) => caughtBy.test(name)))).toEqual([])
  })
})
