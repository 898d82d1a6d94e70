import { describe, expect, test } from 'vitest'
import { callEffect, type OfferedTool, offeredTool, parseArguments, type RunView } from './index.ts'
import { expert, search } from '../../test/fixtures/offered-tools.ts'

describe('parseArguments', () => {
  test.each<[string, object]>([
    ['', {}],
    [' \n', {}],
    ['{}', {}],
    [' {"a": [1, null, {"b": "c"}]} ', { a: [1, null, { b: 'c' }] }],
    [`{"long":"${'x'.repeat(500)}"}`, { long: 'x'.repeat(500) }],
    ['{"a":"\\u00e9"}', { a: 'é' }],
    ['{"a":1,"a":2}', { a: 2 }],
  ])('reads %j', (json, input) => {
    expect(parseArguments(json)).toEqual({ input })
  })
  test.each(['[]', '[{}]', 'null', 'true', '5', '"x"'])('%s is no object', (json) => {
    expect(parseArguments(json)).toEqual({ problem: 'the arguments must be a JSON object' })
  })
  test.each(['{', '{"a": "b', '{"a":1} and so on', '```json\n{}\n```', "{'a': 1}", '{"a":1,}', 'NaN'])(
    '%j is not JSON',
    (json) => {
      expect(parseArguments(json).problem).toMatch(/^the arguments are not valid JSON \([^]+\)$/)
    },
  )
  test.each([undefined, null, 5, {}] as never[])('%j is no text, and a problem all the same', (text) => {
    expect(parseArguments(text).problem).toMatch(/^the arguments are not valid JSON/)
  })
  test.each([
    ['a __proto__ key', '{"a":{"__proto__":{"polluted":1}}}'],
    ['one that is escaped', '{"\\u005f\\u005fproto__":{"polluted":1}}'],
    ['one with some letters escaped', '{"__prot\\u006f__":1}'],
  ])('%s is refused with its place', (_name, json) => {
    expect(parseArguments(json).problem).toMatch(/__proto__ at \//)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
  test('endless nesting is refused', () => {
    const deep = `{"a":${'['.repeat(100)}${']'.repeat(100)}}`
    expect(parseArguments(deep).problem).toMatch(/nesting deeper than 64/)
  })
  test('nesting in a text that is short passes where a history can hold it', () => {
    const fits = `{"a":${'['.repeat(59)}${']'.repeat(59)}}`
    expect(fits.length).toBeLessThan(128)
    expect(parseArguments(fits)).toHaveProperty('input')
  })
})

test('a tool is found by the name that models see, and by its own', () => {
  const run = { tools: [search, expert] } as unknown as RunView
  expect(offeredTool(run, 'web_search')).toBe(search)
  expect(offeredTool(run, 'web.search')).toBe(search)
  expect(offeredTool(run, 'nope')).toBeUndefined()
})

describe('callEffect', () => {
  test('makes a tool effect of a call', () => {
    expect(callEffect('k', search, { q: 1 }, { id: '1', continues: 'm' })).toEqual({
      kind: 'tool',
      key: 'k',
      tool: 'web.search',
      input: { q: 1 },
      callId: '1',
    })
    expect(callEffect('k', search, {})).toEqual({ kind: 'tool', key: 'k', tool: 'web.search', input: {} })
  })
  test('makes a run effect where the tool is another agent', () => {
    expect(callEffect('k', expert, { input: 'why?' }, { id: '1', continues: 'm' })).toEqual({
      kind: 'run',
      key: 'k',
      agent: 'expert',
      input: 'why?',
      tool: 'expert',
      callId: '1',
    })
    expect(callEffect('k', expert, {})).toMatchObject({ kind: 'run', input: '' })
  })
  test('gives an agent with a schema of its own the whole input', () => {
    const typed: OfferedTool = { ...expert, delegate: { agent: 'expert', handoff: false, text: false } }
    expect(callEffect('k', typed, { input: 1, more: 2 })).toMatchObject({ input: { input: 1, more: 2 } })
  })
  test('hands the conversation over only where it is a handoff, and there is one', () => {
    const transfer: OfferedTool = { ...expert, delegate: { agent: 'expert', handoff: true, text: true } }
    expect(callEffect('k', transfer, { input: 'x' }, { continues: 'm' })).toEqual({
      kind: 'run',
      key: 'k',
      agent: 'expert',
      input: 'x',
      tool: 'expert',
      continues: 'm',
    })
    expect(callEffect('k', transfer, { input: 'x' }, { id: '1' })).not.toHaveProperty('continues')
  })
})
