import { describe, expect, test } from 'vitest'
import {
  type Agent,
  type AgentOptions,
  type ErrorCode,
  jsonSchema,
  type Memory,
  type Model,
  OpspawnError,
  type Planner,
  type Plugin,
  type Tool,
  type ToolOptions,
} from '../core/index.ts'
import { requireAgent } from './checks/agent.ts'
import { requireModel } from './checks/model.ts'
import { requirePlugin, SPECS } from './checks/plugin.ts'
import { requireRetry } from './checks/retry.ts'
import { requireTool } from './checks/tool.ts'
import { defineAgent, defineExtension, definePlugin, defineTool } from './define.ts'

function expectRefusal(body: () => unknown, code: ErrorCode, message: string | RegExp): void {
  expect(body).toThrow(OpspawnError)
  expect(body).toThrow(expect.objectContaining({ code }))
  expect(body).toThrow(message)
}

const model = (modelId = 'm'): Model => ({
  specificationVersion: 'v4',
  provider: 'test',
  modelId,
  doGenerate: () => Promise.reject(new Error('not called')),
  doStream: () => Promise.reject(new Error('not called')),
})
const planner: Planner = { spec: 'planner/1', name: 'p', decide: () => ({ type: 'idle' }) }
const memory = {
  spec: 'memory/1',
  name: 'notes',
  capabilities: {},
  bind: no,
  maintain: no,
  stats: no,
  export: no,
  import: no,
} as unknown as Memory
function no(): never {
  throw new Error('not called')
}

describe('defineTool', () => {
  const options: ToolOptions<ReturnType<typeof jsonSchema<{ q: string }>>, string> = {
    name: 'search',
    description: 'Searches.',
    input: jsonSchema<{ q: string }>({ type: 'object' }),
    execute: ({ q }) => q,
  }
  test('adds its spec and takes the worst of a tool that says nothing of its effect', () => {
    expect(defineTool(options)).toEqual({ ...options, spec: 'tool/1', effect: 'unsafe' })
  })
  test('keeps every member', () => {
    const full = {
      ...options,
      output: jsonSchema<string>({ type: 'string' }),
      effect: 'transactional',
      labels: ['private', 'untrusted', 'outbound'],
      approval: true,
      timeoutMs: 10,
      concurrency: 2,
      retry: { attempts: 1, baseMs: 5, maxMs: 5 },
      verify: () => ({ happened: false }) as const,
    } as const
    expect(defineTool(full)).toEqual({ ...full, spec: 'tool/1' })
  })
  test('takes a member that is undefined like one that is not there', () => {
    const nothing = { models: undefined, agents: undefined, memory: undefined, tools: undefined, limits: undefined }
    const agent = defineAgent({
      name: 'a',
      ...nothing,
      model: undefined,
      delegates: undefined,
      input: undefined,
      retry: undefined,
    })
    expect(agent).toEqual(defineAgent({ name: 'a' }))
  })
  test('can be made from another by spreading', () => {
    expect(defineTool({ ...defineTool(options), name: 'other' })).toMatchObject({ name: 'other', spec: 'tool/1' })
  })
  test('does not change what it was given', () => {
    const frozen = Object.freeze({ ...options })
    expect(defineTool(frozen)).not.toBe(frozen)
  })
  test('lets its body see itself', async () => {
    const tool = defineTool({
      ...options,
      execute() {
        return (this as unknown as Tool).name
      },
    })
    expect(await tool.execute({ q: '' }, undefined as never)).toBe('search')
  })
  test.each<[string, object, ErrorCode, RegExp]>([
    ['an unknown effect', { effect: 'safe' }, 'OPTIONS_INVALID', /^tool "search": effect "safe" is none of pure, idempotent/],
    ['an effect that is no text', { effect: 5 }, 'OPTIONS_INVALID', /effect must be a text, not 5/],
    ['an unknown label', { labels: ['private', 'secret'] }, 'OPTIONS_INVALID', /label "secret" is none of private, untrusted/],
    ['labels that are no list', { labels: 'private' }, 'OPTIONS_INVALID', /labels must be a list/],
    ['a name that is none', { name: 'a b' }, 'NAME_INVALID', /tool name "a b"/],
    ['no description', { description: undefined }, 'OPTIONS_INVALID', /description must be a text/],
    ['no body', { execute: undefined }, 'OPTIONS_INVALID', /execute must be a function/],
    ['a time of zero', { timeoutMs: 0 }, 'LIMIT_INVALID', /timeoutMs must be a number above 0/],
    ['half a place', { concurrency: 0.5 }, 'LIMIT_INVALID', /concurrency must be a whole number/],
    ['a member that does not exist', { timeout: 5 }, 'OPTIONS_INVALID', /tool "search" has no member "timeout"/],
    ['a retry with a member that does not exist', { retry: { times: 2 } }, 'OPTIONS_INVALID', /retry has no member "times"/],
    ['a verify that is no function', { verify: true }, 'OPTIONS_INVALID', /verify must be a function/],
  ])('refuses %s', (_name, wrong, code, message) => {
    expectRefusal(() => defineTool({ ...options, ...wrong } as never), code, message)
  })
  test('requireTool lets members of other packages pass', () => {
    expect(() => requireTool({ ...defineTool(options), 'vendor.note': 1 } as never)).not.toThrow()
    expectRefusal(() => requireTool({ ...defineTool(options), effect: 'safe' } as never), 'OPTIONS_INVALID', 'effect')
  })
  test('requireRetry takes none, and what is right', () => {
    requireRetry('here', undefined)
    requireRetry('here', { attempts: 3, baseMs: 1, maxMs: Number.POSITIVE_INFINITY })
    expectRefusal(() => requireRetry('here', { attempts: 0 }), 'LIMIT_INVALID', /^here, retry: attempts/)
    expectRefusal(() => requireRetry('here', null as never), 'OPTIONS_INVALID', /^here, retry must be an object/)
  })
})

