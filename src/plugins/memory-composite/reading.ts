import {
  OpspawnError,
  type MemoryHandle,
  type MemoryPage,
  type MemoryRecord,
  type Recall,
  type RecallItem,
} from '../../core/index.ts'
import {
  badCursor,
  checkGet,
  checkList,
  checkRecall,
  compareRecords,
  compareText,
  encodeScope,
  tokensOf,
  type Reach,
} from '../../remembering/index.ts'
import type { CompositeParts, PartName } from './options.ts'
import type { Part } from './writing.ts'

/** Of the tokens of a recall, what working memory may take at most. */
const WORKING_SHARE = 0.5

/** The reading calls of a handle. */
export function readingCalls(
  parts: readonly Part[],
  reach: Reach,
  { countTokens }: CompositeParts,
  alive: () => void,
): Pick<MemoryHandle, 'recall' | 'get' | 'list'> {
  return {
    async recall(query, options = {}) {
      const { tokens, items, strict } = checkRecall(query, options, reach)
      options.signal?.throwIfAborted()
      alive()
      const answers = await Promise.allSettled(
        parts.map(({ name, handle }) => handle.recall(name === 'working' ? '' : query, options)),
      )
      options.signal?.throwIfAborted()
      return join(parts, answers, { tokens, items, strict, countTokens })
    },
    async get(given, options) {
      const ids = checkGet(given, options)
      options?.signal?.throwIfAborted()
      alive()
      const found = new Map<string, MemoryRecord>()
      for (const { handle } of parts) for (const record of await handle.get(ids, options)) found.set(record.id, record)
      return ids.flatMap((id) => found.get(id) ?? [])
    },
    async list(page, options) {
      const { limit, cursor } = checkList(page, reach, options)
      options?.signal?.throwIfAborted()
      alive()
      const cursors = readCursor(cursor, parts.length)
      const read = (at: number, most: number): Promise<MemoryPage> => {
        const from = cursors[at]
        if (from === null) return Promise.resolve({ records: [] })
        return (parts[at] as Part).handle.list(
          { ...page, limit: most, cursor: from === '' ? undefined : from } as typeof page,
          options,
        )
      }
      const full = await Promise.all(parts.map((_, at) => read(at, limit)))
      const shares = sharesOf(
        full.map((one) => one.records),
        limit,
      )
      // Read again as far as they go: that is where the next page begins.
      const pages = await Promise.all(
        shares.map(async (share, at) =>
          share === 0 ? undefined : share === full[at]?.records.length ? full[at] : read(at, share),
        ),
      )
      const records = merged(pages.map((one) => one?.records ?? []))
      const next = pages.map((one, at) =>
        one === undefined ? (full[at]?.records.length === 0 ? null : (cursors[at] ?? null)) : (one.cursor ?? null),
      )
      return next.every((one) => one === null) ? { records } : { records, cursor: JSON.stringify(next) }
    },
  }
}

interface Budget {
  readonly tokens: number
  readonly items: number
  readonly strict: boolean
  readonly countTokens: (text: string) => number
}

/** One answer of several: working memory first, then the best of each other part in turn, within one budget. */
function join(parts: readonly Part[], answers: readonly PromiseSettledResult<Recall>[], budget: Budget): Recall {
  const degraded = new Set<string>()
  const lists = new Map<PartName, readonly RecallItem[]>()
  let omitted = 0
  answers.forEach((answer, at) => {
    const { name } = parts[at] as Part
    if (answer.status === 'rejected') {
      if (budget.strict || lists.size + answers.length - at === 1 || !isOutage(answer.reason)) throw answer.reason
      degraded.add(name)
      return
    }
    for (const leg of answer.value.degraded) degraded.add(leg)
    omitted += answer.value.omitted
    lists.set(name, answer.value.items)
  })
  const items: RecallItem[] = []
  const texts = new Set<string>()
  let left = budget.tokens
  const take = (item: RecallItem, most: number): void => {
    const { text } = item.record
    if (texts.has(text)) return
    const cost = tokensOf(text, budget)
    if (items.length >= budget.items || cost > most) {
      omitted += 1
      return
    }
    texts.add(text)
    left -= cost
    items.push(item)
  }
  const floor = budget.tokens * (1 - WORKING_SHARE)
  for (const item of lists.get('working') ?? []) take(item, left - floor)
  for (const item of byRank(lists.get('window') ?? [], lists.get('longTerm') ?? [])) take(item, left)
  return { items, degraded: [...degraded], omitted, tokens: budget.tokens - left }
}

function isOutage(error: unknown): boolean {
  return (
    OpspawnError.is(error) &&
    error.code === 'MEMORY_FAILED' &&
    (error.details as { readonly reason?: unknown } | undefined)?.reason !== 'closed'
  )
}

/** Joins two lists by rank, since scores of two parts cannot be compared; of one rank the better score comes first. */
function byRank(left: readonly RecallItem[], right: readonly RecallItem[]): readonly RecallItem[] {
  return Array.from({ length: Math.max(left.length, right.length) }, (_, rank) =>
    [left, right]
      .flatMap((list) => list.slice(rank, rank + 1))
      .toSorted((one, other) => other.score - one.score || compareRecords(one.record, other.record)),
  ).flat()
}

/** The order of records of several parts: by scope, then by when they were recorded; each part keeps its own. */
export function comesFirst(left: MemoryRecord, right: MemoryRecord): number {
  return compareText(encodeScope(left.scope), encodeScope(right.scope)) || left.createdAt - right.createdAt
}

/** How many of each list are among the first of all. */
function sharesOf(lists: readonly (readonly MemoryRecord[])[], limit: number): readonly number[] {
  const shares = lists.map(() => 0)
  for (let count = 0; count < limit; count += 1) {
    let best = -1
    lists.forEach((list, at) => {
      const record = list[shares[at] as number]
      const other = lists[best]?.[shares[best] as number]
      if (record !== undefined && (other === undefined || comesFirst(record, other) < 0)) best = at
    })
    if (best < 0) break
    shares[best] = (shares[best] as number) + 1
  }
  return shares
}

function merged(lists: readonly (readonly MemoryRecord[])[]): readonly MemoryRecord[] {
  const rests = lists.map((list) => [...list])
  const records: MemoryRecord[] = []
  for (let shares = sharesOf(rests, 1); shares.includes(1); shares = sharesOf(rests, 1))
    records.push(rests[shares.indexOf(1)]?.shift() as MemoryRecord)
  return records
}

/** A cursor of each part: empty for the beginning, null where there is no more. */
function readCursor(cursor: string | undefined, count: number): readonly (string | null)[] {
  if (cursor === undefined) return Array.from({ length: count }, () => '')
  let cursors: unknown
  try {
    cursors = JSON.parse(cursor)
  } catch {
    throw badCursor(cursor)
  }
  const isList = Array.isArray(cursors) && cursors.length === count
  if (!isList || !(cursors as readonly unknown[]).every((one) => one === null || typeof one === 'string')) throw badCursor(cursor)
  return cursors as readonly (string | null)[]
}
