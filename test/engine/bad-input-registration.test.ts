import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  type Agent,
  defineAgent,
  defineExtension,
  definePlugin,
  defineTool,
  type Memory,
  type Plugin,
  type Schema,
  type Scheduler,
  type Store,
  type Tool,
} from '../../src/index.ts'
import { createOrchestrator as createBare } from '../../src/orchestrator/index.ts'
import { fastqScheduler } from '../../src/plugins/scheduler-fastq/index.ts'
import { memoryStore } from '../../src/plugins/store-memory/index.ts'
import { toolsPlanner } from '../../src/plugins/planner-tools/index.ts'
import {
  agent,
  callTool,
  expectCode,
  guardFile,
  hostile,
  modelOf,
  once,
  open,
  plan,
  refusal,
  reply,
  thrownBy,
  tool,
} from './harness.ts'
import { sharedStore } from './support/wrappers.ts'

guardFile()

const idle = once(callTool('a', 'x'))
const x = tool('x', () => 1)
const subject = agent('subject', idle, { tools: [x] })
const raw = (value: object): never => value as never

describe('duplicate and unknown parts', () => {
  test('two agents of one name are refused with the name', async () => {
    const error = await refusal({ agents: [subject, agent('subject', idle)] })
    expect(error).toMatchObject({ code: 'NAME_DUPLICATE', details: { kind: 'agent', name: 'subject' } })
    expect(error.message).toMatch('"subject"')
  })
  test('the same agent given twice is said to be the same', async () => {
    expect((await refusal({ agents: [subject, subject] })).message).toMatch('same one')
  })
  test.each([
    ['tool', tool('twin', () => 1), tool('twin', () => 2)],
    ['extension', defineExtension({ name: 'twin', setup() {} }), defineExtension({ name: 'twin', setup() {} })],
    ['store', memoryStore(), memoryStore()],
    ['scheduler', fastqScheduler(), fastqScheduler()],
  ] as [string, Plugin, Plugin][])('two plugins of one name are refused: %s', async (_kind, first, second) => {
    const error = await refusal({ plugins: [first, second] })
    expect(error.code).toBe('NAME_DUPLICATE')
    expect(error.message).toMatch(first.name)
  })
  test('two stores of different names are refused with both names', async () => {
    const other = Object.assign(Object.create(memoryStore()) as Store, { name: 'second-store' })
    const error = await refusal({ plugins: [memoryStore(), other] })
    expect(error.code).toBe('NAME_DUPLICATE')
    expect(error.message).toMatch(/store-memory.*second-store/)
  })
  test('a tool name that nobody registered is named, with those that are', async () => {
    const error = await refusal({ agents: [agent('subject', idle, { tools: ['serch'] })], plugins: [tool('search', () => 1)] })
    expect(error).toMatchObject({ code: 'TOOL_UNKNOWN', details: { name: 'serch' } })
    expect(error.message).toMatch(/agent "subject".*"serch".*search/)
  })
  test('an unknown delegate is named', async () => {
    const error = await refusal({ agents: [agent('subject', idle, { agents: ['nobody'] })] })
    expect(error.code).toBe('AGENT_UNKNOWN')
    expect(error.message).toMatch(/"subject".*"nobody"/)
  })
  test('an unknown memory is named', async () => {
    const error = await refusal({ agents: [agent('subject', idle, { memory: 'diary' })] })
    expect(error.code).toBe('MEMORY_UNKNOWN')
    expect(error.message).toMatch(/"subject".*"diary"/)
  })
  test('one agent that lists a tool twice is refused', async () => {
    await expectCode(() => agent('subject', idle, { tools: [x, tool('x', () => 2)] }), 'NAME_DUPLICATE', '"x"', '"subject"')
  })
  test('two agents with different tools of one name are refused with both', async () => {
    const agents = [agent('first', idle, { tools: [x] }), agent('second', idle, { tools: [tool('x', () => 2)] })]
    const error = await refusal({ agents })
    expect(error).toMatchObject({ code: 'NAME_DUPLICATE', details: { kind: 'tool', name: 'x' } })
    expect(error.message).toMatch(/agent "first" and agent "second" have different tools called "x"/)
  })
  test('a tool of the plugins and a different one of an agent are refused with both', async () => {
    const error = await refusal({ agents: [agent('first', idle, { tools: [x] })], plugins: [tool('x', () => 2)] })
    expect(error.code).toBe('NAME_DUPLICATE')
    expect(error.message).toMatch(/the plugins and agent "first"/)
  })
  test('one tool may be listed by several agents, and stand among the plugins, also as a copy', async () => {
    const agents = [agent('first', idle, { tools: [x] }), agent('second', idle, { tools: [{ ...x }] })]
    await open({ agents: [...agents, agent('third', idle, { tools: ['x'] })], plugins: [x] })
  })
  test('two tools that a model would see under one name are refused', async () => {
    const error = await refusal({ agents: [agent('subject', idle, { tools: [tool('a.b', () => 1), tool('a_b', () => 1)] })] })
    expect(error.code).toBe('NAME_DUPLICATE')
    expect(error.message).toMatch(/"a\.b" and "a_b"/)
  })
  test('a tool and a delegate that a model would see under one name are refused', async () => {
    const other = agent('x', idle)
    expect((await refusal({ agents: [agent('subject', idle, { tools: [x], agents: [other] }), other] })).code).toBe(
      'NAME_DUPLICATE',
    )
  })
  test('an extension that needs one that is not there is refused with both names', async () => {
    const error = await refusal({ plugins: [defineExtension({ name: 'upper', requires: ['lower'], setup() {} })] })
    expect(error.code).toBe('PLUGIN_CAPABILITY_MISSING')
    expect(error.message).toMatch(/"upper".*"lower".*not registered/)
  })
  test.each(['f', [5], { f: true }, null])('an extension that requires %j is refused', async (requires) => {
    const made = (): object => ({ name: 'upper', requires, setup() {} })
    await expectCode(() => defineExtension(made() as never), 'PLUGIN_INVALID', '"upper"', /list of names/)
    const error = await refusal({ plugins: [{ ...made(), spec: 'extension/1' } as never] })
    expect(error).toMatchObject({ code: 'PLUGIN_INVALID', message: expect.stringContaining('"upper"') as string })
  })
  test.each(['yes', true, null, {}])('announce of %j is refused', async (announce) => {
    expect(await refusal({ announce: announce as never })).toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining('announce') as string,
    })
  })
  test('an extension that stands before the one it needs is told to move', async () => {
    const lower = defineExtension({ name: 'lower', setup() {} })
    const error = await refusal({ plugins: [defineExtension({ name: 'upper', requires: ['lower'], setup() {} }), lower] })
    expect(error.message).toMatch(/register it after/)
  })
  test('a planner in the list of plugins is the default planner, or is refused: never passed over', async () => {
    let asked = 0
    const mine = plan(() => {
      asked += 1
      return { type: 'finish', output: 'mine' }
    })
    const made = open({ plugins: [mine], agents: [agent('subject', undefined, { model: modelOf(() => reply('not mine')) })] })
    const ops = await made.catch(() => undefined)
    if (ops === undefined) return
    const run = await ops.start('subject', 'go')
    expect(await run.result).toEqual({ status: 'completed', output: 'mine' })
    expect(asked).toBe(1)
  })
})

