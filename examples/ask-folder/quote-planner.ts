import type { Decision, Effect, Json, Planner, RunView } from 'opspawn'
import { splitSentences, type Sentence } from './sentences.ts'
import type { FileList, FilePart, SearchResult } from './tools.ts'
import { searchWords, wordStems } from './words.ts'

const MAX_READS = 5
const MAX_QUOTES = 4
const MAX_QUOTE_LENGTH = 420
/** From some half of this length on a quote is no longer too short. */
const TELLING_LENGTH = 200
/** What a word counts that stands in the headings above a quote alone. */
const HEADING_SHARE = 0.7

/**
 * Answers without a model: search, read the best passages, quote the sentences that hold most of the question. A planner
 * is a pure function of the run's history; the engine does everything that it asks for.
 */
export function quotePlanner(): Planner {
  return { spec: 'planner/1', name: 'quote', decide }
}

function decide(run: RunView): Decision {
  if (run.open > 0) return { type: 'idle' }
  for (const { outcome } of run.settled) {
    if (outcome !== undefined && outcome.status !== 'completed') return { type: 'fail', error: outcome.error }
  }
  const question = (run.input as string).slice(0, 1_000)
  // A question such as "What is this about?" has no word to search for: show how the documents begin.
  return searchWords(question).length === 0 ? decideOverview(run) : decideAnswer(run, question)
}

function decideAnswer(run: RunView, question: string): Decision {
  const search = valueOf<SearchResult>(run, 'search')
  if (search === undefined) return act({ kind: 'tool', key: 'search', tool: 'search_passages', input: { query: question } })
  if (search.hits.length === 0) return finish(nothingFound(search))
  const parts = partsRead(run)
  return parts.length === 0 ? act(...readHits(search)) : finish(quoteAnswer(search, parts))
}

function decideOverview(run: RunView): Decision {
  const list = valueOf<FileList>(run, 'list')
  if (list === undefined) return act({ kind: 'tool', key: 'list', tool: 'list_files', input: {} })
  const parts = partsRead(run)
  return parts.length === 0 ? act(...readBeginnings(list)) : finish(overview(list, parts))
}

/** Passages that follow each other are read in one go. */
function readHits({ hits }: SearchResult): Effect[] {
  const places: { file: string; from: number; to: number }[] = []
  for (const { file, from, to } of hits.slice(0, MAX_READS)) {
    const near = places.find((place) => place.file === file && from <= place.to + 3 && place.from <= to + 3)
    if (near === undefined) places.push({ file, from, to })
    else Object.assign(near, { from: Math.min(near.from, from), to: Math.max(near.to, to) })
  }
  return places.map((place, at) => read(at, place))
}

function readBeginnings({ files }: FileList): Effect[] {
  const depth = (file: string): number => file.split('/').length - (/readme/i.test(file) ? 1 : 0)
  const first = files.toSorted((left, right) => depth(left.file) - depth(right.file)).slice(0, MAX_READS)
  return first.map(({ file }, at) => read(at, { file, from: 1, to: 40 }))
}

function read(at: number, input: Json): Effect {
  return { kind: 'tool', key: `read-${at}`, tool: 'read_file', input }
}

/** Takes the best quote, then the best that says something else, and so on. */
function quoteAnswer({ words, passages, hits }: SearchResult, parts: readonly FilePart[]): string {
  const weights = weightsOf(words, passages)
  let left = parts.flatMap((part) => quotesOf(part).map((quote, at) => withPassage(quote, at, hits)))
  const chosen: string[] = []
  let leastScore = 0
  while (left.length > 0 && chosen.length < MAX_QUOTES) {
    const best = left.reduce((one, other) => (score(other, weights) > score(one, weights) ? other : one))
    const bestScore = score(best, weights)
    // What remains says little of what was asked.
    if (bestScore === 0 || bestScore < leastScore) break
    leastScore ||= bestScore / 4
    chosen.push(cite(best))
    lower(weights, best)
    left = left.filter((quote) => !overlap(quote, best))
  }
  const missing = Object.keys(words).filter((word) => words[word] === 0)
  const note = missing.length === 0 ? [] : [`No passage holds ${missing.join(', ')}. The nearest to the rest of the question:`]
  const places = hits.map(({ file, from, headings }) => `  ${file}:${from}${headings === '' ? '' : ` (${headings})`}`)
  const quotes = chosen.length > 0 ? chosen : [`No whole sentence fits; the best passages stand in\n${places.join('\n')}`]
  return [...note, ...quotes].join('\n\n')
}

