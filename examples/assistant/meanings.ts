import type { EmbeddingModel } from 'opspawn'

/** Words that are about the same. */
const MEANINGS: readonly (readonly string[])[] = [
  ['home', 'house', 'live', 'town', 'address'],
  ['nuts', 'almonds', 'cake', 'ill'],
]

/** Which meanings a text has. */
export function meaningsOf(text: string): readonly number[] {
  const words = new Set<string>(text.toLowerCase().match(/[a-z]+/g))
  return MEANINGS.flatMap((meaning, at) => (meaning.some((word) => words.has(word)) ? [at] : []))
}

/**
 * Stands in for an embedding model, so that the example needs no key: it knows the two meanings above and nothing else. In a
 * program of your own: `openai.embeddingModel('text-embedding-3-small')`, or any other embedding model of the AI SDK.
 */
export const smallEmbedder: EmbeddingModel = {
  provider: 'example',
  modelId: 'two-meanings',
  doEmbed: ({ values }) =>
    Promise.resolve({
      // The last number is there for texts without a meaning: a vector of zeros has no direction, and is refused.
      embeddings: values.map((text) => [...MEANINGS.map((_, at) => (meaningsOf(text).includes(at) ? 1 : 0)), 0.1]),
    }),
}
