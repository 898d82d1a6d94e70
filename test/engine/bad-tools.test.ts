import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool, jsonSchema, OpspawnError, type StandardSchema, type Tool } from '../../src/index.ts'
import {
  agent,
  callTool,
  ended,
  errorOf,
  expectFailure,
  expectHealthy,
  gate,
  guardFile,
  historyOf,
  hostile,
  inTurn,
  manualClock,
  once,
  open,
  pause,
  plan,
  play,
  type Played,
  scriptedModel,
  tool,
  turns,
} from './harness.ts'

guardFile()

/** Runs one call of a tool. */
function call(subject: Tool, input: unknown = {}, given: Parameters<typeof play>[1] = {}): Promise<Played> {
  return play(agent('subject', once(callTool('a', subject.name, input as never)), { tools: [subject] }), given)
}

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
const trap = (): never => {
  throw new Error('trap')
}
const revoked = (() => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
})()

const loop = new Error('loop')
loop.cause = loop
/** Spelt so that no linter takes this file's objects for promises. */
const THEN = ['th', 'en'].join('')

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

describe('what a tool returns that is not JSON is refused with the place (TOOL_OUTPUT_INVALID)', () => {
  const cycle: Record<string, unknown> = { name: 'loop' }
  cycle['again'] = [cycle]
  const values: [string, unknown, string][] = [
    ['a cycle', cycle, '/again/0'],
    ['a bigint', { n: 10n }, '/n'],
    ['a map', { m: new Map() }, '/m'],
    ['a set', { s: new Set() }, '/s'],
    ['NaN', { n: Number.NaN }, '/n'],
    ['Infinity', [1, Infinity], '/1'],
    ['a function', { f() {} }, '/f'],
    ['a symbol', { s: Symbol('x') }, '/s'],
    ['bytes', { b: new Uint8Array(2) }, '/b'],
    ['a buffer', { b: Buffer.from('ab') }, '/b'],
    ['an error', { e: new Error('x') }, '/e'],
    ['a regular expression', { r: /x/ }, '/r'],
    ['a promise inside', { p: Promise.resolve(1) }, '/p'],
    ['a weak map', { w: new WeakMap() }, '/w'],
    ['a response of fetch', { r: new Response('x') }, '/r'],
    ['headers', { h: new Headers({ a: 'b' }) }, '/h'],
    ['search parameters', { q: new URLSearchParams('a=b') }, '/q'],
    ['a generator', { g: (function* g() {})() }, '/g'],
    ['a boxed number', { n: Object(5) as unknown }, '/n'],
    ['a boxed text', { s: Object('ab') as unknown }, '/s'],
    ['an invalid date', { d: new Date(Number.NaN) }, '/d'],
    ['an array buffer', { b: new ArrayBuffer(2) }, '/b'],
    ['a shared array buffer', { b: new SharedArrayBuffer(2) }, '/b'],
    ['__proto__', { a: hostile() }, '/a/__proto__'],
    [
      'a getter that throws',
      {
        a: {
          get b(): never {
            throw new Error('lazy')
          },
        },
      },
      '/a/b',
    ],
    ['a toJSON that throws', { a: { toJSON: trap } }, '/a'],
    [
      'a toJSON that returns itself',
      {
        a: {
          toJSON() {
            return this
          },
        },
      },
      '/a',
    ],
    ['a toJSON that gives a bigint', { a: { toJSON: () => 10n } }, '/a'],
    ['a proxy that throws', { a: new Proxy({}, { get: trap, ownKeys: trap, getPrototypeOf: trap }) }, '/a'],
    ['a revoked proxy', { a: revoked }, '/a'],
    ['an element that throws', { a: Object.defineProperty([1], 0, { get: trap, enumerable: true }) }, '/a/0'],
  ]
  test.each(values)('%s', async (_name, value, path) => {
    const played = await call(tool('bad', () => value))
    const failure = errorOf(played.effect('a'))
    expect(`${failure.code} ${failure.message}`).toMatch(/^TOOL_OUTPUT_INVALID /)
    expect(failure.message).toMatch('"bad"')
    expect(failure.message).toMatch(path)
    expect((failure.details as { path: string }).path.startsWith(path)).toBe(true)
  })
  test('nesting without end is refused', async () => {
    const deep: Record<string, unknown> = {}
    let at = deep
    for (let level = 0; level < 10_000; level += 1) at = at['a'] = {}
    expectFailure((await call(tool('bad', () => deep))).effect('a'), 'TOOL_OUTPUT_INVALID', /deeper/)
  })
  test('a toJSON without end is refused', async () => {
    const endless = (): object => ({ toJSON: endless })
    expectFailure((await call(tool('bad', endless))).effect('a'), 'TOOL_OUTPUT_INVALID', '"bad"')
  })
  test('a result whose then throws is a failure', async () => {
    expectFailure((await call(tool('bad', () => Object.defineProperty({}, THEN, { get: trap })))).effect('a'), 'TOOL_FAILED')
  })
})

