import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { Scheduler, TaskRef } from '../core/index.ts'
import { fastqScheduler } from '../plugins/scheduler-fastq/index.ts'
import { memoryStore } from '../plugins/store-memory/index.ts'
import { SCHEDULER_CASES, schedulerConformance } from './scheduler-conformance.ts'
import { STORE_CASES, storeConformance } from './store-conformance.ts'
import { LONG_GATES, NO_GATES } from './store-gates.ts'
import { NO_TRANSACTIONS } from './store-transactions.ts'
import { registerCases } from './suite.ts'

const FIRST = STORE_CASES[0] as string

describe.each([
  ['store', STORE_CASES],
  ['scheduler', SCHEDULER_CASES],
])('the %s suite', (_, names) => {
  test('has a name of its own for every case, with its guarantee', () => {
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(name).toMatch(/^S\d+: /)
  })
})

test('a skipped case is shown with its reason, and does not run', () => {
  const ran: string[] = []
  const skipped: string[] = []
  const collect = Object.assign((name: string) => ran.push(name), { skip: (name: string) => skipped.push(name) })
  storeConformance({ test: collect, createStore: () => memoryStore(), skip: { [FIRST]: 'as a test' } })
  const reasons: Readonly<Record<string, string>> = { ...NO_TRANSACTIONS, ...LONG_GATES }
  const unfit = STORE_CASES.filter((name) => name in reasons).map((name) => `${name} (skipped: ${reasons[name]})`)
  expect(ran).toEqual(STORE_CASES.slice(1).filter((name) => !(name in reasons)))
  expect(skipped).toEqual([`${FIRST} (skipped: as a test)`, ...unfit])
})

test('a store without gates is asked for none', () => {
  const ran: string[] = []
  const collect = Object.assign((name: string) => ran.push(name), { skip: () => {} })
  storeConformance({ test: collect, gates: false, createStore: () => memoryStore() })
  expect(Object.keys(NO_GATES)).toHaveLength(14)
  expect(ran.filter((name) => name in NO_GATES)).toEqual([])
})

test('a runner without skip gets an empty case in its place', async () => {
  const cases = new Map<string, () => Promise<void>>()
  let opened = 0
  const createStore = (): never => {
    opened += 1
    throw new Error('not to be opened')
  }
  storeConformance({ test: (name, run) => cases.set(name, run), createStore, skip: { [FIRST]: 'as a test' } })
  await cases.get(`${FIRST} (skipped: as a test)`)?.()
  expect([cases.size, opened]).toEqual([STORE_CASES.length, 0])
})

test('a skip of an unknown case is refused', () => {
  const options = { test, skip: { 'S99: nothing': 'gone' } }
  expect(() => storeConformance({ ...options, createStore: () => memoryStore() })).toThrow(/S99: nothing/)
  expect(() => schedulerConformance({ ...options, createScheduler: () => fastqScheduler() })).toThrow(/S99: nothing/)
})

test('a store without a manual clock is given real time', async () => {
  const cases = new Map<string, () => Promise<void>>()
  storeConformance({ test: (name, run) => cases.set(name, run), createStore: (options) => memoryStore(options) })
  const timed = STORE_CASES.filter((name) => /^S7: a zombie|^S9: a run|^S10: of a signal/.test(name))
  expect(timed.length).toBeGreaterThan(3)
  await Promise.all(timed.map(async (name) => cases.get(name)?.()))
})

test('what a case opened is disposed, also when it fails', async () => {
  let disposed = 0
  const createStore = () => Object.assign(memoryStore(), { [Symbol.asyncDispose]: async () => void (disposed += 1) })
  const cases: (() => Promise<void>)[] = []
  storeConformance({
    test: (_, run) => cases.push(run),
    createStore: () => ({ ...createStore(), create: () => Promise.reject(new Error('as a test')) }) as never,
  })
  await expect(cases[0]?.()).rejects.toThrow('as a test')
  expect(disposed).toBe(1)
})

test('cases run one world each', async () => {
  const worlds: number[] = []
  let count = 0
  const cases: (() => Promise<void>)[] = []
  const run = async (world: number): Promise<void> => void worlds.push(world)
  registerCases(
    (_, one) => cases.push(one),
    [
      { name: 'a', run },
      { name: 'b', run },
    ],
    {},
    (body) => body((count += 1)),
  )
  for (const one of cases) await one()
  expect(worlds).toEqual([1, 2])
})

