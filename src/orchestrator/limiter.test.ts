import { expect, test } from 'vitest'
import { createLimiter } from './limiter.ts'

test('places are taken until none is left, and again once one is given back', () => {
  const limiter = createLimiter(2)
  expect([limiter.tryTake(), limiter.tryTake(), limiter.tryTake()]).toEqual([true, true, false])
  limiter.give()
  expect([limiter.tryTake(), limiter.tryTake()]).toEqual([true, false])
})

test('whoever waits is served in the order of arrival, one for each place', () => {
  const limiter = createLimiter(1)
  const served: string[] = []
  for (const name of ['a', 'b', 'c']) limiter.take(() => served.push(name))
  expect(served).toEqual(['a'])
  limiter.give()
  expect(served).toEqual(['a', 'b'])
  expect(limiter.tryTake()).toBe(false)
  limiter.give()
  limiter.give()
  expect(served).toEqual(['a', 'b', 'c'])
  expect([limiter.tryTake(), limiter.tryTake()]).toEqual([true, false])
})

test('whoever gives up waiting is passed over', () => {
  const limiter = createLimiter(1)
  const served: string[] = []
  limiter.take(() => served.push('a'))
  const giveUp = limiter.take(() => served.push('b'))
  limiter.take(() => served.push('c'))
  giveUp()
  giveUp()
  limiter.give()
  expect(served).toEqual(['a', 'c'])
})

test('giving up after the place was taken takes nothing away from anybody', () => {
  const limiter = createLimiter(1)
  const giveUp = limiter.take(() => {})
  giveUp()
  expect(limiter.tryTake()).toBe(false)
  limiter.give()
  expect(limiter.tryTake()).toBe(true)
})

test('one callback may wait twice', () => {
  const limiter = createLimiter(1)
  let served = 0
  const callback = (): void => void (served += 1)
  limiter.tryTake()
  limiter.take(callback)
  limiter.take(callback)
  limiter.give()
  limiter.give()
  expect(served).toBe(2)
})

test('whoever is served may give its place back at once', () => {
  const limiter = createLimiter(1)
  const served: number[] = []
  limiter.tryTake()
  for (let index = 0; index < 1000; index += 1) {
    limiter.take(() => {
      served.push(index)
      limiter.give()
    })
  }
  limiter.give()
  expect(served).toEqual(Array.from({ length: 1000 }, (_, index) => index))
  expect([limiter.tryTake(), limiter.tryTake()]).toEqual([true, false])
})