describe('what a tool returns that is JSON is recorded as it was', () => {
  test.each([
    ['undefined', undefined, null],
    ['null', null, null],
    ['false', false, false],
    ['zero', 0, 0],
    ['minus zero', -0, 0],
    ['an empty text', '', ''],
    ['an empty object', {}, {}],
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['a URL', new URL('http://example.com/a'), 'http://example.com/a'],
    ['undefined in an object', { a: undefined, b: 1 }, { b: 1 }],
    ['undefined in a list', [undefined, 1], [null, 1]],
    [
      'a class instance',
      new (class Point {
        x = 1
      })(),
      { x: 1 },
    ],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ['the same object twice', ((one) => [one, one])({ a: 1 }), [{ a: 1 }, { a: 1 }]],
    ['half a character', '\uD800', '\uD800'],
    [
      'a member named constructor',
      { constructor: 1, toString: 2, hasOwnProperty: 3 },
      { constructor: 1, toString: 2, hasOwnProperty: 3 },
    ],
    ['a thenable', { [THEN]: (resolve: (value: unknown) => void) => resolve('later') }, 'later'],
  ])('%s', async (_name, value, recorded) => {
    expect((await call(tool('good', () => value))).effect('a')).toStrictEqual({ status: 'completed', value: recorded })
  })
  test('what the tool changes later changes nothing', async () => {
    const result = { list: [1] }
    const played = await call(
      tool('good', () => {
        setImmediate(() => result.list.push(2))
        return result
      }),
    )
    expect(played.effect('a')).toEqual({ status: 'completed', value: { list: [1] } })
  })
})

describe('arguments that do not fit: the body is never entered (TOOL_INPUT_INVALID)', () => {
  const entered: unknown[] = []
  const schemas: [string, Tool][] = [
    [
      'zod',
      defineTool({
        name: 'typed',
        description: '',
        input: z.object({ city: z.string(), at: z.object({ day: z.number() }) }),
        execute: (input) => entered.push(input),
      }) as Tool,
    ],
    [
      'JSON Schema',
      tool('typed', (input) => entered.push(input), {
        input: jsonSchema({
          type: 'object',
          required: ['city', 'at'],
          properties: { city: { type: 'string' }, at: { type: 'object', properties: { day: { type: 'number' } } } },
        }),
      }),
    ],
  ]
  test.each(schemas)('every path is named: %s', async (_name, subject) => {
    entered.length = 0
    const failure = errorOf((await call(subject, { city: 5, at: { day: 'x' } })).effect('a'))
    expect(failure).toMatchObject({ code: 'TOOL_INPUT_INVALID', retryable: false })
    expect(failure.message).toMatch(/"typed".*\/city.*\/at\/day/)
    expect(failure.details).toMatchObject({ issues: [{ path: '/city' }, { path: '/at/day' }] })
    expect(entered).toEqual([])
  })
  test('a missing member is named', async () => {
    const failure = errorOf((await call(schemas[0]?.[1] as Tool, { at: { day: 1 } })).effect('a'))
    expect(failure.message).toMatch('/city')
  })
  test.each([
    ['throws', trap],
    ['rejects', () => Promise.reject(new Error('trap'))],
    ['gives undefined', () => undefined],
    ['gives issues that are no list', () => ({ issues: 'wrong' })],
    ['gives issues without texts', () => ({ issues: [{}] })],
    ['gives issues with symbols in the path', () => ({ issues: [{ message: 'm', path: [Symbol('s'), { key: Symbol('k') }] }] })],
  ])('a schema that %s does not let the call through', async (_name, validate) => {
    entered.length = 0
    const jsonDocument = { input: () => ({}), output: () => ({}) }
    const schema: StandardSchema = {
      '~standard': { version: 1, vendor: 'mine', validate: validate as never, jsonSchema: jsonDocument },
    }
    const played = await call(tool('typed', (input) => entered.push(input), { input: schema }))
    expect(played.outcome.status).toBe('completed')
    expect(errorOf(played.effect('a')).code).toBe('TOOL_INPUT_INVALID')
    expect(entered).toEqual([])
  })
  test('what the schema makes of the arguments is what the body gets, and the history keeps what was asked', async () => {
    let got: unknown
    const subject = defineTool({
      name: 'typed',
      description: '',
      input: z.object({ n: z.number().default(7) }),
      execute: (input) => {
        got = input
        return 1
      },
    })
    const played = await call(subject as Tool, {})
    expect(got).toEqual({ n: 7 })
    const decision = played.history.find((event) => event.type === 'decision')
    expect(decision?.type === 'decision' && decision.effects[0]).toMatchObject({ input: {} })
  })
  test('what the body does to its arguments does not change the history', async () => {
    const subject = tool('greedy', (input: { list: number[] }) => {
      input.list.push(99)
      return 1
    })
    const played = await call(subject, { list: [1] })
    const decision = played.history.find((event) => event.type === 'decision')
    expect(decision?.type === 'decision' && decision.effects[0]).toMatchObject({ input: { list: [1] } })
  })
  test('an unsafe tool whose arguments do not fit leaves no doubt whether it ran (S5)', async () => {
    const subject = tool('pay', () => 1, { effect: 'unsafe', input: z.object({ sum: z.number() }) })
    const played = await call(subject, { sum: 'x' })
    expectFailure(played.effect('a'), 'TOOL_INPUT_INVALID')
    expect(played.history.filter((event) => event.type === 'effect-start')).toEqual([])
  })
})

