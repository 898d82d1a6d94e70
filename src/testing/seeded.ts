/** Makes ids that are the same in every run of a test: `id-1`, `id-2` and so on. */
export function seededIds(prefix: string = 'id'): () => string {
  let count = 0
  return () => {
    count += 1
    return `${prefix}-${count}`
  }
}

/**
 * Makes numbers from 0 (included) to 1 (excluded) that look random and follow from the seed alone. For tests, not for
 * secrets. The generator is mulberry32: 32 bits of state, good enough to choose what happens next.
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The items in an order that follows from the random numbers. */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items]
  for (let index = result.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1))
    const item = result[index] as T
    result[index] = result[other] as T
    result[other] = item
  }
  return result
}
