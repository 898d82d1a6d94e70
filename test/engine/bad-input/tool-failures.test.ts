import { describe, expect, test } from 'vitest'
import { OpspawnError, type Tool } from '../../../src/index.ts'
import {
  agent,
  callTool,
  ended,
  errorOf,
  expectFailure,
  expectHealthy,
  guardFile,
  hostile,
  manualClock,
  open,
  plan,
  tool,
  turns,
} from '../harness.ts'
import { revoked, trap } from './hostile-values.ts'
import { call } from './tool-call.ts'

guardFile()

const throwing = (value: unknown): Tool =>
  tool('bad', () => {
    throw value
  })

const getters = {
  get message(): string {
    throw new Error('no message')
  },
  get name(): string {
    throw new Error('no name')
  },
  get cause(): unknown {
    throw new Error('no cause')
  },
  get code(): string {
    throw new Error('no code')
  },
}

const loop = new Error('loop')
loop.cause = loop

describe('what a tool throws becomes a failure that the planner is told', () => {
  const values: [string, unknown][] = [
    ['a string', 'broken'],
    ['an empty string', ''],
    ['undefined', undefined],
    ['null', null],
    ['a number', 42],
    ['a bigint', 10n],
    ['a symbol', Symbol('x')],
    ['a function', () => {}],
    ['an object', { reason: 'broken' }],
    ['an object without a prototype', Object.create(null)],
    ['an object whose message is no text', { message: 5 }],
    ['an object with throwing getters', getters],
    ['an object that cannot be written', { toString: trap, [Symbol.toPrimitive]: trap }],
    ['a proxy that throws at everything', new Proxy({}, { get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap })],
    ['a revoked proxy', revoked],
    ['an error with a throwing message', Object.defineProperty(new Error('x'), 'message', { get: trap })],
    ['an error whose name is no text', Object.assign(new Error('x'), { name: 5 })],
    ['an error that is its own cause', loop],
    ['a promise', Promise.resolve(1)],
  ]

  test.each(values)('%s', async (_name, value) => {
    const played = await call(throwing(value))
    expect(played.outcome).toEqual({ status: 'completed', output: 'done' })
    expect(errorOf(played.effect('a'))).toMatchObject({ code: 'TOOL_FAILED', retryable: false })
  })
  test.each(values)('%s, from a promise', async (_name, value) => {
    const subject = tool('bad', async () => {
      await turns(1)
      throw value
    })
    const played = await call(subject)
    expect(played.outcome).toEqual({ status: 'completed', output: 'done' })
    expectFailure(played.effect('a'), 'TOOL_FAILED')
  })
  test('an error keeps its message, name and causes, and never its stack', async () => {
    const error = new TypeError('no route', { cause: new Error('dns', { cause: new RangeError('deep') }) })
    const failure = errorOf((await call(throwing(error))).effect('a'))
    expect(failure).toEqual({
      code: 'TOOL_FAILED',
      message: 'TypeError: no route',
      retryable: false,
      causes: [
        { name: 'Error', message: 'dns' },
        { name: 'RangeError', message: 'deep' },
      ],
    })
  })
  test('an OpspawnError keeps its code and details', async () => {
    const error = new OpspawnError('TOOL_FAILED', 'no such city', { details: { city: 'Atlantis' } })
    expect(errorOf((await call(throwing(error))).effect('a'))).toMatchObject({
      message: 'no such city',
      details: { city: 'Atlantis' },
    })
  })
  test.each([
    ['a bigint', 10n],
    ['a map', new Map([[1, 2]])],
    ['a date', new Date(0)],
    ['undefined in it', { a: undefined }],
    ['NaN', Number.NaN],
    ['__proto__', hostile()],
  ])('an OpspawnError with details that are not JSON does not spoil the history: %s', async (_name, details) => {
    const played = await call(throwing(new OpspawnError('TOOL_FAILED', 'x', { details: details as never })))
    expect(played.outcome.status).toBe('completed')
  })
  test('an OpspawnError with cyclic details does not spoil the history', async () => {
    const details: Record<string, unknown> = {}
    details['me'] = details
    const played = await call(throwing(new OpspawnError('TOOL_FAILED', 'x', { details: details as never })))
    expect(played.outcome.status).toBe('completed')
  })
  test('an error marked as ours by another copy, with members missing, gives a typed failure', async () => {
    const foreign = Object.defineProperty({ message: 'old copy' }, Symbol.for('opspawn.error'), { value: true })
    const played = await call(throwing(foreign))
    expect(errorOf(played.effect('a')).message).toMatch('old copy')
  })
  test.each([
    ['an error', new Error('x'.repeat(10_000_000))],
    ['a string', 'x'.repeat(10_000_000)],
    ['a cause', new Error('short', { cause: new Error('x'.repeat(10_000_000)) })],
    ['details', new OpspawnError('TOOL_FAILED', 'x', { details: 'x'.repeat(10_000_000) })],
  ])('ten megabytes in %s are cut: a failure is no way around the payload limit', async (_name, value) => {
    const played = await call(throwing(value))
    expect(played.outcome.status).toBe('completed')
    expect(JSON.stringify(played.effect('a')).length).toBeLessThan(2_200_000)
  })
  test('codes that belong to the engine do not change how the run ends when a tool throws them', async () => {
    for (const code of ['RUN_CANCELLED', 'RUN_TIMEOUT', 'LEASE_LOST', 'SEQUENCE_CONFLICT', 'BUDGET_EXCEEDED'] as const) {
      const played = await call(throwing(new OpspawnError(code, 'pretended')))
      expect(played.outcome).toEqual({ status: 'completed', output: 'done' })
      expect(played.effect('a').status).toBe('failed')
    }
  })
  test('a body that throws after it has settled does not harm the process', async () => {
    const subject = tool('late', () => {
      void Promise.resolve().then(() => {})
      return 1
    })
    expect((await call(subject)).effect('a')).toEqual({ status: 'completed', value: 1 })
  })
})

test('fifty runs whose tools fail in fifty ways leave the others alone', async () => {
  const clock = manualClock()
  const bad = tool(
    'bad',
    (input: { n: number }) => {
      if (input.n % 3 === 0) throw getters
      if (input.n % 3 === 1) return 10n
      return new Promise(() => {})
    },
    { timeoutMs: 100, retry: { attempts: 1 } },
  )
  const subject = agent(
    'subject',
    plan((run) =>
      run.decisions === 0
        ? { type: 'act', effects: [callTool('a', 'bad', { n: run.input as number })] }
        : run.open > 0
          ? { type: 'idle' }
          : { type: 'finish', output: run.input },
    ),
    { tools: [bad] },
  )
  const ops = await open({ agents: [subject], clock })
  const runs = await Promise.all(Array.from({ length: 50 }, (_, n) => ops.start('subject', n)))
  const outcomes = []
  for (const run of runs) outcomes.push(await ended(run, clock))
  expect(outcomes).toEqual(runs.map((_, output) => ({ status: 'completed', output })))
  await expectHealthy(ops, clock)
})
