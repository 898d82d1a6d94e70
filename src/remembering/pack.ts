import { OpspawnError, type MemoryRecord, type RecallItem } from '../core/index.ts'
import type { Ranked } from './fuse.ts'
import { found } from './faults.ts'
import { createNovelty } from './near-duplicates.ts'
import type { Places } from './structure.ts'

/** What packing goes by. */
export interface PackBudget {
  readonly tokens: number
  readonly items: number
  readonly countTokens: (text: string) => number
}

/** What fits, best first, neighbours right behind the record that they belong to. */
export type Packed = { readonly items: readonly RecallItem[]; readonly omitted: number; readonly tokens: number }

/** A text's tokens where nobody counts them: a quarter of its characters, and 8 for what stands around it. */
export function roughTokens(text: string): number {
  return Math.ceil(text.length / 4) + 8
}

/**
 * Fills a budget: the best record, its neighbours, the next best, and so on. What is too large for the rest is passed over, and what says
 * the same as something better is left out.
 *
 * @param neighbours of a record, nearest first.
 */
export function pack(
  ranked: readonly Ranked[],
  budget: PackBudget,
  neighbours: (record: MemoryRecord) => readonly MemoryRecord[],
  places: Places,
): Packed {
  const items: RecallItem[] = []
  const placed = new Set<string>()
  let left = budget.tokens
  let omitted = 0
  const place = (item: Ranked): boolean => {
    const key = places.at(item.record)
    if (placed.has(key)) return true
    if (items.length >= budget.items) return false
    const cost = tokensOf(item.record.text, budget)
    if (cost > left) return false
    left -= cost
    placed.add(key)
    items.push(item)
    return true
  }
  const isNew = createNovelty()
  for (const one of ranked) {
    if (items.length < budget.items && !isNew(one.record.text)) continue
    if (!place(one)) {
      omitted += 1
      continue
    }
    for (const record of neighbours(one.record)) place({ record, score: one.score, parts: { context: one.score } })
  }
  return { items, omitted, tokens: budget.tokens - left }
}

/** Counts a text's tokens. @throws OpspawnError `OPTIONS_INVALID` for a counter that gives no number. */
export function tokensOf(text: string, { countTokens }: Pick<PackBudget, 'countTokens'>): number {
  const count = countTokens(text)
  if (typeof count === 'number' && count >= 0 && Number.isFinite(count)) return count
  throw new OpspawnError('OPTIONS_INVALID', `countTokens must give a number of 0 or more, not ${found(count)}`)
}
