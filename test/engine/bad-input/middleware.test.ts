import { describe, expect, test } from 'vitest'
import { defineExtension, type Effect, OpspawnError, type Planner } from '../../../src/index.ts'
import { agent, callModel, callTool, expectFailure, guardFile, modelOf, once, play, reply, tool, turns } from '../harness.ts'
import { trap } from './hostile-values.ts'

guardFile()

const x = tool('x', () => 1)
const model = modelOf(() => reply('hello'))
const subject = (planner: Planner, more: object = {}) => agent('subject', planner, { tools: [x], model, ...more })

describe('middleware', () => {
  const wrapped = async (layer: (next: () => Promise<unknown>) => unknown, effect: Effect, more: object = {}) => {
    const extension = defineExtension({
      name: 'm',
      setup: (host) =>
        host.addMiddleware((async (_e: unknown, _c: unknown, next: () => Promise<unknown>) => layer(next)) as never),
    })
    return play(subject(once(effect), { retry: { attempts: 1 }, ...more }), { options: { plugins: [extension] } })
  }
  test.each([
    ['a string', 'x'],
    ['undefined', undefined],
    ['a proxy that throws', new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap })],
  ])('that throws %s fails the effect', async (_name, value) => {
    const played = await wrapped(
      () => {
        throw value
      },
      callTool('a', 'x'),
    )
    expect(played.effect('a').status).toBe('failed')
  })
  test.each([
    ['a bigint', 10n],
    ['a map', new Map()],
  ])('that gives %s for a tool fails the effect', async (_name, value) => {
    expect((await wrapped(() => value, callTool('a', 'x'))).effect('a').status).toBe('failed')
  })
  test.each([
    ['null', null],
    ['undefined', undefined],
    ['a text', 'hello'],
    ['an empty object', {}],
    ['an answer without usage', { content: [], finishReason: 'stop' }],
    ['an answer without content', { finishReason: 'stop', usage: {} }],
    ['an answer whose usage is null', { content: [], finishReason: 'stop', usage: null }],
  ])('that gives %s for a model fails the effect with MODEL_ANSWER_INVALID', async (_name, value) => {
    expectFailure((await wrapped(() => value, callModel('a'))).effect('a'), 'MODEL_ANSWER_INVALID')
  })
  test('that answers for a model in its place is recorded', async () => {
    const answer = { content: [{ type: 'text', text: 'cached' }], finishReason: 'stop', usage: { input: 1, output: 1 } }
    expect((await wrapped(() => answer, callModel('a'))).effect('a')).toMatchObject({ status: 'completed', value: answer })
  })
  test('that goes on twice has the effect performed twice and recorded once', async () => {
    const played = await wrapped(
      async (next) => {
        await next()
        return next()
      },
      callTool('a', 'x'),
    )
    expect(played.effect('a')).toEqual({ status: 'completed', value: 1 })
  })
  test('cannot go on twice into an unsafe tool (S5)', async () => {
    let calls = 0
    const refusals: unknown[] = []
    const careless = async (next: () => Promise<unknown>): Promise<unknown> => {
      const first = await next()
      await next().catch((error: unknown) => refusals.push(error))
      return first
    }
    const played = await wrapped(careless, callTool('a', 'x'), { tools: [tool('x', () => (calls += 1), { effect: 'unsafe' })] })
    expect(calls).toBe(1)
    expect(refusals).toMatchObject([{ code: 'INTERNAL', message: expect.stringMatching(/next\(\) twice.*"a"/) as string }])
    expect(played.effect('a')).toEqual({ status: 'completed', value: 1 })
  })
  test("may go on without waiting, and its refusal is nobody's unhandled rejection", async () => {
    const hasty = async (next: () => Promise<unknown>): Promise<unknown> => {
      void next()
      void next()
      await turns(1)
      return 'mine'
    }
    const played = await wrapped(hasty, callTool('a', 'x'), { tools: [tool('x', () => 1, { effect: 'unsafe' })] })
    expect(played.effect('a')).toEqual({ status: 'completed', value: 'mine' })
  })
  test('cannot go on twice at once, nor after the first failed', async () => {
    let calls = 0
    const body = async (): Promise<never> => {
      calls += 1
      await turns(1)
      throw new Error('no money')
    }
    const pay = tool('x', body, { effect: 'unsafe' })
    const together = await wrapped((next) => Promise.all([next(), next()]), callTool('a', 'x'), { tools: [pay] })
    const again = await wrapped((next) => next().catch(next), callTool('a', 'x'), { tools: [pay] })
    expect(calls).toBe(2)
    expectFailure(together.effect('a'), 'INTERNAL', 'next() twice')
    expectFailure(again.effect('a'), 'INTERNAL', 'next() twice')
  })
  test.each([
    ['a tool', callTool('a', 'x'), 'TOOL_TIMEOUT'],
    ['a model', callModel('a'), 'MODEL_UNAVAILABLE'],
  ] as const)('that never answers for %s ends with a time-out', async (_kind, effect, code) => {
    expectFailure((await wrapped(() => new Promise(() => {}), effect)).effect('a'), code)
  })
  test('that throws BUDGET_EXCEEDED for a model leaves nothing reserved', async () => {
    const played = await wrapped(() => {
      throw new OpspawnError('BUDGET_EXCEEDED', 'my own guard')
    }, callModel('a'))
    expect(played.effect('a').status).toBe('failed')
    expect(played.record.spending.reserved).toEqual({ steps: 0, tokens: 0, cost: 0 })
  })
})