/** Rare words say more. */
function weightsOf(words: SearchResult['words'], passages: number): Map<string, number> {
  const weights = new Map<string, number>()
  for (const [word, count] of Object.entries(words))
    for (const stem of wordStems(word)) weights.set(stem, Math.log(1 + passages / Math.max(1, count)))
  return weights
}

/** What was quoted already need not be said again. */
function lower(weights: Map<string, number>, { stems, headingStems }: ScoredQuote): void {
  for (const [stem, weight] of weights) weights.set(stem, weight * (stems.has(stem) ? 0.5 : headingStems.has(stem) ? 0.8 : 1))
}

interface Quote {
  readonly file: string
  readonly text: string
  readonly from: number
  readonly to: number
}

interface ScoredQuote extends Quote {
  readonly stems: ReadonlySet<string>
  /** Of the headings above it. */
  readonly headingStems: ReadonlySet<string>
  /** How well the passage fits that it stands in; what comes first in a passage says most. */
  readonly fit: number
}

function withPassage(quote: Quote, at: number, hits: SearchResult['hits']): ScoredQuote {
  const passage = hits.find(({ file, from, to }) => file === quote.file && from <= quote.from && quote.from <= to)
  const headingStems = new Set(wordStems(passage?.headings ?? ''))
  // What lies between two passages that were found came along.
  const fit = (passage?.score ?? 0) ** 2 / (1 + at / 8)
  return { ...quote, stems: new Set(wordStems(quote.text)), headingStems, fit }
}

/** Every sentence, together with the next one of its paragraph where both are short enough. */
function quotesOf({ file, text }: FilePart): Quote[] {
  const sentences = splitSentences(text).filter((sentence) => sentence.text.length <= MAX_QUOTE_LENGTH)
  return sentences.map((sentence, at) => {
    const next = sentences[at + 1]
    const joins = next?.paragraph === sentence.paragraph && sentence.text.length + next.text.length < MAX_QUOTE_LENGTH
    return { file, ...(joins ? join(sentence, next) : sentence) }
  })
}

function join(first: Sentence, second: Sentence): Sentence {
  return { ...first, text: `${first.text} ${second.text}`, to: second.to }
}

/**
 * How much of the question a quote holds, or the headings above it: below the right heading an answer rarely repeats the
 * question. Long quotes are worse, and so are very short ones, which say little, and those of passages that fit less.
 */
function score({ stems, headingStems, text, fit }: ScoredQuote, weights: ReadonlyMap<string, number>): number {
  let sum = 0
  for (const [stem, weight] of weights) sum += stems.has(stem) ? weight : headingStems.has(stem) ? weight * HEADING_SHARE : 0
  const telling = Math.min(1, 0.4 + text.length / TELLING_LENGTH)
  return (sum * fit * telling) / (1 + text.length / MAX_QUOTE_LENGTH)
}

function overlap(left: Quote, right: Quote): boolean {
  return left.file === right.file && left.from <= right.to && right.from <= left.to
}

function cite({ file, text, from, to }: Quote): string {
  return `"${text}"\n  ${file}:${from}${to > from ? `-${to}` : ''}`
}

function nothingFound({ words, passages }: SearchResult): string {
  return `Nothing found: none of ${passages} passages holds ${Object.keys(words).join(', ')}. Try other words.`
}

function overview({ files, total }: FileList, parts: readonly FilePart[]): string {
  const quotes = parts.flatMap((part) => {
    const [first] = quotesOf(part)
    return first === undefined ? [] : [cite(first)]
  })
  const titles = files.slice(0, 10).map(({ file, title }) => `  ${file}: ${title}`)
  const more = total > titles.length ? [`  … and ${total - titles.length} more`] : []
  return [...quotes, [`Documents:`, ...titles, ...more].join('\n')].join('\n\n')
}

function partsRead(run: RunView): FilePart[] {
  return [...run.effects.keys()].flatMap((key) => (key.startsWith('read-') ? (valueOf<FilePart>(run, key) ?? []) : []))
}

function valueOf<T>(run: RunView, key: string): T | undefined {
  const outcome = run.effects.get(key)?.outcome
  return outcome?.status === 'completed' ? (outcome.value as T) : undefined
}

function act(...effects: Effect[]): Decision {
  return { type: 'act', effects }
}

function finish(output: string): Decision {
  return { type: 'finish', output }
}
