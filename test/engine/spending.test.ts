/** What is counted as used: usage that is not reported, and cost. */
import { describe, expect, test } from 'vitest'
import { type Effect, type RunUsage } from '../../src/index.ts'
import {
  agent,
  callModel,
  expectCode,
  expectFailure,
  guardFile,
  inTurn,
  modelOf,
  once,
  open,
  plan,
  play,
  providerError,
  refusal,
  reply,
  scriptedModel,
} from './harness.ts'

guardFile()
const prices = { 'test/m': { input: 1_000_000, output: 1_000_000 } }
const child = (key: string, name: string): Effect => ({ kind: 'run', key, agent: name, input: 1 })
/** A model whose answers take exactly what a call sets aside at most for its answer, with no input worth counting. */
const greedy = (output: number) => modelOf(() => reply('x', { input: 1, output }))

describe('usage that is not reported', () => {
  const settings = { maxOutputTokens: 100 }
  const silent = modelOf(() => ({ ...reply('x'), usage: undefined }))
  test('counts as what was set aside, never as zero, and is visible', async () => {
    let seen: RunUsage | undefined
    const planner = plan((run) => {
      seen = run.usage
      if (run.open > 0) return { type: 'idle' }
      return run.decisions === 0 ? { type: 'act', effects: [callModel('m')] } : { type: 'finish', output: 'done' }
    })
    const played = await play(agent('subject', planner, { model: silent, settings, limits: { tokens: 1_000 } }))
    expect(played.record.spending.used.tokens).toBeGreaterThanOrEqual(100)
    expect(played.record.spending.unreported).toBe(1)
    expect(seen).toMatchObject({ modelCalls: 1, unreported: 1, inputTokens: 0, outputTokens: 0 })
  })
  test('ends a run that would otherwise go on for ever', async () => {
    const played = await play(
      agent('subject', inTurn(...Array.from({ length: 20 }, (_, n) => callModel(`m${n}`))), {
        model: silent,
        settings,
        limits: { tokens: 500 },
      }),
    )
    expectFailure(played.effect('m10'), 'BUDGET_EXCEEDED')
  })
  test.each([
    ['input', { input: 5 }],
    ['output', { output: 5 }],
  ])('half of it (%s only) counts as unreported', async (_name, usage) => {
    const model = modelOf(() => reply('x', usage))
    const played = await play(agent('subject', once(callModel('m')), { model, settings, limits: { tokens: 1_000 } }))
    expect(played.record.spending).toMatchObject({ unreported: 1 })
    expect(played.record.spending.used.tokens).toBeGreaterThanOrEqual(100)
  })
  test('of children is visible on the root', async () => {
    const kid = agent('kid', once(callModel('m')), { model: silent, settings })
    const played = await play(
      agent('subject', once(child('a', 'kid'), child('b', 'kid')), { agents: [kid], limits: { tokens: 5_000 } }),
      { agents: [kid] },
    )
    expect(played.record.spending.unreported).toBe(2)
  })
  test.each([
    ['timed out', modelOf(() => new Promise(() => {}))],
    [
      'broke off in the middle',
      modelOf(() => {
        throw providerError('torn', { statusCode: 200, isRetryable: false })
      }),
    ],
  ])('of a call that %s is not zero: nobody knows what the provider counted', async (_name, model) => {
    const played = await play(
      agent('subject', once(callModel('m')), {
        model,
        settings,
        limits: { tokens: 5_000 },
        retry: { attempts: 1 },
        modelTimeoutMs: 1_000,
      }),
    )
    expect(played.effect('m').status).toBe('failed')
    expect(played.record.spending.unreported).toBe(1)
    expect(played.record.spending.used.tokens).toBeGreaterThanOrEqual(100)
  })
  test('of a stream that broke off is not zero', async () => {
    const model = scriptedModel([{ fault: 'truncated', text: 'half an answer' }])
    const played = await play(
      agent('subject', once(callModel('m')), { model, settings, limits: { tokens: 5_000 }, retry: { attempts: 1 } }),
      { watch: true },
    )
    expect(played.record.spending.unreported).toBe(1)
    expect(played.record.spending.used.tokens).toBeGreaterThanOrEqual(100)
  })
  test('a call that the provider refused took nothing', async () => {
    const model = modelOf(() => {
      throw providerError('bad key', { statusCode: 401, isRetryable: false })
    })
    const played = await play(agent('subject', once(callModel('m')), { model, settings, limits: { tokens: 5_000 } }))
    expect(played.record.spending.used.tokens).toBe(0)
  })
})