describe('results that do not fit the output schema (TOOL_OUTPUT_INVALID)', () => {
  test.each([
    ['zod', z.object({ degrees: z.number() })],
    ['JSON Schema', { type: 'object', properties: { degrees: { type: 'number' } } }],
  ])('the path is named, and no model sees the value: %s', async (_name, output) => {
    const failure = errorOf((await call(tool('typed', () => ({ degrees: 'warm' }), { output }))).effect('a'))
    expect(failure.code).toBe('TOOL_OUTPUT_INVALID')
    expect(failure.message).toMatch(/"typed".*\/degrees/)
    expect(failure.details).toMatchObject({ issues: [{ path: '/degrees' }] })
  })
  test.each([
    ['throws', trap],
    ['rejects', () => Promise.reject(new Error('trap'))],
    ['gives undefined', () => undefined],
  ])('a schema that %s is a failure of the output, not of the tool', async (_name, validate) => {
    const jsonDocument = { input: () => ({}), output: () => ({}) }
    const schema: StandardSchema = {
      '~standard': { version: 1, vendor: 'mine', validate: validate as never, jsonSchema: jsonDocument },
    }
    const played = await call(tool('typed', () => 1, { output: schema }))
    expect(played.outcome.status).toBe('completed')
    expect(errorOf(played.effect('a')).code).toBe('TOOL_OUTPUT_INVALID')
  })
})

describe('tools that never settle', () => {
  test('time out on the injected clock; the signal fires with the reason', async () => {
    let signal: AbortSignal | undefined
    const stuck = tool(
      'stuck',
      (_input, context) => {
        signal = context.signal
        return new Promise(() => {})
      },
      { timeoutMs: 1000, retry: { attempts: 1 } },
    )
    const played = await call(stuck)
    expectFailure(played.effect('a'), 'TOOL_TIMEOUT', /"stuck".*1000 ms/)
    expect(signal?.aborted).toBe(true)
    expect(signal?.reason).toMatchObject({ code: 'TOOL_TIMEOUT' })
  })
  test('do not keep other calls of the same decision from settling', async () => {
    const stuck = tool('stuck', () => new Promise(() => {}), { timeoutMs: 1000, effect: 'unsafe' })
    const played = await play(
      agent('subject', once(callTool('a', 'stuck'), callTool('b', 'fine')), { tools: [stuck, tool('fine', () => 2)] }),
    )
    expect(played.effect('b')).toEqual({ status: 'completed', value: 2 })
    expectFailure(played.effect('a'), 'EFFECT_UNKNOWN', /do not repeat/)
  })
  test('can be cancelled (S11)', async () => {
    const stuck = tool('stuck', () => new Promise(() => {}))
    const played = await call(stuck, {}, { meanwhile: (run) => turns().then(() => run.cancel('enough')) })
    expect(played.outcome).toMatchObject({ status: 'cancelled', error: { code: 'RUN_CANCELLED' } })
    expect(played.effect('a').status).toBe('cancelled')
  })
  test('are unknown when they were unsafe and were cancelled under way (S5)', async () => {
    const stuck = tool('stuck', () => new Promise(() => {}), { effect: 'unsafe' })
    const played = await call(stuck, {}, { meanwhile: (run) => turns().then(() => run.cancel('enough')) })
    expect(played.outcome.status).toBe('cancelled')
    expect(played.effect('a')).toMatchObject({ status: 'unknown', error: { code: 'EFFECT_UNKNOWN' } })
  })
  test('do not take the last place of a limited tool away for ever: another run is not harmed', async () => {
    let calls = 0
    const stuck = tool(
      'stuck',
      () => {
        calls += 1
        return calls === 1 ? new Promise(() => {}) : 'fine'
      },
      { timeoutMs: 1000, concurrency: 1, retry: { attempts: 1 } },
    )
    const clock = manualClock()
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'stuck')), { tools: [stuck] })], clock })
    const first = await ops.start('subject', 'one')
    const second = await ops.start('subject', 'two')
    expect((await ended(first, clock)).status).toBe('completed')
    expect((await ended(second, clock)).status).toBe('completed')
    await historyOf(second)
  })
})

