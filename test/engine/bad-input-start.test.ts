import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type Orchestrator, type Run, type StandardSchema } from '../../src/index.ts'
import {
  agent,
  callModel,
  callTool,
  ended,
  errorOf,
  expectCode,
  expectHealthy,
  expectJson,
  gate,
  guardFile,
  historyOf,
  hostile,
  manualClock,
  modelOf,
  once,
  open,
  pause,
  plan,
  play,
  reply,
  thrownBy,
  tool,
  turns,
} from './harness.ts'

guardFile()

const finish = plan((run) => ({ type: 'finish', output: run.input }))
const echo = agent('echo', finish)
const waits = agent(
  'waits',
  plan((run) => {
    if (run.decisions === 0) return { type: 'act', effects: [{ kind: 'wait', key: 'w', for: { type: 'signal', name: 'go' } }] }
    return run.open > 0 ? { type: 'idle' } : { type: 'finish', output: 'went' }
  }),
)
const asks = agent(
  'asks',
  plan((run) => {
    if (run.decisions === 0) return { type: 'act', effects: [{ kind: 'tool', key: 'pay', tool: 'pay', input: { sum: 5 } }] }
    return run.open > 0 ? { type: 'idle' } : { type: 'finish', output: 'paid' }
  }),
  { tools: [tool('pay', () => 1, { approval: true })] },
)

async function opened(): Promise<Orchestrator> {
  return open({ agents: [echo, waits, asks] })
}