describe('cost', () => {
  const settings = { maxOutputTokens: 10 }
  test('is counted from the price table', async () => {
    const model = modelOf(() => reply('x', { input: 3, output: 2 }))
    const played = await play(agent('subject', once(callModel('m')), { model, settings, limits: { cost: 100 } }), {
      options: { prices },
    })
    expect(played.record.spending.used.cost).toBeCloseTo(5)
  })
  test.each([
    ['provider and model', { 'test/m': { input: 1, output: 1 } }],
    ['the model', { m: { input: 1, output: 1 } }],
    ['a star', { '*': { input: 1, output: 1 } }],
  ])('is found by %s', async (_name, table) => {
    const played = await play(agent('subject', once(callModel('m')), { model: greedy(1), limits: { cost: 1 } }), {
      options: { prices: table },
    })
    expect(played.effect('m').status).toBe('completed')
  })
  test('ends before the call that would pass it', async () => {
    const model = modelOf(() => reply('x', { input: 1, output: 10 }))
    const played = await play(
      agent('subject', inTurn(callModel('a'), callModel('b'), callModel('c')), { model, settings, limits: { cost: 30 } }),
      { options: { prices } },
    )
    expect(model.calls).toBe(2)
    expectFailure(played.effect('c'), 'BUDGET_EXCEEDED', 'cost')
    expect(played.record.spending.used.cost).toBeLessThanOrEqual(30)
  })
  test('cached tokens have their own price, and never less than nothing', async () => {
    const usage = { inputTokens: { total: 10, cacheRead: 100 }, outputTokens: { total: 0 } }
    const model = modelOf(() => ({ ...reply('x'), usage }))
    const table = { 'test/m': { input: 1_000_000, output: 1_000_000, cacheRead: 100_000 } }
    const played = await play(agent('subject', once(callModel('m')), { model, settings, limits: { cost: 1_000 } }), {
      options: { prices: table },
    })
    expect(played.record.spending.used.cost).toBeGreaterThanOrEqual(0)
  })
  test('a limit without a price is refused when the orchestrator is made', async () => {
    const error = await refusal({ agents: [agent('subject', once(callModel('m')), { model: greedy(1), limits: { cost: 1 } })] })
    expect(error.code).toBe('BUDGET_PRICE_UNKNOWN')
    expect(error.message).toMatch(/"subject".*test\/m.*prices/)
  })
  test('a limit without a price is refused at start', async () => {
    const ops = await open({ agents: [agent('subject', once(callModel('m')), { model: greedy(1) })] })
    await expectCode(() => ops.start('subject', 1, { limits: { cost: 1 } }), 'BUDGET_PRICE_UNKNOWN', 'test/m')
  })
  test('a limit is refused when a delegate has a model without a price', async () => {
    const kid = agent('kid', once(callModel('m')), { model: greedy(1) })
    const parent = agent('subject', once(child('a', 'kid')), { agents: [kid], limits: { cost: 1 } })
    expect((await refusal({ agents: [parent, kid] })).code).toBe('BUDGET_PRICE_UNKNOWN')
  })
  test('a limit of a start is refused when a delegate of a delegate has a model without a price', async () => {
    const grandkid = agent('grandkid', once(callModel('m')), { model: greedy(1) })
    const kid = agent('kid', once(child('b', 'grandkid')), { agents: [grandkid] })
    const ops = await open({ agents: [agent('subject', once(child('a', 'kid')), { agents: [kid] }), kid, grandkid] })
    await expectCode(() => ops.start('subject', 1, { limits: { cost: 1 } }), 'BUDGET_PRICE_UNKNOWN', 'test/m')
  })
  test('a hostile model id finds no price by accident', async () => {
    const model = modelOf(() => reply('x'), { provider: 'x', modelId: 'constructor' })
    expect((await refusal({ agents: [agent('subject', once(callModel('m')), { model, limits: { cost: 1 } })] })).code).toBe(
      'BUDGET_PRICE_UNKNOWN',
    )
  })
})
