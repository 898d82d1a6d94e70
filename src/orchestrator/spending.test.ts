import { describe, expect, test } from 'vitest'
import {
  type Agent,
  applySpending,
  createView,
  defineAgent,
  type Model,
  type ModelEffect,
  NO_SPENDING,
  OpspawnError,
  type RunLimits,
  userMessage,
} from '../core/index.ts'
import { childLimits, costOf, estimateCall, mergeSpending, ONE_STEP, priceOf, requirePrices, tightenLimits } from './spending.ts'

const price = { input: 2, output: 10 }
const amounts = (steps: number, tokens = 0, cost = 0) => ({ steps, tokens, cost })

describe('the price of a call', () => {
  test('counts a million tokens', () => {
    expect(costOf({ input: 1_000_000, output: 0 }, price)).toBe(2)
    expect(costOf({ input: 500_000, output: 100_000 }, price)).toBe(2)
    expect(costOf({ input: 0, output: 0 }, price)).toBe(0)
  })
  test('counts cached tokens at their own price, if they have one', () => {
    const usage = { input: 1_000_000, output: 0, cacheRead: 500_000 }
    expect(costOf(usage, price)).toBe(2)
    expect(costOf(usage, { ...price, cacheRead: 0.2 })).toBeCloseTo(1.1)
  })
  test('is unknown where the usage is', () => {
    expect(costOf({}, price)).toBeUndefined()
    expect(costOf({ input: 5 }, price)).toBeUndefined()
    expect(costOf({ output: 5 }, price)).toBeUndefined()
  })
  test('is found by provider and model, by model, then for any', () => {
    const table = { 'p/m': { input: 1, output: 1 }, m: { input: 2, output: 2 }, '*': { input: 3, output: 3 } }
    expect(priceOf(table, 'p', 'm')?.input).toBe(1)
    expect(priceOf(table, 'q', 'm')?.input).toBe(2)
    expect(priceOf(table, 'q', 'n')?.input).toBe(3)
    expect(priceOf({}, 'p', 'm')).toBeUndefined()
    expect(priceOf({}, 'x', 'constructor')).toBeUndefined()
  })
  test('must be known for every model under a cost limit', () => {
    const model = { specificationVersion: 'v4', provider: 'p', modelId: 'm' } as Model
    const models = [defineAgent({ name: 'b', model }) as Agent]
    requirePrices('agent "a"', {}, models, {})
    requirePrices('agent "a"', { cost: 1 }, models, { m: price })
    requirePrices('agent "a"', { cost: 1 }, [], {})
    const check = (): void => requirePrices('agent "a"', { cost: 1 }, models, { other: price })
    expect(check).toThrow(OpspawnError)
    expect(check).toThrow(expect.objectContaining({ code: 'BUDGET_PRICE_UNKNOWN', details: { model: 'p/m' } }))
    expect(check).toThrow(/^agent "a" has a cost limit.*"p\/m"/)
  })
})

describe('what is set aside for a call', () => {
  const origin = { runId: 'r', agent: 'a', definition: 'd', tenant: 't', input: '', rootId: 'r', depth: 0, limits: {} }
  const view = createView({ tools: [], models: [], memories: [] }, origin)
  const effect: ModelEffect = { kind: 'model', key: 'm', messages: [userMessage('x'.repeat(4000))] }
  test('is a step where neither tokens nor money are limited', () => {
    expect(estimateCall(view, effect, { steps: 5, durationMs: 1 }, 0, 1000, price)).toEqual(ONE_STEP)
  })
  test('is the prompt and the longest answer where tokens are', () => {
    const { steps, tokens, cost } = estimateCall(view, effect, { tokens: 1 }, 0, 500, undefined)
    expect([steps, cost]).toEqual([1, 0])
    expect(tokens).toBeGreaterThanOrEqual(1500)
    expect(tokens).toBeLessThan(1600)
  })
  test('is their price where money is', () => {
    const { tokens, cost } = estimateCall(view, effect, { cost: 1 }, 0, 500, price)
    expect(cost).toBeCloseTo(((tokens - 500) * price.input + 500 * price.output) / 1_000_000)
  })
  test('counts system messages too', () => {
    const long: ModelEffect = { kind: 'model', key: 'm', messages: [{ role: 'system', content: 'x'.repeat(4000) }] }
    expect(estimateCall(view, long, { tokens: 1 }, 0, 0, undefined).tokens).toBe(1000)
  })
})

