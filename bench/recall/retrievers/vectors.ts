import type { EmbeddingModel } from 'opspawn'
import { packed, type Found, type Retriever } from './retriever.ts'

const DIMS = 512

/** Makes a vector of a text, of length 1 unless the text has nothing to go by. */
export type Embed = (text: string) => Float32Array

function hash(text: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  return value >>> 0
}

function summed(features: readonly string[]): Float32Array {
  const vector = new Float32Array(DIMS)
  for (const feature of features) {
    const value = hash(feature)
    const at = value % DIMS
    vector[at] = (vector[at] as number) + ((value >>> 16) % 2 === 0 ? 1 : -1)
  }
  const length = Math.hypot(...vector)
  return length === 0 ? vector : vector.map((value) => value / length)
}

const wordsOf = (text: string): readonly string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []

/** Counts of letter triples: what goes as an embedder where there is none. It knows no meaning. */
export const letterTriples: Embed = (text) =>
  summed(wordsOf(text).flatMap((word) => Array.from({ length: word.length }, (_, at) => ` ${word} `.slice(at, at + 3))))

/** Counts of meanings, for generated texts, whose generator knows which words mean the same: a stand-in for a real embedder. */
export function meanings(sameAs: ReadonlyMap<string, string>): Embed {
  return (text) => summed(wordsOf(text).map((word) => sameAs.get(word) ?? word))
}

export function toModel(embed: Embed): EmbeddingModel {
  return {
    provider: 'bench',
    modelId: 'counts',
    maxEmbeddingsPerCall: 2_048,
    doEmbed: async ({ values }) => ({ embeddings: values.map((value) => [...embed(value)]), warnings: [] }),
  }
}

/** The nearest by cosine, all compared. */
export function vectorsAlone(title: string, embed: Embed): Retriever {
  return {
    title,
    async open(texts) {
      const vectors = texts.map(({ text }) => embed(text))
      const rank = async (query: string, limit: number): Promise<Found> => {
        const wanted = embed(query)
        return texts
          .map(({ id }, at) => ({ id, sure: dot(vectors[at] as Float32Array, wanted) }))
          .toSorted((left, right) => right.sure - left.sure)
          .slice(0, limit)
      }
      return { rank, within: packed(texts, rank), close: async () => undefined }
    },
  }
}

function dot(left: Float32Array, right: Float32Array): number {
  let sum = 0
  for (let at = 0; at < DIMS; at += 1) sum += (left[at] as number) * (right[at] as number)
  return sum
}
