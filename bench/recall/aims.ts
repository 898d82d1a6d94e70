import type { Figures } from './judge.ts'

/** Figures of everybody on one set, by title. */
export type Rows = ReadonlyMap<string, Figures>

const OURS = 'opspawn in-process'
const RAW = 'LanceDB FTS'
/** What may be lost to a raw store on documents, and to the better of two ways when they are joined. */
const [TO_RAW, TO_BETTER] = [0.005, 0.01]

/** The least that is aimed at on a published set, by its name; those of LoCoMo were set on its audited questions. */
const LEAST: Readonly<Record<string, Figures>> = {
  LoCoMo: { 'R@10': 0.7, 'in 1000 tokens': 0.77, 'abstention AUC': 0.6 },
  LongMemEval: { 'hit@5': 0.97 },
}
const BESIDE_RAW = ['Cranfield', 'CISI']

/** What was aimed at on a set and what it came to, a line each; what nobody measured is left out. */
export function aimsOf(set: string, rows: Rows): readonly string[] {
  const ours = rows.get(OURS)
  const least = Object.entries(LEAST[set] ?? {}).map(([figure, bound]) => line(`${OURS}, ${figure}`, ours?.[figure], bound))
  const raw = BESIDE_RAW.includes(set) ? rows.get(RAW)?.['nDCG@10'] : undefined
  const beside = line(`${OURS}, nDCG@10 beside ${RAW}`, ours?.['nDCG@10'], raw === undefined ? undefined : raw - TO_RAW)
  return [...least, beside, ...[...rows.keys()].map((title) => joined(title, rows))].filter((one) => one !== undefined)
}

/** A row of words and an embedder together, beside the better of the two alone. */
function joined(title: string, rows: Rows): string | undefined {
  const [words, embedder] = title.split(' + ')
  const alone = embedder === undefined ? undefined : rows.get(`${embedder} alone`)
  const figure = alone !== undefined && 'nDCG@10' in alone ? 'nDCG@10' : 'R@10'
  const [left, right] = [rows.get(words ?? '')?.[figure], alone?.[figure]]
  if (left === undefined || right === undefined) return undefined
  return line(`${title}, ${figure} beside the better alone`, rows.get(title)?.[figure], Math.max(left, right) - TO_BETTER)
}

function line(what: string, value: number | undefined, bound: number | undefined): string | undefined {
  if (value === undefined || bound === undefined) return undefined
  return `${what}: ${value.toFixed(3)}, aim ${bound.toFixed(3)} or more: ${value >= bound ? 'met' : 'missed'}`
}
