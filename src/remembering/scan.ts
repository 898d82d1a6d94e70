/** Multiplies a query with vectors that stand one behind the other in a block of memory. */
export interface Scan {
  /**
   * Sets the first `count` scores to the products of the query with so many vectors.
   *
   * @param query as many numbers as each vector has: a multiple of {@link LANES}.
   * @param offset where the first vector begins in the slab.
   * @param count of vectors: even.
   */
  products(query: Float64Array, slab: Float32Array, offset: number, count: number, scores: Float64Array): void
  /** Wipes what it copied, to be called behind a search: what is erased later must not live on here. */
  clear(): void
}

/** What the sums of a product are kept in. Every scan, and {@link dot}, adds them in the same order, so that scores are equal to the last bit. */
export const LANES = 4

/** Scans with a plain loop. */
export const loopScan: Scan = { products: loop, clear: () => undefined }

/**
 * The product of a query and a vector in a block; of unit vectors the cosine. In double precision, in four sums: the first is that
 * of the numbers 0, 4, 8 and so on.
 */
export function dot(slab: Float32Array, offset: number, query: Float64Array): number {
  const { length } = query
  const whole = length - (length % LANES)
  let [first, second, third, fourth] = [0, 0, 0, 0]
  for (let at = 0, from = offset; at < whole; at += 4, from += 4) {
    first += (slab[from] as number) * (query[at] as number)
    second += (slab[from + 1] as number) * (query[at + 1] as number)
    third += (slab[from + 2] as number) * (query[at + 2] as number)
    fourth += (slab[from + 3] as number) * (query[at + 3] as number)
  }
  if (whole < length) first += (slab[offset + whole] as number) * (query[whole] as number)
  if (whole + 1 < length) second += (slab[offset + whole + 1] as number) * (query[whole + 1] as number)
  if (whole + 2 < length) third += (slab[offset + whole + 2] as number) * (query[whole + 2] as number)
  return first + third + (second + fourth)
}

/** {@link dot} of vector after vector, two at a time: a fifth quicker than one by one. */
function loop(query: Float64Array, slab: Float32Array, offset: number, count: number, scores: Float64Array): void {
  const { length } = query
  for (let row = 0; row < count; row += 2) {
    const one = offset + row * length
    const other = one + length
    let [a0, a1, a2, a3, b0, b1, b2, b3] = [0, 0, 0, 0, 0, 0, 0, 0]
    for (let at = 0; at < length; at += 4) {
      const q0 = query[at] as number
      const q1 = query[at + 1] as number
      const q2 = query[at + 2] as number
      const q3 = query[at + 3] as number
      a0 += (slab[one + at] as number) * q0
      a1 += (slab[one + at + 1] as number) * q1
      a2 += (slab[one + at + 2] as number) * q2
      a3 += (slab[one + at + 3] as number) * q3
      b0 += (slab[other + at] as number) * q0
      b1 += (slab[other + at + 1] as number) * q1
      b2 += (slab[other + at + 2] as number) * q2
      b3 += (slab[other + at + 3] as number) * q3
    }
    scores[row] = a0 + a2 + (a1 + a3)
    scores[row + 1] = b0 + b2 + (b1 + b3)
  }
}
