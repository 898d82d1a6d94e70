import type { MemoryRecord } from '../core/index.ts'
import { compareText } from './filter.ts'
import type { Coverage } from './coverage.ts'
import type { Hit, Places } from './structure.ts'

/** One way of searching and what it found, best first. */
export interface Leg {
  /** Such as `lexical` or `vector`. */
  readonly name: string
  readonly hits: readonly Hit[]
}

/** A record with its score from 0 to 1 and what each leg gave to it. */
export interface Ranked {
  readonly record: MemoryRecord
  readonly score: number
  readonly parts: Readonly<Record<string, number>>
}

/**
 * How fast a rank loses worth when several legs are joined, and how much more words count than the other legs. Chosen on
 * generated conversations, with a good embedder and a bad one (`bench/recall`): the usual 60 makes the first ranks so alike
 * that a bad leg drags a good one down.
 */
const RANK = 2
const WORDS = 1.5
/** How many of the first hits of a leg tell whether it is of use. Docs/decisions/0057 says how this and the next three were chosen. */
const TOLD_BY = 10
/** The least that a leg beside words counts. */
const LEAST = 0.2
/** What agreement is worth. */
const CREDIT = 1.5
/** From this share of a query's words in one text on, words know what is asked for. */
const KNOWN = 0.5
/** Shares of the two small legs; they decide between records that the others find about equal. */
const EXACT = 0.1
const RECENT = 0.02
const HALF_LIFE_MS = 30 * 86_400_000

/** A hit with what each leg gave to it. */
export interface Joined extends Hit {
  readonly parts: Readonly<Record<string, number>>
}

/**
 * Joins legs, best first. One alone keeps its scores; several are joined by rank, since scores of different legs cannot be
 * compared. Beside words a leg counts as far as it agrees with them, or as words do not know what is asked for.
 *
 * @param coverage see {@link createCoverage}.
 */
export function joinLegs(legs: readonly Leg[], places: Places, coverage: Coverage): readonly Joined[] {
  const used = legs.filter((leg) => leg.hits.length > 0)
  const [only] = used
  if (only !== undefined && used.length === 1) {
    const top = only.hits[0]?.score ?? 0
    return only.hits.map(({ record, score }) => ({ record, score: ratio(score, top), parts: { [only.name]: ratio(score, top) } }))
  }
  const all = new Map<string, { record: MemoryRecord; score: number; parts: Record<string, number> }>()
  const weights = weigh(used, places, coverage)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  for (const [number, leg] of used.entries()) {
    const weight = (weights[number] as number) / total
    leg.hits.forEach(({ record }, at) => {
      const share = (weight * (RANK + 1)) / (RANK + 1 + at)
      const place = places.at(record)
      const entry = all.get(place) ?? { record, score: 0, parts: {} }
      entry.score += share
      entry.parts[leg.name] = share
      all.set(place, entry)
    })
  }
  return [...all.values()].toSorted(compareRanked)
}

function weigh(legs: readonly Leg[], places: Places, coverage: Coverage): readonly number[] {
  const words = legs.find(({ name }) => name === 'lexical')
  if (words === undefined) return legs.map(() => 1)
  const first = words.hits.slice(0, TOLD_BY)
  const found = new Set(first.map(({ record }) => places.at(record)))
  const known = Math.max(...first.map(({ record }) => coverage(record.text).coverage ?? 0))
  return legs.map((leg) => {
    if (leg === words) return WORDS
    const own = leg.hits.slice(0, TOLD_BY)
    const agreement = own.filter(({ record }) => found.has(places.at(record))).length / Math.min(own.length, first.length)
    return Math.min(1, Math.max(LEAST, CREDIT * agreement, 1 - known / KNOWN))
  })
}

function ratio(score: number, top: number): number {
  return top > 0 ? Math.max(0, score / top) : 1
}

/** Adds a little for the names and numbers of the query that a text has literally, and for youth. Best first. */
export function rankHits(
  hits: readonly Hit[],
  partsOf: (record: MemoryRecord) => Joined['parts'] | undefined,
  query: string,
  now: number,
): readonly Ranked[] {
  const exact = exactPhrases(query)
  const top = hits.reduce((most, { score }) => Math.max(most, score), 0)
  return hits
    .map(({ record, score }) => {
      const base = ratio(score, top)
      const literal = exact.length === 0 ? 0 : EXACT * literalShare(exact, record.text)
      const recency = RECENT * 2 ** (-Math.max(0, now - timeOf(record)) / HALF_LIFE_MS)
      const parts = { ...partsOf(record), ...(literal > 0 ? { exact: literal } : undefined), recency }
      return { record, score: (base + literal + recency) / (1 + EXACT + RECENT), parts }
    })
    .toSorted(compareRanked)
}

/** When it happened, or when it was recorded. */
export function timeOf(record: MemoryRecord): number {
  return record.occurredAt ?? record.createdAt
}

/** The order of an answer: score, then the later one, then id. It does not depend on the order of insertion. */
export function compareRanked(left: Hit, right: Hit): number {
  return right.score - left.score || compareRecords(left.record, right.record)
}

/** The later one first, then by id, then by place. */
export function compareRecords(left: MemoryRecord, right: MemoryRecord): number {
  return timeOf(right) - timeOf(left) || compareText(left.id, right.id) || left.seq - right.seq
}

/** What a query says literally: quoted phrases, names in its midst, and words with digits. */
export function exactPhrases(query: string): readonly string[] {
  const phrases: string[] = []
  for (const match of query.matchAll(
    /"([^"]{2,100})"|(?<=[\p{L}\p{N},;:] )(\p{Lu}[\p{L}\p{N}'’-]+)|([\p{L}\d_.@-]*\d[\p{L}\d_.@-]*)/gu,
  ))
    phrases.push((match[1] ?? match[2] ?? match[3] ?? '').toLowerCase().replace(/[.’'-]+$/u, ''))
  return [...new Set(phrases)].filter((phrase) => phrase.length > 1).slice(0, 16)
}

function literalShare(phrases: readonly string[], text: string): number {
  const lower = text.toLowerCase()
  return phrases.filter((phrase) => lower.includes(phrase)).length / phrases.length
}
