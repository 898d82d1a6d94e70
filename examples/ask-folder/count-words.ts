import type { MemoryHandle } from 'opspawn'
import { searchWords, wordStems } from './words.ts'

/** In how many of the remembered passages each word stands. */
export interface WordCounts {
  readonly passages: number
  count(word: string): number
  /** The most frequent word that differs from this one by a single letter: `license` for `licence`. */
  similar(word: string): string | undefined
}

/** Reads every passage once. */
export async function countWords(handle: MemoryHandle, signal: AbortSignal): Promise<WordCounts> {
  const stems = new Map<string, number>()
  const words = new Map<string, number>()
  let passages = 0
  let cursor: string | undefined
  do {
    const page = await handle.list({ limit: 1_000, ...(cursor !== undefined && { cursor }) }, { signal })
    for (const { text } of page.records) {
      for (const stem of new Set(wordStems(text))) stems.set(stem, (stems.get(stem) ?? 0) + 1)
      for (const word of new Set(searchWords(text))) words.set(word, (words.get(word) ?? 0) + 1)
    }
    passages += page.records.length
    cursor = page.cursor
  } while (cursor !== undefined)
  return {
    passages,
    count: (word) => Math.max(0, ...wordStems(word).map((stem) => stems.get(stem) ?? 0)),
    similar(word) {
      // Short words differ by one letter and mean something else.
      if (word.length < 6) return undefined
      const near = [...words].filter(([other]) => differsByOne(word, other))
      return near.toSorted((left, right) => right[1] - left[1] || (left[0] < right[0] ? -1 : 1))[0]?.[0]
    },
  }
}

/** One letter is another one, missing, or too much. */
function differsByOne(left: string, right: string): boolean {
  if (Math.abs(left.length - right.length) > 1) return false
  let at = 0
  while (at < left.length && left[at] === right[at]) at += 1
  const skip = (text: string, other: string): string => text.slice(text.length >= other.length ? at + 1 : at)
  return left !== right && skip(left, right) === skip(right, left)
}
