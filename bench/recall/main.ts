import { parseArgs } from 'node:util'
import { aimsOf } from './aims.ts'
import { judgeDialogue, judgeDocuments, type Figures } from './judge.ts'
import { own, withVectors } from './retrievers/ours.ts'
import { raw } from './retrievers/raw.ts'
import type { Retriever } from './retrievers/retriever.ts'
import { letterTriples, meanings, vectorsAlone } from './retrievers/vectors.ts'
import { setsIn } from './sets/files.ts'
import { generatedDialogue } from './sets/generated-dialogue.ts'
import { generatedDocuments } from './sets/generated-documents.ts'
import { SetFault } from './sets/set-fault.ts'
import type { RecallSet } from './sets/set.ts'

const SEED = 20_261_120

const { values } = parseArgs({ options: { data: { type: 'string' }, only: { type: 'string' }, seed: { type: 'string' } } })
const seed = Number(values.seed ?? SEED)
const sets = chosenSets()
const chosen = values.only?.split(',')

function chosenSets(): readonly RecallSet[] {
  if (values.data === undefined) return [generatedDialogue(seed), generatedDocuments(seed)]
  try {
    return setsIn(values.data)
  } catch (error) {
    if (!(error instanceof SetFault)) throw error
    console.error(`${error.code}: ${error.message}`)
    process.exitCode = 2
    return []
  }
}

/** Everybody by words alone, then each embedder alone and joined with words. */
function retrieversFor(set: RecallSet): readonly Retriever[] {
  const sameAs = set.kind === 'dialogue' ? set.sameAs : undefined
  const embedders = [
    ['letter triples', letterTriples] as const,
    ...(sameAs === undefined ? [] : [['meanings', meanings(sameAs)] as const]),
  ]
  const joined = embedders.flatMap(([name, embed]) => [
    vectorsAlone(`${name} alone`, embed),
    withVectors(`opspawn in-process + ${name}`, embed),
  ])
  return [...own, ...raw, ...joined].filter(({ title }) => chosen?.includes(title) ?? true)
}

for (const set of sets) {
  const rows = new Map<string, Figures>()
  for (const retriever of retrieversFor(set)) {
    console.error(`${set.name}: ${retriever.title}`)
    rows.set(
      retriever.title,
      set.kind === 'dialogue' ? await judgeDialogue(set, retriever) : await judgeDocuments(set, retriever),
    )
  }
  print(set, rows)
}

function print(set: RecallSet, rows: ReadonlyMap<string, Figures>): void {
  const size =
    set.kind === 'documents'
      ? `${set.documents.length} documents, ${set.queries.length} queries`
      : `${set.conversations.length} conversations, ${total(set.conversations, 'turns')} turns, ${total(set.conversations, 'questions')} questions`
  const columns = [...new Set([...rows.values()].flatMap((figures) => Object.keys(figures)))]
  console.log(`\n${set.name} (${size}; ${set.origin})\n`)
  console.log(`| | ${columns.join(' | ')} |`)
  console.log(`|${' --- |'.repeat(columns.length + 1)}`)
  for (const [title, figures] of rows)
    console.log(`| ${title} | ${columns.map((name) => figures[name]?.toFixed(3).replace(/^0/, '') ?? '–').join(' | ')} |`)
  const aims = aimsOf(set.name, rows)
  if (aims.length > 0) console.log(`\n${aims.map((aim) => `- ${aim}`).join('\n')}`)
}

function total<K extends 'turns' | 'questions'>(
  conversations: readonly Readonly<Record<K, readonly unknown[]>>[],
  member: K,
): number {
  return conversations.reduce((sum, conversation) => sum + conversation[member].length, 0)
}
