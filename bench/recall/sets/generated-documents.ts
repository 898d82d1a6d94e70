import { seeded } from '../../seeded.ts'
import type { DocumentSet } from './set.ts'
import { makeWords, pick, zipf } from './words.ts'

const DOCUMENTS = 1_400
const QUERIES = 200
const FIELDS = 12
const TOPICS = 5
const ASPECTS = 3

/**
 * Documents of sixty topics in twelve fields, each document about one aspect of a topic. Words come from the language, the
 * field, the topic and the aspect. A query is a sentence about an aspect; documents of the aspect have grade 2, others of the
 * topic grade 1.
 */
export function generatedDocuments(seed: number): DocumentSet {
  const random = seeded(seed)
  const general = makeWords(random, 3_000)
  const fields = Array.from({ length: FIELDS }, () => {
    const words = makeWords(random, 300)
    return Array.from({ length: TOPICS }, () => {
      const topic = makeWords(random, 60)
      return Array.from({ length: ASPECTS }, () => ({ words, topic, aspect: makeWords(random, 12) }))
    })
  })
  const topics = fields.flat()
  const text = (of: (typeof topics)[number][number], length: number, share: readonly [number, number, number]): string =>
    Array.from({ length }, () => {
      const kind = random()
      if (kind < share[0]) return zipf(random, of.aspect)
      if (kind < share[1]) return zipf(random, of.topic)
      return kind < share[2] ? zipf(random, of.words) : zipf(random, general)
    }).join(' ')
  const documents = Array.from({ length: DOCUMENTS }, (_, at) => {
    const topic = pick(random, topics)
    const of = pick(random, topic)
    return { id: `doc-${at}`, topic, of, text: text(of, 60 + Math.floor(random() * 120), [0.03, 0.1, 0.3]) }
  })
  const queries = Array.from({ length: QUERIES }, () => {
    const topic = pick(random, topics)
    const of = pick(random, topic)
    const grades = documents.flatMap((one) => (one.topic === topic ? [[one.id, one.of === of ? 2 : 1] as const] : []))
    return { text: text(of, 8 + Math.floor(random() * 12), [0.1, 0.25, 0.5]), grades: new Map(grades) }
  })
  return { kind: 'documents', name: 'generated documents', origin: `seed ${seed}`, documents, queries }
}