describe('values that are no plugins', () => {
  test.each([
    ['a string', 'weather'],
    ['null', null],
    ['undefined', undefined],
    ['a number', 5],
    ['a class', class {}],
    ['an object without a spec', { name: 'x' }],
  ])('%s in plugins is refused with PLUGIN_INVALID', async (_name, value) => {
    expect((await refusal({ plugins: [value as never] })).code).toBe('PLUGIN_INVALID')
  })
  test('a factory that was not called is pointed out', async () => {
    expect((await refusal({ plugins: [memoryStore as never] })).message).toMatch(/forget to call/)
  })
  test.each(['tool/2', 'planner/9', 'store/0', '__proto__', 'toString', ''])('spec %j is refused', async (spec) => {
    const error = await refusal({ plugins: [raw({ spec, name: 'future', execute() {} })] })
    expect(error.code).toBe('PLUGIN_SPEC_UNSUPPORTED')
    expect(error.message).toMatch(/"future".*tool\/1/)
  })
  test('definePlugin refuses the wrong spec at once', async () => {
    await expectCode(() => definePlugin(raw({ spec: 'store/2', name: 'db' })), 'PLUGIN_SPEC_UNSUPPORTED', 'store/2')
  })
  test('a plugin that lacks a member is refused with the member', async () => {
    const error = await refusal({ plugins: [raw({ spec: 'store/1', name: 'half', create() {} })] })
    expect(error).toMatchObject({ code: 'PLUGIN_INVALID', details: { member: 'claim' } })
  })
  test('a tool of a future spec inside an agent is refused like one in plugins', async () => {
    const future = { ...x, spec: 'tool/2' } as never
    expect((await refusal({ agents: [agent('subject', idle, { tools: [future] })] })).code).toBe('PLUGIN_SPEC_UNSUPPORTED')
  })
  test('a tool without a body inside an agent is refused at registration', async () => {
    const half = { spec: 'tool/1', name: 'half', description: '', input: { type: 'object' }, effect: 'pure' } as never
    const error = await thrownBy(() => open({ agents: [agent('subject', idle, { tools: [half] })] }))
    expect(error.code).toBe('PLUGIN_INVALID')
    expect(error.message).toMatch(/"half".*execute/)
  })
  test.each([
    ['a planner of a future spec', { spec: 'planner/2', name: 'p', decide() {} }],
    ['a planner without decide', { spec: 'planner/1', name: 'p' }],
    ['a string as planner', 'react'],
  ])('%s inside an agent is refused at registration', async (_name, planner) => {
    const error = await thrownBy(() => open({ agents: [defineAgent({ name: 'subject', planner: planner as never }) as Agent] }))
    expect(['PLUGIN_INVALID', 'PLUGIN_SPEC_UNSUPPORTED', 'AGENT_INVALID']).toContain(error.code)
  })
  test('a memory of a future spec inside an agent is refused', async () => {
    const memory = { spec: 'memory/2', name: 'm', bind() {} } as never as Memory
    expect((await refusal({ agents: [agent('subject', idle, { memory })] })).code).toBe('PLUGIN_SPEC_UNSUPPORTED')
  })
  test.each([
    ['plugins', { plugins: { a: 1 } }],
    ['plugins', { plugins: 'x' }],
    ['agents', { agents: { a: 1 } }],
    ['agents', { agents: 'x' }],
  ])('%s that is no list is refused by name: %j', async (name, options) => {
    const error = await refusal(options as never)
    expect(error.code).toBe('OPTIONS_INVALID')
    expect(error.message).toMatch(name)
  })
  test.each([[null], ['text'], [5]])('createOrchestrator(%j) is refused with a code', async (options) => {
    const { createOrchestrator } = await import('../../src/index.ts')
    await expectCode(() => createOrchestrator(options as never), 'OPTIONS_INVALID')
  })
  test('an option that does not exist is named, with those that do', async () => {
    const error = await refusal({ agent: [] } as never)
    expect(error.code).toBe('OPTIONS_INVALID')
    expect(error.message).toMatch(/"agent".*agents/)
  })
})

