import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool, jsonSchema, type StandardSchema, type Tool } from '../../../src/index.ts'
import { agent, callTool, errorOf, expectFailure, guardFile, inTurn, play, scriptedModel, tool } from '../harness.ts'
import { trap } from './hostile-values.ts'
import { call } from './tool-call.ts'

guardFile()

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
