import { dot, LANES, loopScan, type Scan } from './scan.ts'
import { topK, type Scored, type TopK } from './top-k.ts'

/** Unit vectors in pages of memory, searched one by one: exact, and below some 50,000 vectors faster than an index. */
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

/** Numbers and vectors of a page, which is scanned at once: 128 KiB, which the processor's second cache holds. */
const PAGE_NUMBERS = 32_768
const PAGE_VECTORS = 256
/** Vectors that the first page has room for at the beginning: most tenants have few. */
const FIRST_VECTORS = 8
/** Numbers from which the given scan is used; a loop is done with fewer in a tenth of a millisecond, and has the same scores. */
const MANY_NUMBERS = 65_536
/** So many refusals tell that there are many. */
const ENOUGH = 64

/** What is searched. */
interface Held {
  /** As many numbers as a vector has, and zeros up to a multiple of {@link LANES}. */
  readonly width: number
  /** Vectors in a page: even. */
  readonly perPage: number
  /** Each with room for an even number of vectors; where none of a page was ever set, there is none. */
  readonly pages: readonly (Float32Array | undefined)[]
  readonly isSet: Uint8Array
  /** The slot behind the last that ever had a vector. */
  readonly end: number
}

/**
 * Makes an empty index for vectors of `dims` numbers. It takes the room of one page more than its vectors at the most, and
 * copies none of them when it grows, but for the first page.
 *
 * @param scan for large indexes; it may be shared with others.
 */
export function vectorIndex(dims: number, scan: Scan): VectorIndex {
  const width = LANES * Math.ceil(dims / LANES)
  const perPage = Math.max(2, Math.min(PAGE_VECTORS, 2 * Math.floor(PAGE_NUMBERS / width / 2)))
  const pages: (Float32Array | undefined)[] = []
  let isSet = new Uint8Array(FIRST_VECTORS)
  let end = 0

  function pageWith(at: number, vectors: number): Float32Array {
    const before = pages[at]
    if (before !== undefined && before.length >= vectors * width) return before
    const room = at === 0 ? Math.min(perPage, Math.max(FIRST_VECTORS, 2 * vectors)) : perPage
    const page = new Float32Array(room * width)
    if (before !== undefined) page.set(before)
    pages[at] = page
    return page
  }

  return {
    dims,
    set(slot, vector) {
      if (slot >= isSet.length) {
        const flags = new Uint8Array(Math.max(isSet.length * 2, slot + 1))
        flags.set(isSet)
        isSet = flags
      }
      const place = slot % perPage
      pageWith((slot - place) / perPage, place + 1).set(vector, place * width)
      isSet[slot] = 1
      end = Math.max(end, slot + 1)
    },
    get(slot) {
      if (isSet[slot] !== 1) return undefined
      const place = slot % perPage
      return pages[(slot - place) / perPage]?.subarray(place * width, place * width + dims)
    },
    remove(slot) {
      if (isSet[slot] !== 1) return
      const place = slot % perPage
      pages[(slot - place) / perPage]?.fill(0, place * width, (place + 1) * width)
      isSet[slot] = 0
    },
    search(query, accept, limit, order) {
      const best = topK(limit, order)
      const numbers = new Float64Array(width)
      numbers.set(query)
      const held = { width, perPage, pages, isSet, end }
      offerNearest(held, numbers, accept, best, end * width < MANY_NUMBERS ? loopScan : scan)
      return best.sorted()
    },
  }
}

function offerNearest(
  { width, perPage, pages, isSet, end }: Held,
  query: Float64Array,
  accept: (slot: number) => boolean,
  best: TopK,
  scan: Scan,
): void {
  const scores = new Float64Array(perPage)
  let { bar } = best
  let accepted = 0
  let refused = 0
  const judge = (slot: number): boolean => {
    const isAccepted = accept(slot)
    if (isAccepted) accepted += 1
    else refused += 1
    return isAccepted
  }
  for (const [number, page] of pages.entries()) {
    if (page === undefined) continue
    const from = number * perPage
    const count = Math.min(perPage, end - from, page.length / width)
    // To ask costs about as much as a vector's product: first where most are refused, otherwise only for those near enough.
    const asksFirst = refused > 3 * accepted + ENOUGH
    if (!asksFirst) scan.products(query, page, 0, count + (count % 2), scores)
    for (let at = 0; at < count; at += 1) {
      const slot = from + at
      if (asksFirst) {
        if (isSet[slot] !== 1 || !judge(slot)) continue
        scores[at] = dot(page, at * width, query)
      }
      const score = scores[at] as number
      if (score < bar || isSet[slot] !== 1 || (!asksFirst && !judge(slot))) continue
      best.offer(slot, score)
      ;({ bar } = best)
    }
  }
  scan.clear()
}