describe('defineAgent', () => {
  test('of a name alone has nothing', () => {
    expect(defineAgent({ name: 'a' })).toEqual({
      spec: 'agent/1',
      name: 'a',
      models: {},
      tools: [],
      delegates: [],
      memories: [],
      limits: {},
    })
  })
  test('calls its only model default', () => {
    const [first, second] = [model('1'), model('2')]
    expect(defineAgent({ name: 'a', model: first }).models).toEqual({ default: first })
    expect(defineAgent({ name: 'a', model: first, models: { fast: second } }).models).toEqual({ fast: second, default: first })
    expect(defineAgent({ name: 'a', models: { default: second } }).models).toEqual({ default: second })
    expectRefusal(
      () => defineAgent({ name: 'a', model: first, models: { default: second } }),
      'AGENT_INVALID',
      /agent "a" has both model and models\.default/,
    )
  })
  test('has one memory or several', () => {
    expect(defineAgent({ name: 'a', memory }).memories).toEqual([memory])
    expect(defineAgent({ name: 'a', memory: 'notes' }).memories).toEqual(['notes'])
    expect(defineAgent({ name: 'a', memory: [memory, 'facts'] }).memories).toEqual([memory, 'facts'])
    expect(defineAgent({ name: 'a', memories: ['facts'] }).memories).toEqual(['facts'])
  })
  test('calls other agents by value, by name or with details', () => {
    const other = defineAgent({ name: 'other' })
    const details = { agent: 'third', handoff: true, description: 'Takes over.' }
    expect(defineAgent({ name: 'a', delegates: [{ agent: 'zero' }], agents: [other, 'second', details] }).delegates).toEqual([
      { agent: 'zero' },
      { agent: 'other' },
      { agent: 'second' },
      details,
    ])
  })
  test('can be made from another by spreading', () => {
    const first = defineAgent({ name: 'a', model: model(), memory, agents: ['b'], limits: { steps: 2 }, planner })
    expect(defineAgent({ ...first, name: 'c' } as AgentOptions)).toEqual({ ...first, name: 'c' })
  })
  test('shares no list with what it was given', () => {
    const agents: string[] = ['b']
    const models: Record<string, Model> = {}
    const agent = defineAgent({ name: 'a', agents, models })
    agents.push('c')
    models['late'] = model()
    expect(agent).toMatchObject({ delegates: [{ agent: 'b' }], models: {} })
  })
  test.each<[string, object, ErrorCode, RegExp]>([
    ['a name that is none', { name: '' }, 'NAME_INVALID', /agent name ""/],
    ['a member that does not exist', { prompt: 'x' }, 'AGENT_INVALID', /agent "a" has no member "prompt"/],
    ['instructions that are no text', { instructions: 5 }, 'AGENT_INVALID', /instructions must be a text, not 5/],
    ['a limit that does not exist', { limits: { step: 5 } }, 'LIMIT_INVALID', /agent "a", limits has no member "step"/],
    ['limits that are none', { limits: null }, 'LIMIT_INVALID', /limits must be an object, not null/],
    ['tools that are no list', { tools: {} }, 'AGENT_INVALID', /tools must be a list/],
    ['a tool that is none', { tools: [5] }, 'AGENT_INVALID', /lists 5, which is neither a part nor the name of one/],
    ['a tool that is null', { tools: [null] }, 'AGENT_INVALID', /lists null/],
    ['a tool without a name', { tools: [{}] }, 'AGENT_INVALID', /lists an object/],
    ['a tool twice', { tools: ['x', 'x'] }, 'NAME_DUPLICATE', /lists "x" twice/],
    ['a tool and a memory of one name', { tools: ['x'], memory: 'x' }, 'NAME_DUPLICATE', /lists "x" twice/],
    ['a delegate without an agent', { agents: [{ handoff: true }] }, 'AGENT_INVALID', /agents: agent must be a text/],
    ['a delegate that is null', { agents: [null] }, 'AGENT_INVALID', /agents must be an object, not null/],
    ['a misspelt handoff', { agents: [{ agent: 'b', hand_off: true }] }, 'AGENT_INVALID', /no member "hand_off"/],
    ['half a run at once', { concurrency: 0.5 }, 'LIMIT_INVALID', /concurrency must be a whole number/],
    ['a retry that is none', { retry: 5 }, 'OPTIONS_INVALID', /retry must be an object, not 5/],
    ['a model under a name that is none', { models: { 'a b': model() } }, 'NAME_INVALID', /model name "a b"/],
    ['a model by name', { model: 'gpt-5' }, 'MODEL_UNSUPPORTED', /the string "gpt-5"; there is no default gateway/],
  ])('refuses %s', (_name, wrong, code, message) => {
    expectRefusal(() => defineAgent({ name: 'a', ...wrong } as AgentOptions), code, message)
  })
  test('requireAgent wants what defineAgent adds', () => {
    const agent = defineAgent({ name: 'a' })
    expect(() => requireAgent(agent as Agent)).not.toThrow()
    const { delegates: _delegates, ...without } = agent
    expectRefusal(() => requireAgent(without as never), 'AGENT_INVALID', /delegates must be a list, not undefined/)
  })
})

