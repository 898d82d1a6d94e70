import { areaUnderCurve, hitAt, mean, ndcgAt, recallAt, reciprocalRank } from './metrics.ts'
import type { OpenRetriever, Retriever } from './retrievers/retriever.ts'
import type { DialogueSet, DocumentSet } from './sets/set.ts'

/** Figures by name, from 0 to 1; not a number where the set cannot tell. */
export type Figures = Readonly<Record<string, number>>

const DEEP = 20
/** Of so many first ones the surest tells whether there is an answer. */
const BEST = 5
const BUDGETS = [500, 1_000, 2_000, 4_000] as const

/** Every conversation has a store of its own; figures are means over all questions. */
export async function judgeDialogue(set: DialogueSet, retriever: Retriever): Promise<Figures> {
  const values = new Map<string, number[]>()
  const add = (name: string, value: number): void => void values.set(name, [...(values.get(name) ?? []), value])
  const answerable: number[] = []
  const unsaid: number[] = []
  for (const { turns, questions } of set.conversations) {
    const open = await retriever.open(
      turns.map(({ id, session, speaker, text }) => ({ id, session, text: `${speaker}: ${text}` })),
    )
    for (const question of questions) {
      const found = await open.rank(question.text, DEEP)
      const best = Math.max(0, ...found.slice(0, BEST).map(({ sure }) => sure))
      if (question.evidence.length === 0) {
        unsaid.push(best)
        continue
      }
      answerable.push(best)
      const ranked = found.map(({ id }) => id)
      const wanted = new Set(question.evidence)
      if (set.wanted === 'session') add('hit@5', hitAt(ranked, wanted, 5))
      else await addTurns(add, open, question.text, ranked, wanted)
    }
    await open.close()
  }
  const figures = Object.fromEntries([...values].map(([name, all]) => [name, mean(all)]))
  return unsaid.length === 0 ? figures : { ...figures, 'abstention AUC': areaUnderCurve(answerable, unsaid) }
}

async function addTurns(
  add: (name: string, value: number) => void,
  open: OpenRetriever,
  query: string,
  ranked: readonly string[],
  wanted: ReadonlySet<string>,
): Promise<void> {
  for (const k of [5, 10, DEEP]) add(`R@${k}`, recallAt(ranked, wanted, k))
  add('MRR', reciprocalRank(ranked, wanted))
  for (const tokens of BUDGETS) add(`in ${tokens} tokens`, recallAt(await open.within(query, tokens), wanted, Infinity))
}

export async function judgeDocuments(set: DocumentSet, retriever: Retriever): Promise<Figures> {
  const open = await retriever.open(set.documents)
  const recalls: number[] = []
  const gains: number[] = []
  for (const { text, grades } of set.queries) {
    const ranked = (await open.rank(text, 10)).map(({ id }) => id)
    recalls.push(recallAt(ranked, new Set(grades.keys()), 10))
    gains.push(ndcgAt(ranked, grades, 10))
  }
  await open.close()
  return { 'R@10': mean(recalls), 'nDCG@10': mean(gains) }
}
