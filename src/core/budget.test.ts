import { describe, expect, test } from 'vitest'
import {
  type Amounts,
  applySpending,
  DEFAULT_LIMITS,
  NO_SPENDING,
  requireSpending,
  type RunLimits,
  type Spending,
} from './index.ts'

const amounts = (steps: number, tokens = 0, cost = 0): Amounts => ({ steps, tokens, cost })
const spending = (used: Amounts, reserved: Amounts = NO_SPENDING.used, unreported = 0): Spending => ({
  used,
  reserved,
  unreported,
})

describe('applySpending', () => {
  test('sets aside, gives back and takes', () => {
    const reserved = applySpending(NO_SPENDING, { reserve: amounts(1, 100, 0.5) }, {})
    expect(reserved).toEqual(spending(NO_SPENDING.used, amounts(1, 100, 0.5)))
    const used = applySpending(
      reserved as Spending,
      { release: amounts(1, 100, 0.5), use: amounts(1, 40, 0.2), unreported: 1 },
      {},
    )
    expect(used).toEqual(spending(amounts(1, 40, 0.2), NO_SPENDING.used, 1))
  })
  test('changes nothing it was given', () => {
    const before = Object.freeze(spending(Object.freeze(amounts(1)), Object.freeze(amounts(1))))
    applySpending(before, { use: amounts(1), release: amounts(1), reserve: amounts(2) }, {})
    expect(before).toEqual(spending(amounts(1), amounts(1)))
    expect(NO_SPENDING).toEqual(spending(amounts(0), amounts(0)))
  })
  test('leaves what no part of a change names', () => {
    const before = spending(amounts(1, 2, 3), amounts(4, 5, 6), 7)
    expect(applySpending(before, {}, {})).toEqual(before)
    expect(applySpending(before, { unreported: 2 }, {})).toEqual({ ...before, unreported: 9 })
  })
  test.each<[string, RunLimits, Spending, Amounts, 'steps' | 'tokens' | 'cost' | undefined]>([
    ['just within the steps', { steps: 3 }, spending(amounts(1), amounts(1)), amounts(1), undefined],
    ['past the steps', { steps: 3 }, spending(amounts(1), amounts(2)), amounts(1), 'steps'],
    ['past the default steps', {}, spending(amounts(DEFAULT_LIMITS.steps)), amounts(1), 'steps'],
    ['just within the tokens', { tokens: 10 }, spending(amounts(0, 4), amounts(0, 4)), amounts(1, 2), undefined],
    ['past the tokens', { tokens: 10 }, spending(amounts(0, 4), amounts(0, 4)), amounts(1, 3), 'tokens'],
    ['no limit of tokens', {}, spending(amounts(0, 1e12)), amounts(1, 1e12), undefined],
    ['just within the cost', { cost: 1 }, spending(amounts(0, 0, 0.5)), amounts(1, 0, 0.5), undefined],
    ['past the cost', { cost: 1 }, spending(amounts(0, 0, 0.5)), amounts(1, 0, 0.6), 'cost'],
    ['several limits: the first', { steps: 1, tokens: 1, cost: 1 }, spending(amounts(1, 1, 1)), amounts(1, 1, 1), 'steps'],
  ])('%s', (_name, limits, before, reserve, passed) => {
    const after = applySpending(before, { reserve }, limits)
    expect(typeof after === 'string' ? after : undefined).toBe(passed)
  })
  test('makes room before it sets aside in the same change', () => {
    const full = spending(amounts(0, 5), amounts(1, 5))
    expect(applySpending(full, { reserve: amounts(0, 5), release: amounts(1, 5) }, { tokens: 10 })).toEqual(
      spending(amounts(0, 5), amounts(0, 5)),
    )
  })
  test('counts what was used all the same when it is more than the limit: it has happened', () => {
    expect(applySpending(NO_SPENDING, { use: amounts(9, 99, 9) }, { steps: 1, tokens: 1, cost: 1 })).toEqual(
      spending(amounts(9, 99, 9)),
    )
  })
})

describe('requireSpending', () => {
  test('gives what is spent then', () => {
    expect(requireSpending('r', NO_SPENDING, { use: amounts(1) }, {})).toEqual(spending(amounts(1)))
  })
  test.each<[RunLimits, keyof Amounts, string]>([
    [{ steps: 100 }, 'steps', 'may use 100 steps: 60 used, 0 set aside, up to 41 asked for; raise limits.steps'],
    [{ steps: 200, tokens: 9 }, 'tokens', 'may use 9 tokens: 4 used, 0 set aside, up to 6 asked for'],
    [{}, 'steps', `may use ${DEFAULT_LIMITS.steps} steps: 60 used`],
  ])('refuses past %j: what is released in the same change is not set aside', (limits, limit, text) => {
    const before = spending(amounts(60, 4), amounts(1, 5))
    const change = { release: amounts(1, 5), reserve: amounts(41, 6) }
    expect(() => requireSpending('r', before, change, limits)).toThrow(
      expect.objectContaining({
        code: 'BUDGET_EXCEEDED',
        message: expect.stringContaining(`run r with its children ${text}`) as string,
        details: { limit, runId: 'r' },
      }),
    )
  })
})