describe('missing capabilities', () => {
  test('a transactional tool on a store without transactions is refused with both names', async () => {
    const pay = tool('pay', () => 1, { effect: 'transactional' })
    const error = await refusal({ agents: [agent('subject', idle, { tools: [pay] })] })
    expect(error.code).toBe('PLUGIN_CAPABILITY_MISSING')
    expect(error.message).toMatch(/"pay".*"store-memory"/)
  })
  test('a store that declares transactions and has none is refused', async () => {
    const plain = memoryStore()
    const store: Store = { ...sharedStore(plain), capabilities: { ...plain.capabilities, transactions: true } }
    const error = await refusal({ agents: [agent('payer', idle)], store })
    expect(error.code).toBe('PLUGIN_INVALID')
    expect(error.message).toContain('transaction function')
  })
  test('a transactional tool added by an extension is refused too', async () => {
    const pay = tool('pay', () => 1, { effect: 'transactional' })
    const error = await refusal({ plugins: [defineExtension({ name: 'e', setup: (host) => host.add(pay) })] })
    expect(error.code).toBe('PLUGIN_CAPABILITY_MISSING')
  })
  test('an agent without a model on a planner that needs one is refused with the agent', async () => {
    const error = await refusal({ agents: [agent('subject', undefined)] })
    expect(error.code).toBe('PLUGIN_CAPABILITY_MISSING')
    expect(error.message).toMatch(/"subject".*model/)
  })
  test('an agent without a memory on a planner that needs one is refused', async () => {
    const needy = plan(() => ({ type: 'idle' }), { requires: ['memory'] })
    expect((await refusal({ agents: [agent('subject', needy)] })).message).toMatch(/needs a memory/)
  })
  test('the bare orchestrator without a store says what it lacks and where one comes from', async () => {
    await expectCode(() => createBare({ announce: false }), 'PLUGIN_CAPABILITY_MISSING', /store/, /createOrchestrator/)
  })
  test('the bare orchestrator without a scheduler says so', async () => {
    await expectCode(() => createBare({ announce: false, store: memoryStore() }), 'PLUGIN_CAPABILITY_MISSING', /scheduler/)
  })
  test('the bare orchestrator without a planner names the agent', async () => {
    const parts = { announce: false, store: memoryStore(), scheduler: fastqScheduler() } as const
    await expectCode(() => createBare({ ...parts, agents: [agent('subject', undefined)] }), 'AGENT_INVALID', '"subject"')
  })
})