async function waiting(ops: Orchestrator, name: string): Promise<Run> {
  const run = await ops.start(name, 'go')
  await turns()
  expect((await ops.record(run.id)).status).toBe('waiting')
  return run
}

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
      ].map(([name, value]) => [member, name, value as never] as const),
    ),
  )('%s: %s', async (member, _name, value) => {
    await refused((ops) => ops.start('echo', 'go', { [member]: value }), 'OPTIONS_INVALID', member)
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
    const ops = await opened()
    expect((await thrownBy(() => ops.start('echo', 'go', { limits: { token: 5 } as never }))).message).toMatch('token')
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
    ['a bigint', [{ role: 'user', content: [{ type: 'text', text: 10n }] }]],
    ['bytes', [{ role: 'user', content: [{ type: 'file', mediaType: 'x', data: { type: 'data', data: new Uint8Array(3) } }] }]],
    ['__proto__', [{ role: 'user', content: [hostile()] }]],
  ])('messages that are not JSON: %s', async (_name, messages) => {
    const ops = await opened()
    const error = await thrownBy(() => ops.start('echo', 'go', { messages: messages as never }))
    expect(['JSON_INVALID', 'OPTIONS_INVALID']).toContain(error.code)
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
    expect((await thrownBy(() => ops.start('typed', {}))).message).toMatch('no database')
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

describe('runs that do not exist', () => {
  test.each(['nope', '', '__proto__', 'constructor'])('run and record of %j', async (id) => {
    const ops = await opened()
    await ops.start('echo', 'x')
    await expectCode(() => ops.run(id), 'RUN_UNKNOWN', JSON.stringify(id))
    await expectCode(() => ops.record(id), 'RUN_UNKNOWN', JSON.stringify(id))
  })
  test.each([undefined, null, 5, {}] as never[])("run and record of %j never find somebody else's run", async (id) => {
    const ops = await opened()
    await ops.start('echo', 'x')
    expect(['RUN_UNKNOWN', 'OPTIONS_INVALID']).toContain((await thrownBy(() => ops.run(id))).code)
    expect(['RUN_UNKNOWN', 'OPTIONS_INVALID']).toContain((await thrownBy(() => ops.record(id))).code)
  })
})

describe('listings', () => {
  test.each([0, -1, Number.NaN, 'many', 1.5] as never[])('a page of %s is refused', async (limit) => {
    const ops = await opened()
    await ops.start('echo', 'x')
    const error = await thrownBy(() => ops.list({}, { limit }))
    expect(['LIMIT_INVALID', 'OPTIONS_INVALID']).toContain(error.code)
  })
  test.each(['x', '__proto__', 'NaN'])('the cursor %j is refused', async (cursor) => {
    const ops = await opened()
    await expectCode(() => ops.list({}, { cursor }), 'OPTIONS_INVALID', 'cursor')
  })
  test('a misspelt filter is named: it must not list every tenant', async () => {
    const ops = await opened()
    await ops.start('echo', 'x')
    expect((await thrownBy(() => ops.list({ tenantId: 'a' } as never))).message).toMatch('tenantId')
  })
})

describe('approvals', () => {
  test('given twice: the second is told that it was decided', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'asks')
    await run.approve('pay', { by: 'ada' })
    await expectCode(() => run.approve('pay', { by: 'bob' }), 'APPROVAL_DECIDED', 'pay')
    expect(await run.result).toEqual({ status: 'completed', output: 'paid' })
    await historyOf(run)
  })
  test('given twice at the same moment: one counts', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'asks')
    const both = await Promise.allSettled([run.approve('pay', { by: 'ada' }), run.deny('pay', { by: 'bob' })])
    expect(both.map((one) => one.status).toSorted()).toEqual(['fulfilled', 'rejected'])
    await run.result
    const responses = (await historyOf(run)).filter((event) => event.type === 'approval-response')
    expect(responses).toHaveLength(1)
  })
  test('denied after it was approved is told that it was decided', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'asks')
    await run.approve('pay', { by: 'ada' })
    await run.result
    const error = await thrownBy(() => run.deny('pay', { by: 'bob' }))
    expect(['APPROVAL_DECIDED', 'RUN_FINISHED']).toContain(error.code)
  })
  test.each(['nope', '', '__proto__', 'constructor'])('of the key %j are unknown', async (key) => {
    const ops = await opened()
    const run = await waiting(ops, 'asks')
    await expectCode(() => run.approve(key, { by: 'ada' }), 'APPROVAL_UNKNOWN', key)
  })
  test('before the run asked for any are unknown', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    await expectCode(() => run.approve('w', { by: 'ada' }), 'APPROVAL_UNKNOWN')
  })
  test.each([undefined, null, {}, { by: '' }, { by: 5 }] as never[])(
    'answered by %j are refused and stay open',
    async (answer) => {
      const ops = await opened()
      const run = await waiting(ops, 'asks')
      await expectCode(() => run.approve('pay', answer), 'OPTIONS_INVALID', 'by')
      expect(await run.approvals()).toMatchObject([{ key: 'pay', tool: 'pay', input: { sum: 5 } }])
    },
  )
  test.each([
    ['a bigint', 10n],
    ['a map', new Map()],
    ['__proto__', hostile()],
    ['an object', { a: 1 }],
  ] as [string, never][])('whose reason is no text are refused or recorded as text: %s', async (_name, reason) => {
    const ops = await opened()
    const run = await waiting(ops, 'asks')
    await run.approve('pay', { by: 'ada', reason }).catch(() => run.approve('pay', { by: 'ada' }))
    await run.result
    const response = (await historyOf(run)).find((event) => event.type === 'approval-response')
    expect(typeof (response as { reason?: unknown } | undefined)?.reason).toMatch(/string|undefined/)
  })
  test('of a run that has ended are refused', async () => {
    const ops = await opened()
    const run = await ops.start('echo', 'x')
    await run.result
    expect(['APPROVAL_UNKNOWN', 'RUN_FINISHED']).toContain((await thrownBy(() => run.approve('pay', { by: 'ada' }))).code)
  })
})

