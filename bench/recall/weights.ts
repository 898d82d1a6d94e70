/**
 * What the weights of neighbours and sessions do on generated conversations: `node bench/recall/weights.ts`. Each cell is the
 * recall among the first ten, means over several seeds. The weights of the memories were read off here, never off a published set.
 */
import type { MemoryRecord } from '../../src/core/index.ts'
import { compareRecords } from '../../src/remembering/fuse.ts'
import { lexicalIndex } from '../../src/remembering/lexical-index.ts'
import { createPlaces, withStructure, type StructureWeights } from '../../src/remembering/structure.ts'
import { wordsOf } from '../../src/remembering/words.ts'
import { mean, recallAt } from './metrics.ts'
import { generatedDialogue } from './sets/generated-dialogue.ts'
import type { DialogueSet } from './sets/set.ts'

const SEEDS = [1, 2, 3]
const STEPS = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7]
const CANDIDATES = 64
const LENDING = 32

type Asker = (question: string, weights: StructureWeights) => readonly string[]

/** The words' leg of a recall with its structure, as `assembleRecall` does it. */
function askerOf({ turns }: DialogueSet['conversations'][number]): Asker {
  const index = lexicalIndex()
  const seqs = new Map<string, number>()
  const records = turns.map(({ id, session, speaker, text }, at) => {
    const seq = (seqs.get(session) ?? 0) + 1
    seqs.set(session, seq)
    index.add(at, wordsOf(`${speaker}: ${text}`))
    return { id, kind: 'message', seq, scope: scopeOf(session), createdAt: 0, text } as unknown as MemoryRecord
  })
  const placed = createPlaces()
  const byPlace = new Map(records.map((record) => [placed.at(record), record]))
  return (question, weights) => {
    const places = createPlaces()
    const hits = index
      .search(
        wordsOf(question),
        () => true,
        CANDIDATES,
        (left, right) => left - right,
      )
      .map(({ slot, score }) => ({ record: records[slot] as MemoryRecord, score }))
    const beside = hits
      .slice(0, LENDING)
      .flatMap(({ record }) => [-1, 1].flatMap((offset) => byPlace.get(places.at(record, offset)) ?? []))
    return withStructure(hits, beside, places, weights)
      .toSorted((left, right) => right.score - left.score || compareRecords(left.record, right.record))
      .map(({ record }) => record.id)
  }
}

const scopes = new Map<string, { tenant: string; session: string }>()
function scopeOf(session: string): { tenant: string; session: string } {
  const known = scopes.get(session) ?? { tenant: 'bench', session }
  scopes.set(session, known)
  return known
}

const asked = SEEDS.flatMap((seed) =>
  generatedDialogue(seed).conversations.map((conversation) => ({ ask: askerOf(conversation), ...conversation })),
)
console.log(`| neighbour \\ session | ${STEPS.join(' | ')} |`)
console.log(`|${' --- |'.repeat(STEPS.length + 1)}`)
for (const neighbour of STEPS) {
  const cells = STEPS.map((session) =>
    mean(
      asked.flatMap(({ ask, questions }) =>
        questions
          .filter(({ evidence }) => evidence.length > 0)
          .map(({ text, evidence }) => recallAt(ask(text, { neighbour, session }), new Set(evidence), 10)),
      ),
    ),
  )
  console.log(`| ${neighbour} | ${cells.map((value) => value.toFixed(3).replace(/^0/, '')).join(' | ')} |`)
}
