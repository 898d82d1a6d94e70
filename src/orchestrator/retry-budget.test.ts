import { expect, test } from 'vitest'
import { createRetryBudget } from './retry-budget.ts'

function budgetAt() {
  const time = { ms: 0 }
  const budget = createRetryBudget(() => time.ms)
  const takeMany = (key: string, count: number): number[] => Array.from({ length: count }, () => budget.take(key))
  return { time, budget, takeMany }
}

test('a hundred retries are made when they were drawn for, the others one behind the other, ten in a second (S12)', () => {
  const { budget, takeMany } = budgetAt()
  expect(budget.isWhole).toBe(true)
  expect(takeMany('a', 100)).toEqual(Array(100).fill(0))
  expect(takeMany('a', 3)).toEqual([100, 200, 300])
  expect(budget.isWhole).toBe(false)
})

test('each key has a budget of its own', () => {
  const { budget, takeMany } = budgetAt()
  takeMany('a', 150)
  expect(budget.take('b')).toBe(0)
})

test('what has passed is made good: ten in a second, and never more than a hundred', () => {
  const { time, takeMany } = budgetAt()
  takeMany('a', 105)
  time.ms = 500
  expect(takeMany('a', 2)).toEqual([100, 200])
  time.ms = 3_600_000
  expect(takeMany('a', 101)).toEqual([...Array<number>(100).fill(0), 100])
})

test('five calls that succeed earn a retry, and a budget that is whole again is forgotten', () => {
  const { budget, takeMany } = budgetAt()
  takeMany('a', 100)
  for (let call = 0; call < 10; call += 1) budget.earn('a')
  expect(takeMany('a', 3)).toEqual([0, 0, 100])
  for (let call = 0; call < 505; call += 1) budget.earn('a')
  expect(budget.isWhole).toBe(true)
  budget.earn('a')
  expect(budget.isWhole).toBe(true)
})

test('nothing is put off for longer than an hour, and a thousand keys are remembered', () => {
  const { budget, takeMany } = budgetAt()
  const last = takeMany('a', 36_500).slice(-3)
  expect(last).toEqual([3_600_000, 3_600_000, 3_600_000])
  for (let key = 0; key < 999; key += 1) budget.take(`k${key}`)
  expect(budget.take('a')).toBe(3_600_000)
  budget.take('one more')
  expect(budget.take('a')).toBe(0)
})