describe('signals', () => {
  test('to a finished run are refused', async () => {
    const ops = await opened()
    const run = await ops.start('echo', 'x')
    await run.result
    await expectCode(() => run.signal('go'), 'RUN_FINISHED', run.id)
  })
  test.each([
    'opspawn.cancel',
    'opspawn.approval',
    'opspawn.child-end',
    'opspawn.',
    'opspawn.x',
    '',
    ' ',
    'a b',
    '\n',
    'ü',
    `${'x'.repeat(129)}`,
  ])('of the name %j are refused (S10)', async (name) => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    await expectCode(() => run.signal(name), 'SIGNAL_INVALID')
    await run.signal('go')
    expect(await run.result).toEqual({ status: 'completed', output: 'went' })
  })
  test.each([
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['an object', {}],
    ['a list', []],
  ] as [string, never][])('of a name that is no text are refused: %s', async (_name, name) => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    await expectCode(() => run.signal(name), 'SIGNAL_INVALID')
  })
  test.each([
    ['a bigint', 10n],
    ['a map', new Map()],
    ['__proto__', hostile()],
    ['ten megabytes', 'x'.repeat(10_000_000)],
  ])('whose payload is %s are refused, and the run goes on waiting', async (_name, payload) => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    const error = await thrownBy(() => run.signal('go', payload as never))
    expect(['JSON_INVALID', 'PAYLOAD_TOO_LARGE']).toContain(error.code)
    await run.signal('go')
    expect(await run.result).toEqual({ status: 'completed', output: 'went' })
    await historyOf(run)
  })
  test('of one id count once (S10)', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    await run.signal('other', 1, { id: 'same' })
    await run.signal('go', 2, { id: 'same' })
    await turns()
    expect((await ops.record(run.id)).outcome).toBeUndefined()
    await run.cancel()
    await run.result
  })
  test.each([
    ['empty', ''],
    ['a number', 5],
    ['null', null],
    ['an object', {}],
    ['ten thousand characters', 'x'.repeat(10_000)],
  ] as [string, never][])('of an id that is none are refused: %s', async (_name, id) => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    await thrownBy(() => run.signal('go', 1, { id }))
  })
  test("whose id is the engine's own for cancelling do not take cancelling away (S11)", async () => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    await run.signal('other', 1, { id: 'cancel' }).catch(() => {})
    await turns()
    await run.cancel('enough')
    await turns()
    expect((await ops.record(run.id)).outcome?.status).toBe('cancelled')
  })
  test("whose id is the engine's own for an approval do not take the approval away", async () => {
    const ops = await opened()
    const run = await waiting(ops, 'asks')
    await run.signal('other', 1, { id: 'approval:pay' }).catch(() => {})
    await turns()
    await run.approve('pay', { by: 'ada' })
    expect(await run.result).toEqual({ status: 'completed', output: 'paid' })
  })
  test("whose id is the engine's own for a child's end do not lose the child's outcome (S10)", async () => {
    const child = agent(
      'child',
      plan((run) =>
        run.decisions === 0 ? { type: 'act', effects: [callTool('a', 'slow')] } : { type: 'finish', output: 'grown' },
      ),
      {
        tools: [tool('slow', () => held.promise)],
      },
    )
    const parent = agent('parent', once({ kind: 'run', key: 'c', agent: 'child', input: 'x' }), { agents: [child] })
    const held = gate<number>()
    const ops = await open({ agents: [parent, child] })
    const run = await ops.start('parent', 'go')
    await turns()
    const [record] = (await ops.list({ parentId: run.id })).runs
    await run.signal('other', 1, { id: `child-end:${record?.runId}` }).catch(() => {})
    await turns()
    held.open(1)
    await turns()
    expect((await ops.record(run.id)).outcome).toEqual({ status: 'completed', output: 'done' })
  })
  test('sent early are kept and consumed once (S10)', async () => {
    const twice = agent(
      'twice',
      plan((run) => {
        if (run.open > 0) return { type: 'idle' }
        if (run.decisions === 2) return { type: 'finish', output: run.settled.map((record) => record.outcome?.status ?? '') }
        const deadlineMs = 1000
        return {
          type: 'act',
          effects: [{ kind: 'wait', key: `w${run.decisions}`, for: { type: 'signal', name: 'go', deadlineMs } }],
        }
      }),
    )
    const clock = manualClock()
    const ops = await open({ agents: [twice], clock })
    const run = await ops.start('twice', 'go', { dueAt: clock.now() + 5000 })
    await run.signal('go')
    expect(await ended(run, clock)).toEqual({ status: 'completed', output: ['completed', 'failed'] })
    await historyOf(run)
  })
})

