import { expect, test } from 'vitest'
import {
  defineAgent,
  defineExtension,
  definePlugin,
  defineTool,
  jsonSchema,
  type Memory,
  type Model,
  type Planner,
} from './index.ts'

// Core makes; whoever registers checks. What is refused stands in the orchestrator's define.test.ts.

const model = { specificationVersion: 'v4', provider: 'p', modelId: 'm' } as Model
const memory = { spec: 'memory/1', name: 'notes' } as Memory

test('jsonSchema gives the document as it is', () => {
  const document = { type: 'object' }
  expect(jsonSchema<{ a: 1 }>(document)).toBe(document)
})

test('defineTool adds the spec, and the worst class of effects where none is given', () => {
  const options = { name: 'a', description: 'A.', input: jsonSchema<string>({}), execute: (text: string) => text }
  expect(defineTool(options)).toEqual({ ...options, spec: 'tool/1', effect: 'unsafe' })
  expect(defineTool({ ...options, effect: 'pure' })).toEqual({ ...options, spec: 'tool/1', effect: 'pure' })
  expect(options).not.toHaveProperty('spec')
})

test('defineAgent fills in what is not given', () => {
  const bare = { spec: 'agent/1', name: 'a', models: {}, tools: [], delegates: [], memories: [], limits: {} }
  expect(defineAgent({ name: 'a' })).toEqual(bare)
  expect(defineAgent({ name: 'a', instructions: 'be brief', limits: { steps: 2 } })).toEqual({
    ...bare,
    instructions: 'be brief',
    limits: { steps: 2 },
  })
})

test('defineAgent reads the short forms', () => {
  const other = defineAgent({ name: 'other' })
  const details = { agent: 'third', handoff: true }
  const agent = defineAgent({ name: 'a', model, models: { fast: model }, memory, agents: [other, 'second', details] })
  expect(agent.models).toEqual({ fast: model, default: model })
  expect(agent.memories).toEqual([memory])
  expect(agent.delegates).toEqual([{ agent: 'other' }, { agent: 'second' }, details])
  expect(agent).not.toHaveProperty('model')
  expect(agent).not.toHaveProperty('agents')
  expect(agent).not.toHaveProperty('memory')
  expect(defineAgent({ name: 'a', memory: 'notes' }).memories).toEqual(['notes'])
  expect(defineAgent({ name: 'a', memory: ['notes', memory] }).memories).toEqual(['notes', memory])
})

test('defineExtension adds the spec, definePlugin nothing', () => {
  const setup = (): void => {}
  expect(defineExtension({ name: 'audit', setup })).toEqual({ spec: 'extension/1', name: 'audit', setup })
  const planner: Planner = { spec: 'planner/1', name: 'p', decide: () => ({ type: 'idle' }) }
  expect(definePlugin(planner)).toBe(planner)
})