describe('tools and those who watch', () => {
  test.each([
    ['progress with a bigint', 'progress', 10n],
    [
      'progress with a cycle',
      'progress',
      (() => {
        const c: Record<string, unknown> = {}
        c['c'] = c
        return c
      })(),
    ],
    ['a log with a map', 'log', new Map()],
  ] as const)('%s has the same outcome whether somebody watches or not', async (_name, member, value) => {
    const subject = tool('talker', (_input, context) => {
      if (member === 'progress') context.progress(value as never)
      else context.log('hello', value as never)
      return 'done'
    })
    const alone = await call(subject)
    const watched = await call(subject, {}, { watch: true })
    expect(watched.effect('a')).toEqual(alone.effect('a'))
  })
  test('progress after the end is not told', async () => {
    const late = gate<void>()
    let tell = (): void => {}
    const subject = tool('talker', (_input, context) => {
      tell = () => context.progress('late')
      return 1
    })
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'talker')), { tools: [subject] })] })
    const live: unknown[] = []
    ops.on('live', (_run, event) => void live.push(event))
    await (
      await ops.start('subject', 'go')
    ).result
    tell()
    late.open()
    expect(live).toEqual([])
  })
})

describe('__proto__ in arguments of a model', () => {
  test('is told to the model, and the tool is not entered', async () => {
    let entered = 0
    const subject = tool('save', () => (entered += 1))
    const model = scriptedModel([
      { toolCalls: [{ name: 'save', input: '{"a":1,"__proto__":{"polluted":"yes"}}' }] },
      { text: 'sorry', expect: { promptIncludes: '__proto__' } },
    ])
    const played = await play(agent('subject', undefined, { model, tools: [subject] }))
    expect(played.outcome).toEqual({ status: 'completed', output: 'sorry' })
    expect(entered).toBe(0)
  })
  test('deep inside is found too', async () => {
    let entered = 0
    const subject = tool('save', () => (entered += 1))
    const model = scriptedModel([{ toolCalls: [{ name: 'save', input: '{"a":[{"b":{"__proto__":{}}}]}' }] }, 'sorry'])
    await play(agent('subject', undefined, { model, tools: [subject] }))
    expect(entered).toBe(0)
  })
  test('a tool of a hostile name cannot be asked for', async () => {
    const played = await play(agent('subject', inTurn(callTool('a', '__proto__'), callTool('b', 'constructor')), { tools: [] }))
    expectFailure(played.effect('a'), 'TOOL_UNKNOWN', '__proto__')
    expectFailure(played.effect('b'), 'TOOL_UNKNOWN', 'constructor')
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

describe('tools that reach back into the orchestrator', () => {
  test('a tool may cancel its own run', async () => {
    const clock = manualClock()
    const suicidal = tool('stop', async (_input, context) => {
      await (await ops.run(context.runId)).cancel('by myself')
      return 1
    })
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'stop')), { tools: [suicidal] })], clock })
    const run = await ops.start('subject', 'go')
    expect((await ended(run, clock)).status).toBe('cancelled')
    await historyOf(run)
  })
  test('a tool may start a run and await it, even in the last place', async () => {
    const clock = manualClock()
    const nested = tool('nest', async () => ((await (await ops.start('healthy', 1)).result) as { output: string }).output)
    const ops = await open({
      agents: [agent('subject', once(callTool('a', 'nest')), { tools: [nested] })],
      clock,
      concurrency: 2,
    })
    const run = await ops.start('subject', 'go')
    expect((await ended(run, clock)).status).toBe('completed')
  })
  test('a tool may drain the orchestrator it runs in', async () => {
    const drains = tool('drain', async () => {
      await ops.drain(5)
      return 1
    })
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'drain')), { tools: [drains] })] })
    const run = await ops.start('subject', 'go')
    await turns()
    const report = await Promise.race([ops.drain(5), pause(45).then(() => 'hangs')])
    expect(report).toEqual({ handedBack: [run.id] })
  })
  test('a listener may start, cancel and list runs', async () => {
    const ops = await open({ agents: [] })
    let started = 0
    ops.on('event', (_runId, event) => {
      if (event.type !== 'run-end' || started > 5) return
      started += 1
      void ops.start('healthy', started).then((run) => run.cancel('from a listener'))
    })
    const run = await ops.start('healthy', 0)
    expect((await run.result).status).toBe('completed')
    await turns(60)
    expect((await ops.list()).runs.every((record) => record.outcome !== undefined)).toBe(true)
  })
})
