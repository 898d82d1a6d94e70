import { expect, test } from 'vitest'
import { Heap, type Place } from './heap.ts'

/** Numbers that look random and are the same each time. */
function numbers(count: number): number[] {
  let state = 12345
  return Array.from({ length: count }, () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) % 1000)
}

test('members leave in order', () => {
  const heap = new Heap<number>((left, right) => left < right)
  const places = numbers(500).map((item): Place<number> => ({ item, index: -1 }))
  for (const place of places) heap.add(place)
  const left: number[] = []
  for (let place = places.find((one) => one.index === 0); place !== undefined; place = places.find((one) => one.index === 0)) {
    expect(heap.peek()).toBe(place.item)
    left.push(place.item)
    heap.remove(place)
  }
  expect(left).toEqual(numbers(500).toSorted((a, b) => a - b))
})

test('members leave from anywhere, and the rest stays in order', () => {
  const heap = new Heap<number>((left, right) => left < right)
  const places = numbers(300).map((item): Place<number> => ({ item, index: -1 }))
  for (const place of places) heap.add(place)
  for (const place of places.filter((_, index) => index % 3 !== 0)) heap.remove(place)
  const rest = places.filter((_, index) => index % 3 === 0)
  expect(places.filter((place) => place.index >= 0)).toEqual(rest)
  const left: number[] = []
  for (let count = rest.length; count > 0; count -= 1) {
    const place = places.find((one) => one.index === 0) as Place<number>
    left.push(place.item)
    heap.remove(place)
  }
  expect(left).toEqual(rest.map((place) => place.item).toSorted((a, b) => a - b))
  expect(heap.peek()).toBeUndefined()
})
