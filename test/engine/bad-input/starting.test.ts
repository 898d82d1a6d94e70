import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type Orchestrator, type StandardSchema } from '../../../src/index.ts'
import {
  agent,
  callModel,
  callTool,
  ended,
  expectCode,
  expectHealthy,
  expectJson,
  guardFile,
  historyOf,
  hostile,
  manualClock,
  modelOf,
  once,
  open,
  plan,
  play,
  reply,
} from '../harness.ts'
import { opened, echo, finish } from './subjects.ts'

guardFile()

describe('what start refuses, with nothing accepted', () => {
  async function refused(
    body: (ops: Orchestrator) => Promise<unknown>,
    code: Parameters<typeof expectCode>[1],
    ...texts: (string | RegExp)[]
  ) {
    const ops = await opened()
    const error = await expectCode(() => body(ops), code, ...texts)
    expect((await ops.list()).runs).toEqual([])
    await expectHealthy(ops)
    return error
  }

  test.each(['nobody', '', '__proto__', 'constructor', 'toString'])('an unknown agent %j, with the known ones', async (name) => {
    await refused((ops) => ops.start(name, 'go'), 'AGENT_UNKNOWN', JSON.stringify(name), 'echo, waits')
  })
  test.each([
    ['null', null],
    ['undefined', undefined],
    ['a number', 5],
    ['an object', {}],
    ['an object without a prototype', Object.create(null)],
    ['a bigint as name', { name: 10n }],
    ['a symbol', Symbol('x')],
  ])('an agent that is none: %s', async (_name, target) => {
    await refused((ops) => ops.start(target as never, 'go'), 'AGENT_UNKNOWN')
  })
  test('an agent value that was not registered, though one of its name was', async () => {
    const other = agent('echo', once(callTool('a', 'x')))
    const ops = await opened()
    await expectCode(() => ops.start(other, 'go'), 'AGENT_UNKNOWN', '"echo"')
  })
  test.each([
    ['a bigint', 10n, '/'],
    ['a map', { a: { b: new Map() } }, '/a/b'],
    ['NaN', { list: [1, Number.NaN] }, '/list/1'],
    ['a function', { f() {} }, '/f'],
    ['__proto__', hostile(), '/__proto__'],
    ['nested __proto__', { a: hostile() }, '/a/__proto__'],
  ])('an input that is not JSON, with its path: %s', async (_name, input, path) => {
    const error = await refused((ops) => ops.start('echo', input), 'JSON_INVALID', path)
    expect(error.details).toEqual({ path })
  })
  test('a cyclic input', async () => {
    const cycle: Record<string, unknown> = {}
    cycle['me'] = { again: cycle }
    await refused((ops) => ops.start('echo', cycle), 'JSON_INVALID', '/me/again')
  })
  test('an input larger than the limit', async () => {
    await refused((ops) => ops.start('echo', 'x'.repeat(3_000_000)), 'PAYLOAD_TOO_LARGE', '2097152')
  })
  test.each([null, 'fast', 5] as never[])('options of %j', async (options) => {
    await refused((ops) => ops.start('echo', 'go', options), 'OPTIONS_INVALID')
  })
  test('an option that does not exist, by name', async () => {
    await refused((ops) => ops.start('echo', 'go', { sesion: 'ada' } as never), 'OPTIONS_INVALID', /"sesion".*session/)
  })
  test.each(
    (['runId', 'tenant', 'session', 'idempotencyKey'] as const).flatMap((member) =>
      [
        ['empty', ''],
        ['5', 5],
        ['null', null],
        ['{}', {}],
        ['257 characters', 'x'.repeat(257)],
        // A database makes the same of every half character: two tenants would be one.
        ['half a character', 't\uD800'],
      ].map(([name, value]) => [member, name, value as never] as const),
    ),
  )('%s: %s', async (member, _name, value) => {
    await refused((ops) => ops.start('echo', 'go', { [member]: value }), 'OPTIONS_INVALID', member)
  })
  test.each(['runId', 'idempotencyKey'])('%s with a NUL, which not every database reads whole', async (member) => {
    await refused((ops) => ops.start('echo', 'go', { [member]: 'a\0b' }), 'OPTIONS_INVALID', member)
  })
  test.each(
    (['dueAt', 'priority'] as const).flatMap((member) =>
      [Number.NaN, 'soon', Infinity, null].map((value) => [member, value as never] as const),
    ),
  )('%s of %s', async (member, value) => {
    await refused((ops) => ops.start('echo', 'go', { [member]: value }), 'OPTIONS_INVALID', member)
  })
  test.each(
    (['steps', 'tokens', 'cost', 'durationMs', 'decisions', 'parallel', 'effects', 'depth', 'payload'] as const).flatMap(
      (member) =>
        [0, -1, Number.NaN, 'many']
          .filter((value) => value !== 0 || member !== 'depth')
          .map((value) => [member, value as never] as const),
    ),
  )('limits.%s of %s', async (member, value) => {
    await refused((ops) => ops.start('echo', 'go', { limits: { [member]: value } }), 'LIMIT_INVALID', member)
  })
  test('a misspelt limit, by name: it must not pass as none', async () => {
    await refused((ops) => ops.start('echo', 'go', { limits: { token: 5 } as never }), 'LIMIT_INVALID', /"token".*tokens/)
  })
  test.each([null, 5, 'x'] as never[])('limits of %j', async (limits) => {
    await refused((ops) => ops.start('echo', 'go', { limits }), 'LIMIT_INVALID')
  })
  test.each([
    ['a text', 'hi'],
    ['a list of texts', ['hi']],
    ['null', [null]],
    ['another role', [{ role: 'robot', content: [] }]],
    ['content that is a number', [{ role: 'user', content: 5 }]],
    ['a user message without content', [{ role: 'user' }]],
    ['a user message whose content is a text', [{ role: 'user', content: 'hi' }]],
    ['a system message whose content is a list', [{ role: 'system', content: [] }]],
    ['a part that is null', [{ role: 'user', content: [null] }]],
    ['a part without a type', [{ role: 'user', content: [{ text: 'hi' }] }]],
  ])('messages that are none: %s', async (_name, messages) => {
    await refused((ops) => ops.start('echo', 'go', { messages: messages as never }), 'OPTIONS_INVALID', 'messages')
  })
  test.each([
    ['a bigint', { type: 'text', text: 10n }, 'JSON_INVALID', '/content/0/text'],
    [
      'bytes',
      { type: 'file', mediaType: 'x', data: { type: 'data', data: new Uint8Array(3) } },
      'JSON_INVALID',
      '/content/0/data/data',
    ],
    ['__proto__ alone', hostile(), 'OPTIONS_INVALID', 'messages[0].content[0]'],
    [
      '__proto__',
      { type: 'text', text: 'x', providerOptions: { p: hostile() } },
      'JSON_INVALID',
      '/content/0/providerOptions/p/__proto__',
    ],
  ] as const)('messages that are not JSON: %s', async (_name, part, code, place) => {
    const messages = [{ role: 'user', content: [part] }] as never
    await refused((ops) => ops.start('echo', 'go', { messages }), code, place)
  })
  test.each([
    ['a text', 'x'],
    ['a list', []],
    ['null', null],
  ])('metadata that is no object: %s', async (_name, metadata) => {
    await refused((ops) => ops.start('echo', 'go', { metadata: metadata as never }), 'OPTIONS_INVALID', 'metadata')
  })
  test('__proto__ in metadata', async () => {
    await refused((ops) => ops.start('echo', 'go', { metadata: hostile() }), 'JSON_INVALID', '__proto__')
  })
  test('a cost limit where the model has no price', async () => {
    const ops = await open({ agents: [agent('paid', once(callModel('m')), { model: modelOf(() => reply('x')) })] })
    await expectCode(() => ops.start('paid', 'go', { limits: { cost: 1 } }), 'BUDGET_PRICE_UNKNOWN', /test\/m.*prices/)
    expect((await ops.list()).runs).toEqual([])
  })
  test('a signal that has fired: it rejects with its reason', async () => {
    const ops = await opened()
    const reason = new Error('never mind')
    await expect(ops.start('echo', 'go', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect((await ops.list()).runs).toEqual([])
  })
  test('an input that does not fit the schema, with every path', async () => {
    const input = z.object({ city: z.string(), days: z.number().max(10) })
    const ops = await open({ agents: [agent('typed', finish, { input })] })
    const error = await expectCode(() => ops.start('typed', { city: 5, days: 11 }), 'INPUT_INVALID', /"typed".*\/city.*\/days/)
    expect(error.details).toMatchObject({ issues: [{ path: '/city' }, { path: '/days' }] })
  })
  test.each([
    ['throws', () => ({ value: Promise.reject(new Error('no database')) })],
    ['throws at once', new Error('no database')],
  ])('an input whose schema %s is refused with a code', async (_name, how) => {
    const validate = (): never => {
      if (how instanceof Error) throw how
      return how().value as never
    }
    const jsonSchema = { input: () => ({ type: 'object' }), output: () => ({ type: 'object' }) }
    const schema: StandardSchema = { '~standard': { version: 1, vendor: 'mine', validate, jsonSchema } }
    const ops = await open({ agents: [agent('typed', finish, { input: schema as never })] })
    await expectCode(() => ops.start('typed', {}), 'INPUT_INVALID', /"typed".*no database/)
  })
})

describe('runs that exist already', () => {
  test('the same id twice is refused, and the first is not harmed', async () => {
    const ops = await opened()
    const run = await ops.start('echo', 'first', { runId: 'r1' })
    await expectCode(() => ops.start('echo', 'second', { runId: 'r1' }), 'RUN_EXISTS', 'r1')
    expect(await run.result).toEqual({ status: 'completed', output: 'first' })
  })
  test('the same idempotency key with the same input finds the run', async () => {
    const ops = await opened()
    const run = await ops.start('echo', { a: 1, b: 2 }, { idempotencyKey: 'k' })
    const again = await ops.start('echo', { b: 2, a: 1 }, { idempotencyKey: 'k' })
    expect(again.id).toBe(run.id)
    expect(await again.result).toEqual(await run.result)
  })
  test('the same idempotency key with another input is refused', async () => {
    const ops = await opened()
    await ops.start('echo', 'a', { idempotencyKey: 'k' })
    await expectCode(() => ops.start('echo', 'b', { idempotencyKey: 'k' }), 'RUN_EXISTS', '"k"')
  })
  test("an idempotency key of the engine's own is refused, and no other takes the place of a child run", async () => {
    const leaf = agent(
      'leaf',
      plan(() => ({ type: 'finish', output: 'leaf' })),
    )
    const chief = agent('chief', once({ kind: 'run', key: 'a', agent: 'leaf', input: 'go' }), { agents: [leaf] })
    const ops = await open({ agents: [chief, leaf] })
    const own = { idempotencyKey: 'opspawn.child:x' }
    await expectCode(() => ops.start('leaf', 'go', own), 'OPTIONS_INVALID', /begins with opspawn\./)
    await (
      await ops.start('chief', 'go')
    ).result
    const { runs } = await ops.list({ agent: 'leaf' })
    expect(runs.map(({ idempotencyKey }) => idempotencyKey)).toEqual([`opspawn.child:${runs[0]?.runId}`])
  })
  test('the same idempotency key in another tenant is another run', async () => {
    const ops = await opened()
    const one = await ops.start('echo', 'a', { idempotencyKey: 'k', tenant: 'one' })
    const two = await ops.start('echo', 'b', { idempotencyKey: 'k', tenant: 'two' })
    expect(two.id).not.toBe(one.id)
  })
  test.each(['__proto__', 'constructor'])('%s is an id, a tenant, a session and a key like any other', async (name) => {
    const ops = await opened()
    const options = { runId: name, tenant: name, session: name, idempotencyKey: name }
    const run = await ops.start('echo', 'x', options)
    expect(await run.result).toEqual({ status: 'completed', output: 'x' })
    expect((await ops.record(name)).tenant).toBe(name)
  })
})

test('records and lists are copies: changing them changes nothing', async () => {
  const ops = await opened()
  const run = await ops.start('echo', { deep: { a: 1 } }, { metadata: { by: 'test' } })
  await run.result
  const record = await ops.record(run.id)
  expectJson(record)
  expect(record.input).toEqual({ deep: { a: 1 } })
})

test('what the caller changes after start does not change the run', async () => {
  const ops = await opened()
  const input = { deep: { a: 1 } }
  const messages = [{ role: 'user', content: [{ type: 'text', text: 'before' }] }] as {
    role: 'user'
    content: { type: 'text'; text: string }[]
  }[]
  const run = await ops.start('echo', input, { messages })
  input.deep.a = 2
  const part = messages[0]?.content[0]
  if (part !== undefined) part.text = 'after'
  expect(await run.result).toEqual({ status: 'completed', output: { deep: { a: 1 } } })
  const [first] = await historyOf(run)
  expect(JSON.stringify(first)).toMatch('before')
})

test('a run that is due later begins then', async () => {
  const clock = manualClock()
  const ops = await open({ agents: [echo], clock })
  const run = await ops.start('echo', 'x', { dueAt: clock.now() + 10_000 })
  await clock.advance(9_000)
  expect((await ops.record(run.id)).status).toBe('queued')
  expect((await ended(run, clock, 3_000)).status).toBe('completed')
})

test('schemas with defaults do not keep an input from being recorded as it was given', async () => {
  const played = await play(agent('typed', finish, { input: z.object({ n: z.number().default(5) }) as never }), { input: {} })
  expect(played.outcome.status).toBe('completed')
})