describe('schemas', () => {
  const withInput = (input: Schema): Promise<unknown> =>
    open({
      agents: [
        agent('subject', idle, { tools: [defineTool({ name: 'odd', description: '', input, execute: () => 1 }) as Tool] }),
      ],
    })

  test.each([
    ['a zod date', z.object({ at: z.date() })],
    ['a zod bigint', z.object({ n: z.bigint() })],
    ['a zod map', z.object({ m: z.map(z.string(), z.string()) })],
    ['valibot without a conversion', v.object({ a: v.string() })],
    ['null', null],
    ['a string', 'string'],
    ['missing', undefined],
    ['a list', []],
    ['a date', new Date(0)],
  ])('a tool input that cannot be written as JSON Schema is refused with the tool: %s', async (_name, schema) => {
    await expectCode(() => withInput(schema as never), 'SCHEMA_NOT_CONVERTIBLE', 'tool "odd"')
  })
  test.each([
    ['a pattern that is no regular expression', { type: 'object', properties: { a: { type: 'string', pattern: '[' } } }],
    ['a reference to nowhere', { type: 'object', properties: { a: { $ref: '#/definitions/missing' } } }],
    ['a type that does not exist', { type: 'object', properties: { a: { type: 'strnig' } } }],
    ['a type that is a number', { type: 5 }],
    ['properties that are no object', { type: 'object', properties: 5 }],
    ['required that is no list', { type: 'object', required: 'a' }],
  ])('a broken plain JSON Schema is refused at registration, not at the first call: %s', async (_name, schema) => {
    await expectCode(() => withInput(schema), 'SCHEMA_NOT_CONVERTIBLE', 'tool "odd"')
  })
  const cyclic: { default: unknown[] } = { default: [] }
  cyclic.default.push(cyclic)
  const converting = (made: () => unknown): object => ({
    '~standard': { version: 1, vendor: 'mine', validate: (value: unknown) => ({ value }), jsonSchema: { input: made } },
  })
  test.each<[string, unknown, RegExp]>([
    [
      'a plain document with a bigint',
      { type: 'object', properties: { n: { default: 1n } } },
      /bigint at \/properties\/n\/default/,
    ],
    ['a plain document with a cycle', { type: 'object', properties: { n: cyclic } }, /a cycle/],
    ['a plain document with a function', { type: 'object', default: () => 1 }, /a function at \/default/],
    [
      'a conversion that gives a bigint',
      converting(() => ({ type: 'object', properties: { n: { const: 1n } } })),
      /\/properties\/n\/const/,
    ],
    ['a conversion that gives a cycle', converting(() => ({ type: 'object', properties: { n: cyclic } })), /a cycle/],
    ['a conversion that gives a promise', converting(() => Promise.resolve({ type: 'object' })), /gave a promise/],
    ['a conversion that gives a promise that fails', converting(() => Promise.reject(new Error('no'))), /gave a promise/],
    ['a conversion that gives a list', converting(() => []), /gave no document/],
    [
      'a conversion that is no function',
      { '~standard': { version: 1, vendor: 'x', validate() {}, jsonSchema: {} } },
      /not a function/,
    ],
    [
      'no validate function',
      { '~standard': { version: 1, vendor: 'x', jsonSchema: { input: () => ({}) } } },
      /no validate function/,
    ],
    ['a ~standard that is null', { '~standard': null }, /no validate function/],
    ['a default with __proto__', { type: 'object', properties: { a: { default: hostile() } } }, /__proto__/],
    ['a zod default with __proto__', z.object({ a: z.any().default(hostile()) }), /__proto__/],
  ])('what cannot be hashed or sent is refused with tool and place: %s', async (_name, schema, text) => {
    await expectCode(() => withInput(schema as never), 'SCHEMA_NOT_CONVERTIBLE', 'tool "odd"', text)
  })
  test('an agent is named too', async () => {
    const bad = agent('subject', idle, { input: { type: 'object', default: 1n } as never })
    await expectCode(() => open({ agents: [bad] }), 'SCHEMA_NOT_CONVERTIBLE', /agent "subject", input.*\/default/)
  })
  test('a plain document that is changed later changes nothing', async () => {
    const document = { type: 'object', properties: { n: { type: 'number' } } }
    let shown: unknown
    const model = modelOf(({ tools }) => {
      shown = tools
      return reply('done')
    })
    const odd = tool('odd', () => 1, { input: document })
    const ops = await open({ agents: [agent('subject', undefined, { model, tools: [odd] })] })
    document.type = 'array'
    await (
      await ops.start('subject', 'go')
    ).result
    expect(shown).toMatchObject([{ inputSchema: { type: 'object' } }])
  })
  test.each([
    ['a text', z.string()],
    ['a list', { type: 'array' }],
    ['a number or null', { type: ['number', 'null'] }],
  ])('a tool input that is no object is refused, since models can only send objects: %s', async (_name, schema) => {
    await expectCode(() => withInput(schema), 'OPTIONS_INVALID', 'tool "odd"', /models can only send objects/)
  })
  test.each([
    ['anything', {}],
    ['an object or null', { type: ['object', 'null'] }],
    ['one of several objects', z.union([z.object({ a: z.string() }), z.object({ b: z.string() })])],
  ])('a tool input that may be an object is taken: %s', async (_name, schema) => {
    await withInput(schema)
  })
  test('valibot is told how to bring its document along', async () => {
    const error = await thrownBy(() => withInput(v.object({ a: v.string() }) as never))
    expect(error.message).toMatch(/valibot.*\{ validator, jsonSchema \}/)
  })
  test('valibot with its document is taken', async () => {
    await withInput({ validator: v.object({ a: v.string() }), jsonSchema: { type: 'object' } })
  })
  test.each([
    ['no validator function', { validator: {}, jsonSchema: { type: 'object' } }],
    ['a validator that is a text', { validator: 'zod', jsonSchema: { type: 'object' } }],
    ['no document', { validator: z.string() }],
    ['a document that is a text', { validator: z.string(), jsonSchema: 'x' }],
  ])('half a documented schema is refused at registration: %s', async (_name, schema) => {
    await expectCode(() => withInput(schema as never), 'SCHEMA_NOT_CONVERTIBLE', 'tool "odd"')
  })
  test('a tool output that is a zod transform is refused with tool and side', async () => {
    const output = z.string().transform((text) => text.length) as never
    const odd = tool('odd', () => 'x', { output })
    await expectCode(
      () => open({ agents: [agent('subject', idle, { tools: [odd] })] }),
      'SCHEMA_NOT_CONVERTIBLE',
      /"odd", output/,
    )
  })
  test('an agent output that is a zod date is refused with agent and side', async () => {
    const bad = agent('subject', idle, { output: z.date() as never })
    await expectCode(() => open({ agents: [bad] }), 'SCHEMA_NOT_CONVERTIBLE', /agent "subject", output/)
  })
  test('an agent input that cannot be converted is refused with agent and side', async () => {
    const bad = agent('subject', idle, { input: z.object({ at: z.date() }) as never })
    await expectCode(() => open({ agents: [bad] }), 'SCHEMA_NOT_CONVERTIBLE', /agent "subject", input/)
  })
  test('a registered tool that no agent uses yet is checked all the same', async () => {
    const odd = defineTool({ name: 'odd', description: '', input: z.object({ at: z.date() }), execute: () => 1 }) as Tool
    await expectCode(() => open({ plugins: [odd] }), 'SCHEMA_NOT_CONVERTIBLE', 'tool "odd"')
  })
})

