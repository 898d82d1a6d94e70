import type { MemoryRecord, MemorySelector } from '../core/index.ts'
import { matches } from './filter.ts'
import { summariesOf } from './ledger.ts'

/** The records of one scope that a checked selector means, and the summaries that go with them. */
export function chosenBy(selector: MemorySelector, records: readonly MemoryRecord[]): readonly MemoryRecord[] {
  return withSummaries(records.filter(predicate(selector)), records)
}

/** Records that are to be forgotten, and behind them those of some records of their scope that are summaries of them. */
export function withSummaries(chosen: readonly MemoryRecord[], candidates: Iterable<MemoryRecord>): readonly MemoryRecord[] {
  return [...chosen, ...summariesOf(new Set(chosen.map(({ id }) => id)), candidates)]
}

function predicate(selector: MemorySelector): (record: MemoryRecord) => boolean {
  if (selector === 'all') return () => true
  if ('filter' in selector) return (record) => matches(selector.filter, record)
  const ids = new Set(selector.ids)
  return ({ id }) => ids.has(id)
}
