import { dot, LANES, loopScan, type Scan } from './scan.ts'
import { topK, type Scored, type TopK } from './top-k.ts'

/** Unit vectors in one block of memory, searched one by one: exact, and below some 50,000 vectors faster than an index. */
export interface VectorIndex {
  /** Numbers of each vector. */
  readonly dims: number
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

/** Numbers and vectors that are scanned at once: 128 KiB, which the processor's second cache holds. */
const BLOCK_NUMBERS = 32_768
const BLOCK_VECTORS = 256
/** Numbers from which the given scan is used; a loop is done with fewer in a tenth of a millisecond, and has the same scores. */
const MANY_NUMBERS = 65_536
/** So many refusals tell that there are many. */
const ENOUGH = 64

/** What is searched. */
interface Held {
  /** As many numbers as a vector has, and zeros up to a multiple of {@link LANES}. */
  readonly width: number
  /** For an even number of vectors. */
  readonly slab: Float32Array
  readonly isSet: Uint8Array
  /** The slot behind the last that ever had a vector. */
  readonly end: number
}

/**
 * Makes an empty index for vectors of `dims` numbers.
 *
 * @param scan for large indexes; it may be shared with others.
 */
export function vectorIndex(dims: number, scan: Scan): VectorIndex {
  const width = LANES * Math.ceil(dims / LANES)
  let slab = new Float32Array(width * 64)
  let isSet = new Uint8Array(64)
  let end = 0

  return {
    dims,
    set(slot, vector) {
      if (slot >= isSet.length) {
        const capacity = 2 * Math.ceil(Math.max(isSet.length * 1.5, slot + 1) / 2)
        const flags = new Uint8Array(capacity)
        flags.set(isSet)
        const block = new Float32Array(capacity * width)
        block.set(slab)
        isSet = flags
        slab = block
      }
      slab.set(vector, slot * width)
      isSet[slot] = 1
      end = Math.max(end, slot + 1)
    },
    get: (slot) => (isSet[slot] === 1 ? slab.subarray(slot * width, slot * width + dims) : undefined),
    remove(slot) {
      if (isSet[slot] !== 1) return
      slab.fill(0, slot * width, (slot + 1) * width)
      isSet[slot] = 0
    },
    search(query, accept, limit, order) {
      const best = topK(limit, order)
      const numbers = new Float64Array(width)
      numbers.set(query)
      const held = { width, slab, isSet, end }
      offerNearest(held, numbers, accept, best, end * width < MANY_NUMBERS ? loopScan : scan)
      return best.sorted()
    },
  }
}

function offerNearest(
  { width, slab, isSet, end }: Held,
  query: Float64Array,
  accept: (slot: number) => boolean,
  best: TopK,
  scan: Scan,
): void {
  const scores = new Float64Array(Math.max(2, Math.min(BLOCK_VECTORS, 2 * Math.floor(BLOCK_NUMBERS / width / 2))))
  let { bar } = best
  let accepted = 0
  let refused = 0
  const judge = (slot: number): boolean => {
    const isAccepted = accept(slot)
    if (isAccepted) accepted += 1
    else refused += 1
    return isAccepted
  }
  for (let from = 0; from < end; from += scores.length) {
    const count = Math.min(scores.length, end - from)
    // To ask costs about as much as a vector's product: first where most are refused, otherwise only for those near enough.
    const asksFirst = refused > 3 * accepted + ENOUGH
    if (!asksFirst) scan.products(query, slab, from * width, count + (count % 2), scores)
    for (let at = 0; at < count; at += 1) {
      const slot = from + at
      if (asksFirst) {
        if (isSet[slot] !== 1 || !judge(slot)) continue
        scores[at] = dot(slab, slot * width, query)
      }
      const score = scores[at] as number
      if (score < bar || isSet[slot] !== 1 || (!asksFirst && !judge(slot))) continue
      best.offer(slot, score)
      ;({ bar } = best)
    }
  }
  scan.clear()
}
