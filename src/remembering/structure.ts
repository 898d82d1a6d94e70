import type { MemoryRecord } from '../core/index.ts'
import { encodeScope } from './scope.ts'

/** A record and how well it fits, on the scale of whoever searched. */
export type Hit = { readonly record: MemoryRecord; readonly score: number }

/** Shares of what stands beside a record, and of its session, in its score. */
export interface StructureWeights {
  readonly neighbour: number
  readonly session: number
}

/** Chosen on generated conversations (`bench/recall/weights.ts`), not fitted to any published set. */
const WEIGHTS: StructureWeights = { neighbour: 0.5, session: 0.5 }

/** Names places in scopes; scopes are many fewer than records, so their keys are made once. */
export interface Places {
  /** The key of a record's scope. */
  scope(record: MemoryRecord): string
  /** A text for the place `offset` records behind this one in its scope. */
  at(record: MemoryRecord, offset?: number): string
}

/** Makes the names for one call. */
export function createPlaces(): Places {
  const keys = new Map<object, string>()
  const scope = (record: MemoryRecord): string => {
    const known = keys.get(record.scope)
    if (known !== undefined) return known
    const key = encodeScope(record.scope)
    keys.set(record.scope, key)
    return key
  }
  return { scope, at: (record, offset = 0) => `${record.seq + offset}@${scope(record)}` }
}

/** Only what was said one after another, or written so, has neighbours that mean something. */
export function hasStructure(record: MemoryRecord): boolean {
  return record.kind === 'message' || record.kind === 'document'
}

/** The document that a record is a part of, if it says so. */
function documentOf({ kind, source }: MemoryRecord): string | undefined {
  const name = kind === 'document' ? source?.['document'] : undefined
  return typeof name === 'string' ? name : undefined
}

/** Whether records stand in one conversation or one document: side by side in a scope are also the end of one and the start of another. */
function isSameText(left: MemoryRecord, right: MemoryRecord): boolean {
  return left.kind === right.kind && documentOf(left) === documentOf(right)
}

/** What a record's session is: its scope, or its document there. */
function textOf(record: MemoryRecord, places: Places): string {
  const document = documentOf(record)
  return document === undefined ? places.scope(record) : `${places.scope(record)} ${document}`
}

/**
 * Raises records by what stands right beside them and by how well their session fits: an answer rarely repeats the words of
 * its question. Neighbours that were not found themselves are candidates too.
 *
 * @param hits what was found, best first.
 * @param beside the records next to them that the call may return.
 */
export function withStructure(
  hits: readonly Hit[],
  beside: readonly MemoryRecord[],
  places: Places,
  { neighbour, session }: StructureWeights = WEIGHTS,
): readonly Hit[] {
  const own = new Map<string, Hit>()
  for (const hit of hits) own.set(places.at(hit.record), hit)
  const sessions = sessionScores(hits, places)
  const candidates = new Map(own)
  for (const record of beside) {
    const place = places.at(record)
    if (hasStructure(record) && !candidates.has(place)) candidates.set(place, { record, score: 0 })
  }
  const scoreAt = (record: MemoryRecord, offset: number): number => {
    const other = own.get(places.at(record, offset))
    return other !== undefined && isSameText(other.record, record) ? other.score : 0
  }
  return [...candidates.values()].flatMap(({ record, score }) => {
    if (!hasStructure(record)) return [{ record, score }]
    const near = Math.max(scoreAt(record, -1), scoreAt(record, 1))
    // It came along because of a record of another kind beside it.
    if (score === 0 && near === 0) return []
    return [{ record, score: score + neighbour * near + session * (sessions.get(textOf(record, places)) ?? 0) }]
  })
}

/** Of each session the mean of its three best scores; fewer count as 0, so that one lucky record is not a session. */
function sessionScores(hits: readonly Hit[], places: Places): ReadonlyMap<string, number> {
  const best = new Map<string, number[]>()
  for (const { record, score } of hits) {
    if (!hasStructure(record)) continue
    const text = textOf(record, places)
    const scores = best.get(text)
    if (scores === undefined) best.set(text, [score])
    else if (scores.length < 3) scores.push(score)
  }
  return new Map([...best].map(([text, scores]) => [text, scores.reduce((sum, score) => sum + score, 0) / 3]))
}