describe('limits', () => {
  const bad = [0, -1, Number.NaN, 'many'] as never[]
  const members = ['steps', 'tokens', 'cost', 'durationMs', 'decisions', 'parallel', 'effects', 'depth', 'payload'] as const
  test.each(
    members.flatMap((member) =>
      bad.filter((value) => value !== 0 || member !== 'depth').map((value) => [member, value] as const),
    ),
  )('limits.%s of %s is refused by name', async (member, value) => {
    const error = await expectCode(
      () => agent('subject', idle, { limits: { [member]: value } }),
      'LIMIT_INVALID',
      member,
      'agent "subject"',
    )
    expect(error.details).toEqual({ member })
  })
  test.each(['steps', 'tokens', 'decisions', 'payload', 'parallel', 'effects', 'depth'])(
    'limits.%s of 0.5 is refused',
    async (member) => {
      await expectCode(() => agent('subject', idle, { limits: { [member]: 0.5 } }), 'LIMIT_INVALID', member, /whole number/)
    },
  )
  test('limits that count may be Infinity, those of time and money need not be whole', () => {
    const limits = { steps: Infinity, tokens: Infinity, decisions: Infinity, payload: Infinity, cost: 0.5, durationMs: 0.5 }
    expect(agent('subject', idle, { limits }).limits).toEqual(limits)
  })
  test.each([
    [{ leaseMs: 100, heartbeatMs: 1000 }, /heartbeatMs \(1000\).*leaseMs \(100\)/],
    [{ leaseMs: 9_000 }, /heartbeatMs \(5000\).*leaseMs \(9000\)/],
    [{ heartbeatMs: 8_000 }, /heartbeatMs \(8000\).*leaseMs \(15000\)/],
  ])('timing %j, under which claims run out between heartbeats, is refused', async (timing, text) => {
    const error = await refusal({ timing })
    expect(error).toMatchObject({ code: 'LIMIT_INVALID', message: expect.stringMatching(text) as string })
  })
  test.each([-1, Number.NaN, 'many'] as never[])('limits.repairs of %s is refused', async (repairs) => {
    await expectCode(() => agent('subject', idle, { limits: { repairs } }), 'LIMIT_INVALID', 'repairs')
  })
  test('limits.depth may be 0: no children at all', () => {
    expect(agent('subject', idle, { limits: { depth: 0 } }).limits.depth).toBe(0)
  })
  test('limits.repairs may be 0', () => {
    expect(agent('subject', idle, { limits: { repairs: 0 } }).limits.repairs).toBe(0)
  })
  test.each([null, 5, 'many'] as never[])('limits of %s are refused', async (limits) => {
    await expectCode(() => agent('subject', idle, { limits }), 'LIMIT_INVALID')
  })
  test('a misspelt limit is named: it must not pass as none', async () => {
    const error = await thrownBy(() => agent('subject', idle, { limits: { token: 5 } as never }))
    expect(['LIMIT_INVALID', 'OPTIONS_INVALID', 'AGENT_INVALID']).toContain(error.code)
    expect(error.message).toMatch('token')
  })
  test.each((['concurrency', 'modelTimeoutMs'] as const).flatMap((member) => bad.map((value) => [member, value] as const)))(
    "an agent's %s of %s is refused",
    async (member, value) => {
      await expectCode(() => agent('subject', idle, { [member]: value }), 'LIMIT_INVALID', member)
    },
  )
  test.each((['attempts', 'baseMs', 'maxMs'] as const).flatMap((member) => bad.map((value) => [member, value] as const)))(
    "an agent's and a tool's retry.%s of %s is refused",
    async (member, value) => {
      await expectCode(() => agent('subject', idle, { retry: { [member]: value } }), 'LIMIT_INVALID', member)
      await expectCode(() => tool('x', () => 1, { retry: { [member]: value } }), 'LIMIT_INVALID', member)
    },
  )
  test.each((['timeoutMs', 'concurrency'] as const).flatMap((member) => bad.map((value) => [member, value] as const)))(
    "a tool's %s of %s is refused",
    async (member, value) => {
      await expectCode(() => tool('x', () => 1, { [member]: value }), 'LIMIT_INVALID', member, 'tool "x"')
    },
  )
  test.each([...bad, 1.5 as never])("the orchestrator's concurrency of %s is refused", async (concurrency) => {
    expect((await refusal({ concurrency })).code).toBe('LIMIT_INVALID')
  })
  test.each(
    (['leaseMs', 'heartbeatMs', 'sweepMs', 'parkMs', 'cancelMs', 'decideMs', 'toolMs', 'modelMs'] as const).flatMap((member) =>
      [-1, Number.NaN, 'many'].map((value) => [member, value as never] as const),
    ),
  )('timing.%s of %s is refused by name', async (member, value) => {
    const error = await refusal({ timing: { [member]: value } })
    expect(error.code).toBe('LIMIT_INVALID')
    expect(error.message).toMatch(member)
  })
  test('a misspelt member of timing is named', async () => {
    expect((await refusal({ timing: { sweep: 5 } as never })).message).toMatch('sweep')
  })
  test.each(bad)('policy.approvalMs of %s is refused', async (approvalMs) => {
    expect((await refusal({ policy: { rules: [], approvalMs } })).message).toMatch('approvalMs')
  })
  test.each([-1, Number.NaN, 'many', undefined] as never[])('a price of %s is refused with its row', async (input) => {
    const error = await refusal({ prices: { 'test/m': { input, output: 1 } } })
    expect(['LIMIT_INVALID', 'OPTIONS_INVALID']).toContain(error.code)
    expect(error.message).toMatch('test/m')
  })
  test.each([['x'], [[]], [[5]], [['']], [null]] as never[][])('queues of %j are refused', async (queues) => {
    expect((await refusal({ queues: queues as never })).code).toBe('OPTIONS_INVALID')
  })
  test.each(bad)("the store's and the scheduler's capacity of %s is refused", async (capacity) => {
    await expectCode(() => memoryStore({ capacity }), 'LIMIT_INVALID', 'capacity')
    await expectCode(() => fastqScheduler({ capacity }), 'LIMIT_INVALID', 'capacity')
  })
  test.each([
    ['limits', { limits: { steps: -1 } }],
    ['concurrency', { concurrency: Number.NaN }],
    ['modelTimeoutMs', { modelTimeoutMs: 'x' }],
    ['retry', { retry: { attempts: 0 } }],
  ])('an agent written as plain data is checked like one that was defined: %s', async (name, more) => {
    const error = await refusal({ agents: [{ ...subject, ...more } as never] })
    expect(error.code).toBe('LIMIT_INVALID')
    expect(error.message).toMatch(name === 'limits' ? 'steps' : name === 'retry' ? 'attempts' : name)
  })
  test.each([
    ['timeoutMs', { timeoutMs: Number.NaN }],
    ['concurrency', { concurrency: 0 }],
    ['attempts', { retry: { attempts: -1 } }],
  ])('a tool written as plain data is checked like one that was defined: %s', async (name, more) => {
    const error = await refusal({ plugins: [{ ...x, ...more } as never] })
    expect(error.code).toBe('LIMIT_INVALID')
    expect(error.message).toMatch(name)
  })
})

