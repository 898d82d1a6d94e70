import type { MemoryRecord } from '../core/index.ts'
import { compareText } from './filter.ts'
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

/** How fast a rank loses worth when several legs are joined; the usual constant of reciprocal rank fusion. */
const RANK = 60
/** Shares of the two small legs; they decide between records that the others find about equal. */
const EXACT = 0.1
const RECENT = 0.02
const HALF_LIFE_MS = 30 * 86_400_000

/**
 * Joins legs. One alone keeps its scores; several are joined by rank, since scores of different legs cannot be compared.
 * Names and numbers of the query that a text has literally, and its age, add a little.
 */
export function fuse(legs: readonly Leg[], query: string, now: number, places: Places): readonly Ranked[] {
  const used = legs.filter((leg) => leg.hits.length > 0)
  const all = new Map<string, { record: MemoryRecord; parts: Record<string, number> }>()
  for (const { name, hits } of used) {
    const top = hits[0]?.score ?? 0
    hits.forEach(({ record, score }, at) => {
      const share = used.length === 1 ? ratio(score, top) : (RANK + 1) / (RANK + 1 + at) / used.length
      const place = places.at(record)
      const entry = all.get(place) ?? { record, parts: {} }
      entry.parts[name] = share
      all.set(place, entry)
    })
  }
  const exact = exactPhrases(query)
  return [...all.values()].map(({ record, parts }) => {
    const base = Object.values(parts).reduce((sum, share) => sum + share, 0)
    const literal = exact.length === 0 ? 0 : EXACT * literalShare(exact, record.text)
    if (literal > 0) parts['exact'] = literal
    const age = Math.max(0, now - timeOf(record))
    parts['recency'] = RECENT * 2 ** (-age / HALF_LIFE_MS)
    return { record, score: (base + literal + parts['recency']) / (1 + EXACT + RECENT), parts }
  })
}

function ratio(score: number, top: number): number {
  return top > 0 ? Math.max(0, score / top) : 1
}

/** When it happened, or when it was recorded. */
export function timeOf(record: MemoryRecord): number {
  return record.occurredAt ?? record.createdAt
}

/** The order of an answer: score, then the later one, then id. It does not depend on the order of insertion. */
export function compareRanked(left: Ranked, right: Ranked): number {
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