describe('requireModel', () => {
  test('takes objects and functions of version 4', () => {
    expect(() => requireModel('here', model())).not.toThrow()
    expect(() =>
      requireModel(
        'here',
        Object.assign(() => {}, model()),
      ),
    ).not.toThrow()
  })
  test.each<[string, unknown, RegExp]>([
    ['undefined', undefined, /found specification version none/],
    ['null', null, /found specification version none/],
    ['a version 2', { ...model(), specificationVersion: 'v2' }, /found specification version "v2"; lift V2 and V3/],
    ['no doStream', { ...model(), doStream: undefined }, /specification version "v4"/],
    ['a text', 'openai/gpt', /the string "openai\/gpt"/],
  ])('refuses %s', (_name, value, message) => {
    expectRefusal(() => requireModel('here', value), 'MODEL_UNSUPPORTED', message)
  })
})

describe('defineExtension', () => {
  test('adds its spec', () => {
    const setup = (): void => {}
    expect(defineExtension({ name: 'audit', requires: ['base'], setup })).toEqual({
      spec: 'extension/1',
      name: 'audit',
      requires: ['base'],
      setup,
    })
  })
  test.each<[string, object, RegExp]>([
    ['no name', { setup: no }, /an extension needs a name/],
    ['an empty name', { name: '', setup: no }, /an extension needs a name/],
    ['no setup', { name: 'audit' }, /extension "audit" has no setup function/],
  ])('refuses %s', (_name, wrong, message) => {
    expectRefusal(() => defineExtension(wrong as never), 'PLUGIN_INVALID', message)
  })
})

