import type { EmbeddingModel } from 'opspawn'
import { seeded } from './seeded.ts'

/** Few words are in many texts, most in few, as in a language. */
const vocabulary = Array.from({ length: 20_000 }, (_, index) => `w${index.toString(36)}x`)

export function sentence(random: () => number, least: number, most: number): string {
  const word = (): string => vocabulary[Math.floor(vocabulary.length ** random()) - 1] as string
  return Array.from({ length: least + Math.floor(random() * (most - least)) }, word).join(' ')
}

/** Vectors by number, always the same: in a hundred heaps, or each anywhere. */
export interface Cloud {
  readonly dims: number
  vector(at: number): Float32Array
  /** The same as an embedder gives it. */
  numbers(at: number): number[]
}

const HEAPS = 100
/** How far a vector is from the middle of its heap, as a share of how far middles are from nothing. */
const WIDTH = 0.5

/** Makes unit vectors; `isClustered`: as embedders give, near to others of their kind. */
export function cloudOf(dims: number, isClustered: boolean): Cloud {
  const anywhere = (seed: number): Float32Array => {
    const random = seeded(seed)
    return Float32Array.from({ length: dims }, () => random() - 0.5)
  }
  const middles = Array.from({ length: HEAPS }, (_, heap) => anywhere(-1 - heap))
  const vectorOf = (at: number): Float32Array => {
    const vector = anywhere(at * 7_919 + 1)
    const middle = middles[at % HEAPS] as Float32Array
    if (isClustered)
      for (let place = 0; place < dims; place += 1) vector[place] = (vector[place] as number) * WIDTH + (middle[place] as number)
    const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))
    return vector.map((value) => value / length)
  }
  return { dims, vector: vectorOf, numbers: (at) => [...vectorOf(at)] }
}

/** The same, with those from 0 on made beforehand, so that nobody's time has them in it. */
export function madeBeforehand(cloud: Cloud, count: number): Cloud {
  const made = Array.from({ length: count }, (_, at) => ({ vector: cloud.vector(at), numbers: cloud.numbers(at) }))
  return {
    dims: cloud.dims,
    vector: (at) => made[at]?.vector ?? cloud.vector(at),
    numbers: (at) => made[at]?.numbers ?? cloud.numbers(at),
  }
}

/** Gives the vector of the number that a text begins with, in digits or in signs. */
export function embedderOf(cloud: Cloud): EmbeddingModel {
  return {
    provider: 'bench',
    modelId: 'numbered',
    maxEmbeddingsPerCall: 2_048,
    doEmbed: async ({ values }) => ({
      embeddings: values.map((value) => cloud.numbers(numberOf(value))),
      warnings: [],
    }),
  }
}

function numberOf(text: string): number {
  const signs = /^[!?]+/.exec(text)?.[0]
  return signs === undefined ? Number(text.split(' ', 1)[0]) : Number.parseInt(signs.replaceAll('!', '1').replaceAll('?', '0'), 2)
}

/** A query without words, so that vectors alone answer. */
export function wordless(at: number): string {
  return at.toString(2).replaceAll('1', '!').replaceAll('0', '?')
}

/** The numbers of the ten nearest of so many vectors, by comparing all of them. */
export function tenNearest(slab: Float32Array, dims: number, query: Float32Array): readonly number[] {
  const best: { readonly at: number; readonly score: number }[] = []
  for (let at = 0; at * dims < slab.length; at += 1) {
    let score = 0
    for (let place = 0, from = at * dims; place < dims; place += 1)
      score += (slab[from + place] as number) * (query[place] as number)
    if (best.length === 10 && score <= (best[9]?.score ?? 0)) continue
    best.push({ at, score })
    best.sort((left, right) => right.score - left.score)
    best.length = Math.min(best.length, 10)
  }
  return best.map(({ at }) => at)
}
