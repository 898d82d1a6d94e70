import type { MemoryRecord, Recall } from '../core/index.ts'
import type { RecallCall } from './calls.ts'
import { joinLegs, rankHits, type Leg, type Ranked } from './fuse.ts'
import { pack } from './pack.ts'
import { createCoverage } from './coverage.ts'
import { createPlaces, hasStructure, withStructure, type Hit, type Places } from './structure.ts'

/** What a memory found for a recall, and how it gets at more. */
export interface Findings {
  /** What each way of searching found, best first, at least {@link candidateCount} where there are so many. */
  readonly legs: readonly Leg[]
  /** Names of legs that failed. */
  readonly degraded: readonly string[]
  /** Epoch milliseconds. */
  readonly now: number
  /** See {@link roughTokens}. */
  readonly countTokens: (text: string) => number
  /**
   * The records that stand in the scopes of these, at most `before` and `after` places away, as far as the call may return
   * them: in reach, current, fitting the filter. In any order; the given ones may be among them.
   */
  readonly around: (
    records: readonly MemoryRecord[],
    before: number,
    after: number,
  ) => readonly MemoryRecord[] | Promise<readonly MemoryRecord[]>
}

/** How many hits a leg should give. */
export function candidateCount(call: RecallCall): number {
  return Math.max(64, call.items * 4)
}

/** How many of the best hits lend their score to what stands beside them. */
const LENDING = 32

/** Makes the answer to a recall of what was found: structure, fusion, duplicates, order, budget. */
export async function assembleRecall(call: RecallCall, findings: Findings): Promise<Recall> {
  const places = createPlaces()
  const coverage = createCoverage(call.query)
  const joined = joinLegs(findings.legs, places, coverage)
  const parts = new Map(joined.map((hit) => [places.at(hit.record), hit.parts]))
  const partsOf = (record: MemoryRecord): Readonly<Record<string, number>> | undefined => parts.get(places.at(record))
  const ranked = rankHits(await raised(joined, findings, places), partsOf, call.query, findings.now)
  const { before, after, tokens, items } = call
  const neighbours = before + after > 0 ? await neighbourhood(ranked.slice(0, items), call, findings, places) : () => []
  const packed = pack(ranked, { tokens, items, countTokens: findings.countTokens }, neighbours, places)
  return {
    ...packed,
    items: packed.items.map((item) => ({ ...item, parts: { ...item.parts, ...coverage(item.record.text) } })),
    degraded: findings.degraded,
  }
}

async function raised(hits: readonly Hit[], findings: Findings, places: Places): Promise<readonly Hit[]> {
  const lending = hits.filter(({ record }) => hasStructure(record)).slice(0, LENDING)
  if (lending.length === 0) return hits
  const beside = await findings.around(
    lending.map(({ record }) => record),
    1,
    1,
  )
  return withStructure(hits, beside, places)
}

/** For each record those around it, nearest first, the earlier one of two first. */
async function neighbourhood(
  ranked: readonly Ranked[],
  { before, after }: RecallCall,
  findings: Findings,
  places: Places,
): Promise<(record: MemoryRecord) => readonly MemoryRecord[]> {
  const around = await findings.around(
    ranked.map(({ record }) => record),
    before,
    after,
  )
  const byPlace = new Map(around.map((record) => [places.at(record), record]))
  const offsets: number[] = []
  for (let distance = 1; distance <= Math.max(before, after); distance += 1) {
    if (distance <= before) offsets.push(-distance)
    if (distance <= after) offsets.push(distance)
  }
  return (record) => offsets.flatMap((offset) => byPlace.get(places.at(record, offset)) ?? [])
}
