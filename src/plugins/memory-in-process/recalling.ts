import type { MemoryPage, MemoryRecord, Recall } from '../../core/index.ts'
import {
  assembleRecall,
  candidateCount,
  embedQuery,
  isCurrent,
  isExpired,
  isInReach,
  matches,
  readCursor,
  writeCursor,
  type Leg,
  type ListCall,
  type RecallCall,
} from '../../remembering/index.ts'
import type { Holdings } from './holdings.ts'
import type { InProcessParts } from './options.ts'
import type { Accept, Segment } from './segment.ts'

/** Answers a checked recall. `onFailure` is told when the embedder failed. */
export async function recallFrom(
  holdings: Holdings,
  call: RecallCall,
  { embedder, now, countTokens }: InProcessParts,
  signal: AbortSignal | undefined,
  onFailure: () => void,
): Promise<Recall> {
  const time = now()
  const accept = acceptor(call, time)
  const limit = candidateCount(call)
  const { vector, degraded } = await embedQuery(embedder, call, signal, onFailure)
  holdings.requireSize(vector)
  const segment = holdings.segment(call.scope.tenant)
  const legs: Leg[] = []
  if (call.words.length > 0) legs.push({ name: 'lexical', hits: segment.byWords(call.words, accept, limit) })
  if (vector !== undefined) legs.push({ name: 'vector', hits: segment.byVector(vector, accept, limit) })
  if (legs.length === 0) legs.push({ name: 'latest', hits: segment.latest(accept, limit) })
  const around = (records: readonly MemoryRecord[], before: number, after: number): readonly MemoryRecord[] =>
    records.flatMap((record) => beside(segment, record, before, after).filter(accept))
  return assembleRecall(call, { legs, degraded, now: time, countTokens, around })
}

/** Decides about one record after another; what is to be known of a scope is found out once. */
function acceptor({ scope, across, filter, asOf }: RecallCall, now: number): Accept {
  const reached = new Map<object, boolean>()
  const inReach = (record: MemoryRecord): boolean => {
    const known = reached.get(record.scope)
    if (known !== undefined) return known
    const found = isInReach(record.scope, scope, across)
    reached.set(record.scope, found)
    return found
  }
  return (record) => inReach(record) && isCurrent(record, now, asOf) && (filter === undefined || matches(filter, record))
}

function beside(segment: Segment, record: MemoryRecord, before: number, after: number): readonly MemoryRecord[] {
  const { bySeq } = segment.shelf(record.scope)
  const found: MemoryRecord[] = []
  for (let offset = -before; offset <= after; offset += 1) {
    const slot = offset === 0 ? undefined : bySeq.get(record.seq + offset)
    if (slot !== undefined) found.push(segment.at(slot))
  }
  return found
}

/** Answers a checked listing: scope by scope, in the order of recording. */
export function listFrom(segment: Segment, call: ListCall, now: number): MemoryPage {
  const { seq: afterSeq, scope: afterKey } = readCursor(call.cursor)
  const records: MemoryRecord[] = []
  let cursor = ''
  for (const shelf of segment.shelves()) {
    if (shelf.key < afterKey || !isInReach(shelf.scope, call.scope, call.across)) continue
    for (const seq of shelf.seqs) {
      const slot = shelf.key === afterKey && seq <= afterSeq ? undefined : shelf.bySeq.get(seq)
      if (slot === undefined) continue
      const record = segment.at(slot)
      if (isExpired(record, now) || (call.filter !== undefined && !matches(call.filter, record))) continue
      if (records.length === call.limit) return { records, cursor }
      records.push(record)
      cursor = writeCursor({ scope: shelf.key, seq })
    }
  }
  return { records }
}