describe('cancelling', () => {
  test('a finished run does nothing', async () => {
    const ops = await opened()
    const run = await ops.start('echo', 'x')
    await run.result
    await run.cancel('late')
    expect(await run.result).toEqual({ status: 'completed', output: 'x' })
  })
  test('twice is one cancellation', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    await Promise.all([run.cancel('one'), run.cancel('two')])
    expect(errorOf(await run.result)).toMatchObject({ code: 'RUN_CANCELLED', message: expect.stringMatching('one') as string })
    expect((await historyOf(run)).filter((event) => event.type === 'cancel-request')).toHaveLength(1)
  })
  test.each([
    ['a bigint', 10n],
    ['an object', { a: 1 }],
    ['null', null],
    ['a symbol', Symbol('x')],
    [
      'an object that cannot be written',
      {
        toString() {
          throw new Error('no')
        },
      },
    ],
  ])('with %s as reason ends the run, or is refused', async (_name, reason) => {
    const clock = manualClock()
    const ops = await open({ agents: [waits], clock })
    const run = await ops.start('waits', 'go')
    await clock.advance(0)
    await run.cancel(reason as never).catch(() => run.cancel('plain'))
    expect((await ended(run, clock, 20_000)).status).toBe('cancelled')
    await historyOf(run)
    await expectHealthy(ops, clock)
  })
})

describe('events', () => {
  test.each([Number.NaN, -5, 'x', 1.5, Infinity] as never[])(
    'behind the position %s are refused, or are the whole history',
    async (position) => {
      const ops = await opened()
      const run = await ops.start('echo', 'x')
      await run.result
      const seen: unknown[] = []
      const read = async (): Promise<void> => {
        for await (const event of run.events(position)) seen.push(event)
      }
      let done = false
      const reading = read().then(
        () => (done = true),
        () => (done = true),
      )
      await Promise.race([reading, pause(40)])
      expect(done, 'the stream ended').toBe(true)
    },
  )
  test('behind a position are those and no others', async () => {
    const ops = await opened()
    const run = await ops.start('echo', 'x')
    await run.result
    const whole = await historyOf(run)
    const seen: unknown[] = []
    for await (const event of run.events(2)) seen.push(event)
    expect(seen).toEqual(whole.slice(2))
  })
  test('behind the last one of an ended run are none, and the stream ends', async () => {
    const ops = await opened()
    const run = await ops.start('echo', 'x')
    await run.result
    const { seq } = await ops.record(run.id)
    const seen: unknown[] = []
    const reading = (async () => {
      for await (const event of run.events(seq)) seen.push(event)
      return true
    })()
    expect(await Promise.race([reading, pause(40).then(() => false)])).toBe(true)
    expect(seen).toEqual([])
  })
  test('a reader that stops early harms nobody, and others read on', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    for await (const event of run) if (event.type === 'run-claim') break
    await run.signal('go')
    await run.result
    expect((await historyOf(run)).length).toBeGreaterThan(4)
  })
  test('a reader that is slow gets the whole history, and is told how much it missed', async () => {
    const chatty = tool('chatty', (_input, context) => {
      for (let n = 0; n < 12_000; n += 1) context.progress(n)
      return 'said'
    })
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'chatty')), { tools: [chatty] })] })
    const run = await ops.start('subject', 'go')
    const seqs: number[] = []
    let live = 0
    let dropped = 0
    for await (const event of run) {
      if ('seq' in event) {
        seqs.push(event.seq)
        if (event.type === 'decision' || event.seq === 1) await turns(10)
      } else if (event.type === 'lag') dropped += event.dropped
      else live += 1
    }
    expect(seqs).toEqual(seqs.map((_, index) => index + 1))
    expect(live + dropped).toBe(12_000)
    expect(dropped).toBeGreaterThan(0)
  })
  test('two readers of one run read the same history', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    const both = Promise.all([historyOf(run), historyOf(await ops.run(run.id))])
    await turns()
    await run.signal('go')
    const [one, two] = await both
    expect(one).toEqual(two)
  })
  test('no listener stays on the signal of a reader that is done', async () => {
    const ops = await opened()
    const { signal } = new AbortController()
    const run = await ops.start('echo', 'x')
    for await (const _ of run.events(0, { signal }));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
  test('reading stops with the reason of its signal', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    const controller = new AbortController()
    const reading = (async () => {
      for await (const _ of run.events(0, { signal: controller.signal }));
    })()
    const reason = new Error('seen enough')
    setImmediate(() => controller.abort(reason))
    await expect(reading).rejects.toBe(reason)
    await run.cancel()
    await run.result
  })
})

