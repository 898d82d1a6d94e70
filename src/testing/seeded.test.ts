import { expect, test } from 'vitest'
import { seededIds, seededRandom, shuffled } from './seeded.ts'

test('ids count from one, each maker for itself', () => {
  const next = seededIds()
  expect([next(), next()]).toEqual(['id-1', 'id-2'])
  expect(seededIds('run')()).toBe('run-1')
})

test('numbers follow from the seed and spread over 0 to 1', () => {
  const draw = (seed: number): number[] => Array.from({ length: 10_000 }, seededRandom(seed))
  expect(draw(1)).toEqual(draw(1))
  expect(draw(1).slice(0, 3)).not.toEqual(draw(2).slice(0, 3))
  const numbers = draw(3)
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...numbers)).toBeLessThan(1)
  expect(numbers.reduce((sum, one) => sum + one, 0) / numbers.length).toBeCloseTo(0.5, 1)
  expect(new Set(numbers).size).toBeGreaterThan(9_990)
})

test('a shuffled list has the same items, and the old one stays', () => {
  const items = [1, 2, 3, 4, 5, 6, 7, 8]
  const mixed = shuffled(items, seededRandom(5))
  expect(mixed).not.toEqual(items)
  expect(mixed.toSorted((left, right) => left - right)).toEqual(items)
  expect(items).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
})