describe('names', () => {
  const names = ['', ' ', 'a b', '__proto__', 'ü', 'a'.repeat(65), '.hidden', 5, null, undefined, {}] as never[]
  test.each(names)('the agent name %j is refused', async (name) => {
    await expectCode(() => defineAgent({ name }), 'NAME_INVALID', 'agent name')
  })
  test.each(names)('the tool name %j is refused', async (name) => {
    await expectCode(() => defineTool({ name, description: '', input: {}, execute: () => 1 }), 'NAME_INVALID', 'tool name')
  })
  test('a name that cannot be shown is refused all the same', async () => {
    await expectCode(() => defineAgent({ name: 10n as never }), 'NAME_INVALID')
  })
  test('the model name __proto__ is refused', async () => {
    await expectCode(() => agent('subject', idle, { models: hostile(modelOf(() => reply('x'))) }), 'NAME_INVALID', '__proto__')
  })
  test.each([
    ['__proto__', '__proto__'],
    ['two words', 'a b'],
    ['300 letters', 'a'.repeat(300)],
  ])('an agent written as plain data with a wrong name is refused: %s', async (_name, name) => {
    expect((await refusal({ agents: [{ ...subject, name }] })).code).toBe('NAME_INVALID')
  })
  test.each(['__proto__', 'a b'])('a tool written as plain data with the name %j is refused', async (name) => {
    expect((await refusal({ plugins: [{ ...x, name }] })).code).toBe('NAME_INVALID')
  })
  test.each(['constructor', 'toString', 'hasOwnProperty', 'valueOf'])('%s is a name like any other', async (name) => {
    const one = agent(name, once(callTool('a', name)), { tools: [tool(name, () => name)] })
    const ops = await open({ agents: [one] })
    const run = await ops.start(name, 'go')
    expect(await run.result).toEqual({ status: 'completed', output: 'done' })
  })
})