test('both suites run under node:test too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'opspawn-'))
  const here = new URL('..', import.meta.url).href
  const file = join(folder, 'suite.test.ts')
  await writeFile(
    file,
    `import { test } from 'node:test'
     import { manualClock } from '${here}testing/clock.ts'
     import { storeConformance } from '${here}testing/store-conformance.ts'
     import { schedulerConformance } from '${here}testing/scheduler-conformance.ts'
     import { memoryStore } from '${here}plugins/store-memory/index.ts'
     import { fastqScheduler } from '${here}plugins/scheduler-fastq/index.ts'
     const clock = manualClock()
     storeConformance({ test, clock, createStore: (options) => memoryStore({ clock, ...options }) })
     schedulerConformance({ test, createScheduler: (options) => fastqScheduler(options), skip: { '${SCHEDULER_CASES[0]}': 'as a test' } })`,
  )
  try {
    // Without this variable of the outer runner node:test reports as for people.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const left = 1 + Object.keys(NO_TRANSACTIONS).length
    const { stdout } = await promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap', file], { env })
    expect(stdout).toMatch(new RegExp(`^# pass ${STORE_CASES.length + SCHEDULER_CASES.length - left}$`, 'm'))
    expect(stdout).toMatch(new RegExp(`^# skipped ${left}$`, 'm'))
  } finally {
    await rm(folder, { recursive: true })
  }
})

describe('a broken scheduler', () => {
  const MUTANTS: Readonly<Record<string, (scheduler: Scheduler) => Partial<Scheduler>>> = {
    'loses tasks': (scheduler) => ({
      publish: (tasks: readonly TaskRef[], options) => scheduler.publish(tasks.slice(1), options),
    }),
    'runs too many handlers': (scheduler) => ({
      consume: (handler, options) => scheduler.consume(handler, { ...options, concurrency: options.concurrency + 1 }),
    }),
    'is never full': () => ({}),
    'says that it is empty': () => ({ depth: async () => 0 }),
    'does not wait in drain': (scheduler) => ({ drain: () => scheduler.drain(0) }),
    'goes on in drain': () => ({ drain: async () => ({ left: 0 }) }),
    'leaves its consumer before the handlers return': (scheduler) => ({
      consume: (handler, options) =>
        Promise.race([
          scheduler.consume(handler, options),
          new Promise<void>((resolve) => options.signal.addEventListener('abort', () => resolve(), { once: true })),
        ]),
    }),
    'leaves a listener': (scheduler) => ({
      publish(tasks, options) {
        options?.signal?.addEventListener('abort', () => {})
        return scheduler.publish(tasks, options)
      },
    }),
    'does not listen to aborts': (scheduler) => ({ publish: (tasks) => scheduler.publish(tasks) }),
    'declares an order that it does not keep': (scheduler) => ({
      publish: (tasks, options) => scheduler.publish(tasks.toReversed(), options),
    }),
    'declares priorities that it has not': (scheduler) => ({ capabilities: { ...scheduler.capabilities, priority: true } }),
    'stops at a handler that fails': (scheduler) => ({
      consume: (handler, options) => {
        const careful = (task: TaskRef): Promise<void> =>
          new Promise((resolve) => {
            Promise.resolve()
              .then(() => handler(task))
              .then(resolve, () => {})
          })
        return scheduler.consume(careful, options)
      },
    }),
  }

  test.each(Object.keys(MUTANTS))('that %s fails', async (name) => {
    const cases: (() => Promise<void>)[] = []
    schedulerConformance({
      test: (_, run) => cases.push(run),
      patienceMs: 200,
      createScheduler(options) {
        const scheduler = fastqScheduler(name === 'is never full' ? {} : options)
        return {
          spec: scheduler.spec,
          name: 'mutant',
          capabilities: scheduler.capabilities,
          publish: scheduler.publish.bind(scheduler),
          consume: scheduler.consume.bind(scheduler),
          depth: scheduler.depth.bind(scheduler),
          drain: scheduler.drain.bind(scheduler),
          [Symbol.asyncDispose]: async () => scheduler[Symbol.asyncDispose]?.(),
          ...MUTANTS[name]?.(scheduler),
        }
      },
    })
    const results = await Promise.allSettled(cases.map((run) => run()))
    expect(results.some((result) => result.status === 'rejected')).toBe(true)
  })
})
