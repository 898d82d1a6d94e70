import { describe, expect, test } from 'vitest'
import {
  type Agent,
  defineAgent,
  defineExtension,
  definePlugin,
  type Memory,
  type Plugin,
  type Scheduler,
  type Store,
} from '../../../src/index.ts'
import { createOrchestrator as createBare } from '../../../src/orchestrator/index.ts'
import { fastqScheduler } from '../../../src/plugins/scheduler-fastq/index.ts'
import { inProcessMemory } from '../../../src/plugins/memory-in-process/index.ts'
import { memoryStore } from '../../../src/plugins/store-memory/index.ts'
import { agent, callTool, expectCode, guardFile, modelOf, once, open, plan, refusal, reply, thrownBy, tool } from '../harness.ts'
import { sharedStore } from '../support/wrappers.ts'

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
    ['memory', inProcessMemory(), inProcessMemory()],
    ['planner', plan(() => ({ type: 'idle' })), plan(() => ({ type: 'idle' }))],
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
  test('two default planners of different names are refused with both names', async () => {
    const planners = ['careful', 'hasty'].map((name) => plan(() => ({ type: 'idle' }), { name }))
    const error = await refusal({ plugins: planners })
    expect(error.code).toBe('NAME_DUPLICATE')
    expect(error.message).toMatch(/"careful" and "hasty"/)
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
  test('a planner in the list of plugins is the default planner', async () => {
    let asked = 0
    const mine = plan(() => {
      asked += 1
      return { type: 'finish', output: 'mine' }
    })
    const ops = await open({
      plugins: [mine],
      agents: [agent('subject', undefined, { model: modelOf(() => reply('not mine')) })],
    })
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
  const foreign = [
    'tool/2',
    'planner/9',
    'store/0',
    'memory/2',
    'scheduler/2',
    'extension/2',
    'agent/2',
    '__proto__',
    'toString',
    '',
  ]
  test.each(foreign)('spec %j is refused', async (spec) => {
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
    ['a planner of a future spec', { spec: 'planner/2', name: 'p', decide() {} }, 'PLUGIN_SPEC_UNSUPPORTED', 'planner/2'],
    ['a planner without decide', { spec: 'planner/1', name: 'p' }, 'PLUGIN_INVALID', 'decide'],
    ['a string as planner', 'react', 'AGENT_INVALID', '"react"'],
  ] as const)('%s inside an agent is refused at registration', async (_name, planner, code, text) => {
    const made = (): Agent => defineAgent({ name: 'subject', planner: planner as never }) as Agent
    await expectCode(() => open({ agents: [made()] }), code, text)
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
    const { createOrchestrator } = await import('../../../src/index.ts')
    await expectCode(() => createOrchestrator(options as never), 'OPTIONS_INVALID')
  })
  test.each([{}, { now: () => 0 }, { now: 5, setTimer() {} }])('a clock of %j is refused before anything runs', async (clock) => {
    const error = await refusal({ clock: clock as never })
    expect(error).toMatchObject({ code: 'OPTIONS_INVALID', message: expect.stringMatching(/clock.*(now|setTimer)/) })
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

test('a scheduler that lacks a member is refused before anything runs', async () => {
  const half = { spec: 'scheduler/1', name: 'half', publish() {} } as never as Scheduler
  expect((await refusal({ scheduler: half })).message).toMatch(/"half".*consume/)
})