describe('agents and tools with wrong members', () => {
  test.each([
    ['tools: text', { tools: 'search' }],
    ['tools: object', { tools: {} }],
    ['tools: [null]', { tools: [null] }],
    ['agents: [null]', { agents: [null] }],
    ['agents: [5]', { agents: [5] }],
    ['agents: text', { agents: 'other' }],
    ['memory: 5', { memory: 5 }],
    ['memory: [null]', { memory: [null] }],
    ['models: text', { models: 'gpt' }],
    ['retry: null', { retry: null }],
    ['instructions: 5', { instructions: 5 }],
  ])('defineAgent or its registration refuses %s with a code', async (_name, more) => {
    const error = await thrownBy(() => open({ agents: [agent('subject', idle, more as never)] }))
    expect(error.message).toMatch('subject')
  })
  test('an option of defineAgent that does not exist is named', async () => {
    expect((await thrownBy(() => agent('subject', idle, { tool: [x] } as never))).message).toMatch(/"tool"/)
  })
  test('an option of defineTool that does not exist is named', async () => {
    expect((await thrownBy(() => tool('x', () => 1, { timeout: 5 }))).message).toMatch(/"timeout"/)
  })
  test.each([
    ['attemps', { retry: { attemps: 2 } }],
    ['backoff', { retry: { backoff: 2 } }],
  ])('a member of retry that does not exist is named: %s', async (name, more) => {
    expect((await thrownBy(() => tool('x', () => 1, more))).message).toMatch(name)
    expect((await thrownBy(() => agent('subject', idle, more as never))).message).toMatch(name)
  })
  test.each([null, undefined, 'x'] as never[])('defineAgent(%j) is refused with a code', async (options) => {
    await thrownBy(() => defineAgent(options))
  })
  test.each([null, undefined, 'x'] as never[])('defineTool(%j) is refused with a code', async (options) => {
    await thrownBy(() => defineTool(options))
  })
  test('an agent written as plain data without lists is refused with a code, or works', async () => {
    const bare = { spec: 'agent/1', name: 'bare', planner: plan(() => ({ type: 'finish', output: 1 })) } as never
    const made = open({ agents: [bare] })
    const ops = await made.catch((error: unknown) => error)
    if (ops instanceof Error) {
      await expectCode(() => Promise.reject(ops), 'AGENT_INVALID', 'bare')
      return
    }
    const run = await (await made).start('bare', 'go')
    expect(await run.result).toEqual({ status: 'completed', output: 1 })
  })
  test.each([
    ['missing', undefined],
    ['misspelt', 'Pure'],
  ])('a tool written as plain data whose effect is %s is refused or counts as unsafe (S5)', async (_name, effect) => {
    let calls = 0
    const fail = (): never => {
      calls += 1
      throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
    }
    const loose = { spec: 'tool/1', name: 'x', description: 'x', input: { type: 'object' }, effect, execute: fail } as never
    const ops = await open({ agents: [agent('subject', idle, { tools: [loose] })], random: () => 0 }).catch(() => undefined)
    if (ops === undefined) return
    await (
      await ops.start('subject', 'go')
    ).result
    expect(calls).toBe(1)
  })
  test.each([
    ['a label', { labels: ['secret'] }],
    ['an effect', { effect: 'sometimes' }],
    ['execute', { execute: 'x' }],
    ['a description', { description: 5 }],
  ])('defineTool refuses a wrong member: %s', async (_name, more) => {
    await expectCode(() => tool('x', () => 1, more), 'OPTIONS_INVALID', 'tool "x"')
  })
  test.each([
    ['a string', 'gpt-5'],
    ['a V3 model', { specificationVersion: 'v3', provider: 'p', modelId: 'm', doGenerate() {}, doStream() {} }],
    ['null', null],
    ['an empty object', {}],
    ['a V4 model that cannot stream', { specificationVersion: 'v4', provider: 'p', modelId: 'm', doGenerate() {} }],
  ])('a model that is none is refused with the agent: %s', async (_name, model) => {
    await expectCode(() => agent('subject', toolsPlanner(), { model: model as never }), 'MODEL_UNSUPPORTED', 'agent "subject"')
  })
  test('a model inside an agent written as plain data is checked too', async () => {
    const bad = { ...agent('subject', toolsPlanner(), { model: modelOf(() => reply('x')) }), models: { default: 'gpt-5' } }
    expect((await refusal({ agents: [bad as never] })).code).toBe('MODEL_UNSUPPORTED')
  })
  test('model and models.default together are refused', async () => {
    const model = modelOf(() => reply('x'))
    await expectCode(() => agent('subject', idle, { model, models: { default: model } }), 'AGENT_INVALID', 'subject')
  })
})

