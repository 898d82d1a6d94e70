import { wordsOf } from './words.ts'

/**
 * Tells which share of a query's words a text has: unlike the score, it can be compared between recalls, so that a caller can
 * tell an answer from the best of what does not fit. Nothing for a query without words.
 */
export function createCoverage(query: string): (text: string) => { readonly coverage?: number } {
  const wanted = new Set(wordsOf(query))
  if (wanted.size === 0) return () => ({})
  return (text) => {
    const words = new Set(wordsOf(text))
    return { coverage: [...wanted].filter((word) => words.has(word)).length / wanted.size }
  }
}
