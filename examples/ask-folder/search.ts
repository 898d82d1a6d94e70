import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Passage, splitPassages } from './passages.ts'
import type { Document } from './read-folder.ts'
import { wordStems } from './words.ts'

/** A passage that fits a question. */
export interface Hit {
  readonly passage: Passage
  readonly score: number
}

/** The passages of a folder, ready to be searched. */
export interface SearchIndex {
  readonly passages: readonly Passage[]
  /** The best passages first. */
  search(query: string, limit: number): Hit[]
  /** How many passages hold a word. */
  frequency(word: string): number
}

// BM25: how soon repeating a word stops to count, and how much a long passage is marked down for its length.
const K1 = 1.2
const B = 0.75
/** A word in a heading or in the file's name counts so often. */
const HEADING_WEIGHT = 2

/** Reads every passage's words once. */
export async function indexDocuments(documents: readonly Document[]): Promise<SearchIndex> {
  const passages: Passage[] = []
  const lengths: number[] = []
  /** For each word the passages that hold it, and how often: [passage, count, passage, count, …]. */
  const postings = new Map<string, number[]>()
  let total = 0

  for (const document of documents) {
    // Other work, Ctrl-C included, gets its turn between the documents.
    await nextTurn()
    for (const passage of splitPassages(document)) {
      const index = passages.push(passage) - 1
      const counts = countWords(passage)
      let length = 0
      for (const [word, count] of counts) {
        length += count
        const places = postings.get(word)
        if (places === undefined) postings.set(word, [index, count])
        else places.push(index, count)
      }
      lengths.push(length)
      total += length
    }
  }
  const average = total / Math.max(1, passages.length)

  function search(query: string, limit: number): Hit[] {
    const words = [...new Set(wordStems(query))].filter((word) => postings.has(word))
    const scores = new Map<number, number>()
    for (const word of words) {
      const places = postings.get(word) ?? []
      const holding = places.length / 2
      const rarity = Math.log(1 + (passages.length - holding + 0.5) / (holding + 0.5))
      for (let at = 0; at < places.length; at += 2) {
        const [index = 0, count = 0] = places.slice(at, at + 2)
        const share = count + K1 * (1 - B + (B * (lengths[index] ?? 0)) / average)
        scores.set(index, (scores.get(index) ?? 0) + (rarity * count * (K1 + 1)) / share)
      }
    }
    return [...scores]
      .toSorted(([left, a], [right, b]) => b - a || left - right)
      .slice(0, limit)
      .flatMap(([index, score]) => {
        const passage = passages[index]
        return passage === undefined ? [] : [{ passage, score }]
      })
  }

  return {
    passages,
    search,
    frequency: (word) => Math.max(0, ...wordStems(word).map((stem) => postings.get(stem)?.length ?? 0)) / 2,
  }
}

function countWords({ text, headings, file }: Passage): Map<string, number> {
  const counts = new Map<string, number>()
  const add = (words: readonly string[], weight: number): void => {
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + weight)
  }
  add(wordStems(text), 1)
  add([...new Set(wordStems(`${headings.join(' ')} ${file}`))], HEADING_WEIGHT)
  return counts
}
