import { describe, expect, test } from 'vitest'
import { defineAgent, defineExtension, defineTool, type ErrorCode } from '../../../src/index.ts'
import { toolsPlanner } from '../../../src/plugins/planner-tools/index.ts'
import { agent, callTool, expectCode, guardFile, hostile, modelOf, once, open, plan, refusal, reply, tool } from '../harness.ts'

guardFile()

const idle = once(callTool('a', 'x'))
const x = tool('x', () => 1)
const subject = agent('subject', idle, { tools: [x] })

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
  test.each<[string, object, ErrorCode?]>([
    ['tools: text', { tools: 'search' }],
    ['tools: object', { tools: {} }],
    ['tools: [null]', { tools: [null] }],
    ['agents: [null]', { agents: [null] }],
    ['agents: [5]', { agents: [5] }],
    ['agents: text', { agents: 'other' }],
    ['memory: 5', { memory: 5 }],
    ['memory: [null]', { memory: [null] }],
    ['models: text', { models: 'gpt' }],
    ['retry: null', { retry: null }, 'OPTIONS_INVALID'],
    ['instructions: 5', { instructions: 5 }],
  ])('defineAgent or its registration refuses %s with a code', async (_name, more, code = 'AGENT_INVALID') => {
    await expectCode(() => open({ agents: [agent('subject', idle, more as never)] }), code, 'subject')
  })
  test('an option of defineAgent that does not exist is named', async () => {
    await expectCode(() => agent('subject', idle, { tool: [x] } as never), 'AGENT_INVALID', /"tool".*tools/)
  })
  test('an option of defineTool that does not exist is named', async () => {
    await expectCode(() => tool('x', () => 1, { timeout: 5 }), 'OPTIONS_INVALID', /"timeout".*timeoutMs/)
  })
  test.each([
    ['attemps', { retry: { attemps: 2 } }],
    ['backoff', { retry: { backoff: 2 } }],
  ])('a member of retry that does not exist is named: %s', async (name, more) => {
    await expectCode(() => tool('x', () => 1, more), 'OPTIONS_INVALID', name)
    await expectCode(() => agent('subject', idle, more as never), 'OPTIONS_INVALID', name)
  })
  test.each([null, undefined, 'x'] as never[])('defineAgent(%j) is refused with a code', async (options) => {
    await expectCode(() => defineAgent(options), 'AGENT_INVALID', 'defineAgent must be an object')
  })
  test.each([null, undefined, 'x'] as never[])('defineTool(%j) is refused with a code', async (options) => {
    await expectCode(() => defineTool(options), 'OPTIONS_INVALID', 'defineTool must be an object')
  })
  test('an agent written as plain data without what defineAgent adds is refused with the missing member', async () => {
    const bare = { spec: 'agent/1', name: 'bare', planner: plan(() => ({ type: 'finish', output: 1 })) } as never
    await expectCode(() => open({ agents: [bare] }), 'AGENT_INVALID', /"bare": models/)
  })
  test.each([
    ['missing', undefined, 'must be a text'],
    ['misspelt', 'Pure', /"Pure" is none of pure,/],
  ])(
    'a tool written as plain data whose effect is %s is refused: it must not pass as repeatable (S5)',
    async (_name, effect, text) => {
      const loose = { spec: 'tool/1', name: 'x', description: 'x', input: { type: 'object' }, effect, execute: () => 1 } as never
      await expectCode(() => open({ agents: [agent('subject', idle, { tools: [loose] })] }), 'OPTIONS_INVALID', 'tool "x"', text)
    },
  )
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