describe('stopping', () => {
  test('start while draining is refused', async () => {
    const ops = await opened()
    const draining = ops.drain(10)
    await expectCode(() => ops.start('echo', 'x'), 'ORCHESTRATOR_DRAINING', 'stopping')
    await draining
  })
  test('start after closing is refused', async () => {
    const ops = await opened()
    await ops[Symbol.asyncDispose]()
    await expectCode(() => ops.start('echo', 'x'), 'ORCHESTRATOR_DRAINING')
  })
  test('a start that was accepted is known although draining began in the same turn (S1)', async () => {
    const ops = await opened()
    const starting = ops.start('echo', 'x')
    const draining = ops.drain(10)
    const run = await starting.catch(() => undefined)
    await draining
    expect(run === undefined || (await ops.record(run.id)).runId === run.id).toBe(true)
  })
  test.each([-1, Number.NaN, 'soon'] as never[])('drain(%s) is refused', async (deadline) => {
    const ops = await opened()
    await thrownBy(() => ops.drain(deadline))
  })
  test('draining twice gives the same report', async () => {
    const ops = await opened()
    expect(await ops.drain(5)).toEqual(await ops.drain(5))
  })
  test('a result that is awaited when the orchestrator closes rejects with a code', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    const result = thrownBy(() => run.result)
    await ops[Symbol.asyncDispose]()
    expect(await result).toMatchObject({ code: 'ORCHESTRATOR_DRAINING' })
  })
  test('a run that hangs in a tool is handed back at the deadline (S15)', async () => {
    const hangs = agent('hangs', once(callTool('a', 'stuck')), { tools: [tool('stuck', () => new Promise(() => {}))] })
    const ops = await open({ agents: [hangs] })
    const run = await ops.start('hangs', 'go')
    await turns()
    expect(await ops.drain(5)).toEqual({ handedBack: [run.id] })
  })
  test.each([
    [
      'a planner that never answers',
      agent(
        'stuck',
        plan(() => new Promise(() => {})),
      ),
    ],
    [
      'a schema that never answers',
      agent('stuck', finish, {
        output: {
          validator: { '~standard': { version: 1, vendor: 'x', validate: () => new Promise(() => {}) } },
          jsonSchema: {},
        } as never,
      }),
    ],
  ])('%s does not hold up closing', async (_name, stuck) => {
    const ops = await open({ agents: [stuck] })
    await ops.start('stuck', 'go')
    await turns()
    const drained = await Promise.race([ops.drain(5).then(() => true), pause(40).then(() => false)])
    expect(drained).toBe(true)
  })
})

describe('listeners', () => {
  test('one that throws harms nobody and is reported', async () => {
    const ops = await opened()
    const faults: string[] = []
    ops.on('fault', (_failure, { where }) => void faults.push(where))
    ops.on('fault', () => {
      throw new Error('even here')
    })
    ops.on('event', () => {
      throw new Error('listener')
    })
    const run = await ops.start('echo', 'x')
    expect(await run.result).toEqual({ status: 'completed', output: 'x' })
    expect(faults).toContain('listener of event')
  })
  test('one that rejects harms nobody', async () => {
    const ops = await opened()
    ops.on('event', async () => {
      throw new Error('later')
    })
    expect((await (await ops.start('echo', 'x')).result).status).toBe('completed')
  })
  test('an observer of an extension that throws harms nobody', async () => {
    const { defineExtension } = await import('../../src/index.ts')
    const observer = defineExtension({
      name: 'o',
      setup: (host) =>
        host.observe(() => {
          throw new Error('observer')
        }),
    })
    const ops = await open({ agents: [echo], plugins: [observer] })
    expect((await (await ops.start('echo', 'x')).result).status).toBe('completed')
  })
  test('an observer of an extension that rejects harms nobody', async () => {
    const { defineExtension } = await import('../../src/index.ts')
    const observer = defineExtension({
      name: 'o',
      setup: (host) =>
        host.observe((async () => {
          throw new Error('observer, later')
        }) as never),
    })
    const ops = await open({ agents: [echo], plugins: [observer] })
    expect((await (await ops.start('echo', 'x')).result).status).toBe('completed')
    await turns()
  })
  test.each(['evnt', '__proto__', ''] as never[])('of an event %j that does not exist are refused', async (type) => {
    const ops = await opened()
    expect((await thrownBy(() => ops.on(type, (() => {}) as never))).code).toBe('OPTIONS_INVALID')
  })
  test('that are no functions are refused', async () => {
    const ops = await opened()
    await thrownBy(() => ops.on('event', 'log' as never))
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