describe('policies', () => {
  test.each([
    ['a verdict', { verdict: 'maybe' }],
    ['no verdict', { tool: 'x' }],
    ['a member', { verdict: 'deny', tols: 'x' }],
    ['a condition', { verdict: 'deny', arguments: { '/a': { equal: 1 } } }],
    ['a pointer', { verdict: 'deny', arguments: { a: { equals: 1 } } }],
    ['null', null],
    ['a text', 'deny'],
    ['null as condition', { verdict: 'deny', arguments: { '/a': null } }],
    ['a number as pattern', { verdict: 'deny', tool: 5 }],
    ['a number as matches', { verdict: 'deny', arguments: { '/a': { matches: 5 } } }],
    ['a text as bound', { verdict: 'deny', arguments: { '/a': { above: '5' } } }],
    ['no list as oneOf', { verdict: 'deny', arguments: { '/a': { oneOf: 'abc' } } }],
  ])('a wrong rule never passes as none: %s', async (_name, rule) => {
    expect((await refusal({ policy: { rules: [rule as never] } })).code).toBe('OPTIONS_INVALID')
  })
  test('a rule that an extension adds is checked too', async () => {
    const extension = defineExtension({ name: 'e', setup: (host) => host.addRule({ verdict: 'maybe' as never }) })
    expect((await refusal({ plugins: [extension] })).code).toBe('OPTIONS_INVALID')
  })
  test.each([
    ['rules that are no list', { rules: 'deny' }],
    ['a misspelt member', { rules: [], rule: [{ verdict: 'deny' }] }],
    ['another verdict otherwise', { rules: [], otherwise: 'maybe' }],
  ])('a wrong policy is refused: %s', async (_name, policy) => {
    expect((await refusal({ policy: policy as never })).code).toBe('OPTIONS_INVALID')
  })
  test('a __proto__ pointer looks only at own members', async () => {
    const ops = await open({
      policy: {
        rules: [{ verdict: 'deny', arguments: { '/__proto__/toString': { exists: true }, '/constructor': { exists: true } } }],
      },
      agents: [agent('subject', once(callTool('a', 'x', { a: 1 })), { tools: [x] })],
    })
    const run = await ops.start('subject', 'go')
    expect(await run.result).toEqual({ status: 'completed', output: 'done' })
  })
})

describe('what was set up is undone when the rest is refused', () => {
  function watched(): { extension: Plugin; disposed: () => number } {
    let disposed = 0
    const extension = defineExtension({ name: 'e', setup: () => () => void (disposed += 1) })
    return { extension, disposed: () => disposed }
  }
  test('after an unknown tool', async () => {
    const { extension, disposed } = watched()
    await refusal({ plugins: [extension], agents: [agent('subject', idle, { tools: ['none'] })] })
    expect(disposed()).toBe(1)
  })
  test('after a missing price', async () => {
    const { extension, disposed } = watched()
    const costly = agent('subject', toolsPlanner(), { model: modelOf(() => reply('x')), limits: { cost: 1 } })
    expect((await refusal({ plugins: [extension], agents: [costly] })).code).toBe('BUDGET_PRICE_UNKNOWN')
    expect(disposed()).toBe(1)
  })
  test('after an announcement that throws', async () => {
    const { extension, disposed } = watched()
    const { createOrchestrator } = await import('../../src/index.ts')
    const made = createOrchestrator({
      plugins: [extension],
      announce() {
        throw new Error('stderr is gone')
      },
    })
    const ops = await made.catch(() => undefined)
    await ops?.[Symbol.asyncDispose]()
    expect(disposed()).toBe(1)
  })
  test('an extension that throws is named, and those before it are undone', async () => {
    const { extension, disposed } = watched()
    const broken = defineExtension({
      name: 'broken',
      setup() {
        throw new Error('no network')
      },
    })
    const error = await refusal({ plugins: [extension, broken] })
    expect(error.message).toMatch(/broken.*no network/)
    expect(disposed()).toBe(1)
  })
  test('an extension that throws undefined is reported all the same', async () => {
    const broken = defineExtension({ name: 'broken', setup: () => Promise.reject(undefined) as never })
    expect((await refusal({ plugins: [broken] })).message).toMatch('broken')
  })
  test('disposers that throw are reported together, and all are called', async () => {
    const { extension, disposed } = watched()
    const bad = (name: string): Plugin =>
      defineExtension({
        name,
        setup: () => () => {
          throw new Error(`${name} is stuck`)
        },
      })
    const { createOrchestrator } = await import('../../src/index.ts')
    const ops = await createOrchestrator({ announce: false, plugins: [extension, bad('one'), bad('two')] })
    const error = await thrownBy(() => ops[Symbol.asyncDispose]())
    expect(error.message).toMatch(/two is stuck.*one is stuck/)
    expect(disposed()).toBe(1)
  })
})

test('a scheduler that lacks a member is refused before anything runs', async () => {
  const half = { spec: 'scheduler/1', name: 'half', publish() {} } as never as Scheduler
  expect((await refusal({ scheduler: half })).message).toMatch(/"half".*consume/)
})
