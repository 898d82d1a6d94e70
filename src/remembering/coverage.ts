import { wordsOf } from './words.ts'

/** The share of a query's words that a text has; nothing for a query without words. */
export type Coverage = (text: string) => { readonly coverage?: number }

/**
 * Tells which share of a query's words a text has: unlike the score, it can be compared between recalls, so that a caller can
 * tell an answer from the best of what does not fit.
 */
export function createCoverage(query: string): Coverage {
  const wanted = new Set(wordsOf(query))
  if (wanted.size === 0) return () => ({})
  return (text) => {
    const words = new Set(wordsOf(text))
    return { coverage: [...wanted].filter((word) => words.has(word)).length / wanted.size }
  }
}