describe('definePlugin', () => {
  /** For every contract: what one needs besides spec and name. */
  const members: Readonly<Record<(typeof SPECS)[number], readonly string[]>> = {
    'tool/1': ['execute'],
    'agent/1': [],
    'planner/1': ['decide'],
    'memory/1': ['bind', 'maintain', 'stats', 'export', 'import'],
    'scheduler/1': ['publish', 'consume', 'depth', 'drain'],
    'store/1': ['create', 'claim', 'heartbeat', 'append', 'release', 'sweep', 'signal', 'read', 'list'],
    'extension/1': ['setup'],
  }
  const make = (spec: (typeof SPECS)[number], without?: string): Plugin =>
    Object.fromEntries([
      ['spec', spec],
      ['name', 'mine'],
      ...members[spec].filter((name) => name !== without).map((name) => [name, no]),
    ]) as unknown as Plugin

  test('knows these contracts', () => {
    expect([...SPECS].toSorted()).toEqual(Object.keys(members).toSorted())
  })
  test.each(SPECS)('gives back a %s that is whole', (spec) => {
    const plugin = make(spec)
    expect(definePlugin(plugin)).toBe(plugin)
  })
  test.each(SPECS.flatMap((spec) => members[spec].map((member) => [spec, member] as const)))(
    'refuses a %s without %s',
    (spec, member) => {
      expectRefusal(() => definePlugin(make(spec, member)), 'PLUGIN_INVALID', `plugin "mine" (${spec}) has no ${member} function`)
    },
  )
  test('takes members from a class', () => {
    class Mine implements Planner {
      readonly spec = 'planner/1'
      readonly name = 'mine'
      decide(): { type: 'idle' } {
        return { type: 'idle' }
      }
    }
    expect(definePlugin(new Mine())).toBeInstanceOf(Mine)
  })
  test.each<[string, unknown, ErrorCode, RegExp]>([
    ['null', null, 'PLUGIN_INVALID', /found null/],
    ['a text', 'x', 'PLUGIN_INVALID', /found string/],
    ['a factory', () => planner, 'PLUGIN_INVALID', /found function; did you forget to call the factory\?/],
    ['no spec', { name: 'x' }, 'PLUGIN_INVALID', /an object with a spec, found object/],
    ['no name', { spec: 'planner/1', decide: no }, 'PLUGIN_INVALID', /a plugin of spec planner\/1 has no name/],
    ['an empty name', { spec: 'planner/1', name: '', decide: no }, 'PLUGIN_INVALID', /has no name/],
    ['a newer spec', { spec: 'planner/2', name: 'x' }, 'PLUGIN_SPEC_UNSUPPORTED', /plugin "x" speaks planner\/2; this version/],
    ['a spec of Object', { spec: 'toString', name: 'x' }, 'PLUGIN_SPEC_UNSUPPORTED', /speaks toString/],
  ])('refuses %s', (_name, value, code, message) => {
    expectRefusal(() => requirePlugin(value), code, message)
  })
})
