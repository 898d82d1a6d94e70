import { topK, type Scored } from './top-k.ts'

/** Unit vectors in one block of memory, searched one by one: exact, and below some 50,000 vectors faster than an index. */
export interface VectorIndex {
  /** Sets a slot's vector, which must have been checked. */
  set(slot: number, vector: Float32Array): void
  /** The slot's vector; undefined where it has none. A view: it changes with the index. */
  get(slot: number): Float32Array | undefined
  /** Wipes a slot's vector. */
  remove(slot: number): void
  /** The nearest by cosine among the accepted. */
  search(
    query: Float32Array,
    accept: (slot: number) => boolean,
    limit: number,
    order: (left: number, right: number) => number,
  ): readonly Scored[]
}

/** Vectors that are compared together. */
const FEW = 4
/** So many refusals tell that there are many. */
const ENOUGH = 64

/** Makes an empty index for vectors of `dims` numbers. */
export function vectorIndex(dims: number): VectorIndex {
  let slab = new Float32Array(dims * 64)
  let isSet = new Uint8Array(64)
  let end = 0

  return {
    set(slot, vector) {
      if (slot >= isSet.length) {
        const capacity = FEW * Math.ceil(Math.max(isSet.length * 1.5, slot + 1) / FEW)
        const flags = new Uint8Array(capacity)
        flags.set(isSet)
        const block = new Float32Array(capacity * dims)
        block.set(slab)
        isSet = flags
        slab = block
      }
      slab.set(vector, slot * dims)
      isSet[slot] = 1
      end = Math.max(end, slot + 1)
    },
    get: (slot) => (isSet[slot] === 1 ? slab.subarray(slot * dims, (slot + 1) * dims) : undefined),
    remove(slot) {
      if (isSet[slot] !== 1) return
      slab.fill(0, slot * dims, (slot + 1) * dims)
      isSet[slot] = 0
    },
    search(query, accept, limit, order) {
      const best = topK(limit, order)
      const scores = new Float64Array(FEW)
      let { bar } = best
      let accepted = 0
      let refused = 0
      const judge = (slot: number): boolean => {
        const isAccepted = accept(slot)
        if (isAccepted) accepted += 1
        else refused += 1
        return isAccepted
      }
      for (let from = 0; from < end; from += FEW) {
        // To ask costs a third of a vector's sums: first where most are refused, otherwise only for those near enough.
        const asksFirst = refused > 3 * accepted + ENOUGH
        if (!asksFirst) dots(slab, from * dims, query, scores)
        for (let at = 0; at < FEW; at += 1) {
          const slot = from + at
          if (isSet[slot] !== 1 || (asksFirst && !judge(slot))) continue
          const score = asksFirst ? dot(slab, slot * dims, query) : (scores[at] as number)
          if (score < bar || (!asksFirst && !judge(slot))) continue
          best.offer(slot, score)
          ;({ bar } = best)
        }
      }
      return best.sorted()
    },
  }
}

/** The cosine of two unit vectors, one of them in a block. */
export function dot(slab: Float32Array, offset: number, query: Float32Array): number {
  let sum = 0
  for (let at = 0; at < query.length; at += 1) sum += (slab[offset + at] as number) * (query[at] as number)
  return sum
}

/** {@link dot} of four vectors that stand one behind the other, with the very same sums: a fifth quicker than one by one. */
function dots(slab: Float32Array, offset: number, query: Float32Array, scores: Float64Array): void {
  const { length } = query
  const second = offset + length
  const third = second + length
  const fourth = third + length
  let one = 0
  let two = 0
  let three = 0
  let four = 0
  for (let at = 0; at < length; at += 1) {
    const number = query[at] as number
    one += (slab[offset + at] as number) * number
    two += (slab[second + at] as number) * number
    three += (slab[third + at] as number) * number
    four += (slab[fourth + at] as number) * number
  }
  scores[0] = one
  scores[1] = two
  scores[2] = three
  scores[3] = four
}
