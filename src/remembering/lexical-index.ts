import { topK, type Scored } from './top-k.ts'

/** BM25 for short texts such as turns of a conversation. */
const K1 = 0.9
const B = 0.4

/** An index of words that grows entry by entry. Slots are numbers from 0 that only rise; the caller keeps what they stand for. */
export interface LexicalIndex {
  /** Adds the words of a text. Each slot once, in rising order. */
  add(slot: number, words: readonly string[]): void
  /** Takes a text out; its words must be those that were added. Its place is only freed by building a new index. */
  remove(slot: number, words: readonly string[]): void
  /** The best by BM25 among the accepted; repeated words of the query count once. */
  search(
    words: readonly string[],
    accept: (slot: number) => boolean,
    limit: number,
    order: (left: number, right: number) => number,
  ): readonly Scored[]
  /** Texts in it. */
  readonly size: number
}

/**
 * Which text has a word, and how often: the slot times {@link COUNTS}, and the count. One number for both, and one alone for the many
 * words that are in one text only: two lists for every word took half of all that a memory of 10,000 short texts took.
 */
type Posting = number

interface Postings {
  /** In rising order. Plain lists: most words are in a few texts, and a typed array costs more than it holds then. */
  list: Posting[]
  /** How many of them were taken out. */
  dead: number
}

/** More often than one less counts as that: a score hardly rises any more. */
const COUNTS = 1024
/** Longer lists grow by more than one place at a time. */
const SHORT = 16

function slotOf(posting: Posting): number {
  return Math.floor(posting / COUNTS)
}

function counted(posting: Posting): Posting {
  return posting % COUNTS === COUNTS - 1 ? posting : posting + 1
}

/** What an index is made of. */
interface Tables {
  readonly terms: Map<string, Posting | Postings>
  /** Words of each slot; negative: taken out. */
  lengths: Float32Array
  /** Of the search under way; zero between searches. */
  scores: Float64Array
  size: number
  /** Words of all texts together. */
  total: number
}

function grow(tables: Tables, slot: number): void {
  if (slot < tables.lengths.length) return
  const capacity = Math.max(tables.lengths.length * 2, slot + 1)
  const more = new Float32Array(capacity)
  more.set(tables.lengths)
  tables.lengths = more
  tables.scores = new Float64Array(capacity)
}

/** Adds one word's share to the scores, and notes the slots that it is the first to touch. */
function gather({ lengths, scores, size, total }: Tables, found: Posting | Postings, touched: number[]): void {
  const { list, dead } = typeof found === 'number' ? { list: [found], dead: 0 } : found
  const { length } = list
  const holders = length - dead
  if (holders === 0) return
  const idf = Math.log(1 + (size - holders + 0.5) / (holders + 0.5))
  const norm = (K1 * B * size) / total
  for (let at = 0; at < length; at += 1) {
    const posting = list[at] as Posting
    const slot = slotOf(posting)
    const words = lengths[slot] as number
    if (words < 0) continue
    const count = posting - slot * COUNTS
    if (scores[slot] === 0) touched.push(slot)
    scores[slot] = (scores[slot] as number) + (idf * count * (K1 + 1)) / (count + K1 * (1 - B) + norm * words)
  }
}

/** Makes an empty index. */
export function lexicalIndex(): LexicalIndex {
  const tables: Tables = { terms: new Map(), lengths: new Float32Array(64), scores: new Float64Array(64), size: 0, total: 0 }
  const { terms } = tables

  return {
    get size() {
      return tables.size
    },
    add(slot, words) {
      grow(tables, slot)
      for (const word of words) {
        const before = terms.get(word)
        if (typeof before === 'object') count(before, slot)
        else terms.set(word, withOne(before, slot))
      }
      tables.lengths[slot] = words.length
      tables.size += 1
      tables.total += words.length
    },
    remove(slot, words) {
      for (const word of new Set(words)) {
        const postings = terms.get(word)
        if (postings === undefined) continue
        if (typeof postings === 'object') postings.dead += 1
        if (typeof postings === 'number' || postings.dead === postings.list.length) terms.delete(word)
      }
      tables.lengths[slot] = -1
      tables.size -= 1
      tables.total -= words.length
    },
    search(words, accept, limit, order) {
      const touched: number[] = []
      for (const word of new Set(words)) {
        const postings = terms.get(word)
        if (postings !== undefined) gather(tables, postings, touched)
      }
      const best = topK(limit, order)
      const { scores } = tables
      let { bar } = best
      for (const slot of touched) {
        const score = scores[slot] as number
        scores[slot] = 0
        if (score < bar || !accept(slot)) continue
        best.offer(slot, score)
        ;({ bar } = best)
      }
      return best.sorted()
    },
  }
}

/** Counts a word of a text, where it was in one text at the most. */
function withOne(before: Posting | undefined, slot: number): Posting | Postings {
  const first = slot * COUNTS + 1
  if (before === undefined) return first
  return slotOf(before) === slot ? counted(before) : { list: [before, first], dead: 0 }
}

/** Counts a word of a text: the texts come one after the other. */
function count(postings: Postings, slot: number): void {
  const { list } = postings
  const last = list.length - 1
  const posting = list[last] as Posting
  if (slotOf(posting) === slot) {
    list[last] = counted(posting)
    return
  }
  const first = slot * COUNTS + 1
  // `push` sets sixteen places and half as many again aside, and a spread some too.
  if (list.length < SHORT) postings.list = list.concat(first)
  else list.push(first)
}