describe('changes of one transaction', () => {
  test('are added', () => {
    const left = { reserve: amounts(1, 10, 1), use: amounts(1) }
    const right = { reserve: amounts(2, 5, 1), release: amounts(3), unreported: 1 }
    expect(mergeSpending(left, right)).toEqual({
      reserve: amounts(3, 15, 2),
      use: amounts(1),
      release: amounts(3),
      unreported: 1,
    })
    expect(mergeSpending({ unreported: 2 }, { unreported: 1 })).toEqual({ unreported: 3 })
    expect(mergeSpending(undefined, right)).toEqual(right)
    expect(mergeSpending(left, {})).toEqual(left)
  })
  test('come to the same as one after the other', () => {
    const changes = [
      { reserve: amounts(1, 100, 0.5) },
      { release: amounts(1, 100, 0.5), use: amounts(1, 40, 0.25) },
      { reserve: amounts(2, 50, 0.25), unreported: 1 },
    ]
    let merged: (typeof changes)[number] | undefined
    let spending = NO_SPENDING
    for (const change of changes) {
      merged = mergeSpending(merged, change) as (typeof changes)[number]
      spending = applySpending(spending, change, {}) as typeof NO_SPENDING
    }
    expect(applySpending(NO_SPENDING, merged ?? {}, {})).toEqual(spending)
  })
})

describe('limits', () => {
  test('are only ever tightened', () => {
    const held: RunLimits = { steps: 10, tokens: 100 }
    expect(tightenLimits(held, { steps: 5, tokens: 500, cost: 1 })).toEqual({ steps: 5, tokens: 100, cost: 1 })
    expect(tightenLimits(held, {})).toEqual(held)
    expect(tightenLimits(held, { steps: undefined } as never)).toEqual(held)
    expect(tightenLimits({}, { durationMs: 5 })).toEqual({ durationMs: 5 })
    expect(held).toEqual({ steps: 10, tokens: 100 })
  })
  test('are such as JSON can hold: none for Infinity, or the largest where none would be the default', () => {
    const none = { steps: Infinity, tokens: Infinity, durationMs: Infinity, payload: Infinity }
    const largest = Number.MAX_SAFE_INTEGER
    expect(tightenLimits(none, {})).toStrictEqual({ steps: largest, payload: largest })
    expect(tightenLimits(none, { tokens: 5, durationMs: Infinity })).toStrictEqual({
      steps: largest,
      tokens: 5,
      payload: largest,
    })
    expect(tightenLimits({ steps: 10 }, JSON.parse(JSON.stringify(none)) as RunLimits)).toStrictEqual({ steps: 10 })
  })
  test("of a child are its own, within its parent's tokens, cost and time", () => {
    const child = childLimits(
      { steps: 7, tokens: 50, payload: 9 },
      { steps: 3, tokens: 100, cost: 2, durationMs: 1000, payload: 5 },
      400,
    )
    expect(child).toMatchObject({ steps: 7, tokens: 50, cost: 2, durationMs: 600, payload: 9 })
    expect(childLimits({ tokens: 500 }, { tokens: 100 }, 0).tokens).toBe(100)
    expect(childLimits({}, {}, 0)).not.toHaveProperty('cost')
    expect(childLimits({}, { durationMs: 10 }, 50).durationMs).toBe(1)
  })
})
