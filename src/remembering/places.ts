import type { MemoryRecord, MemoryScope } from '../core/index.ts'
import { encodeScope } from './scope.ts'

/** What is known of the places of a scope. */
export interface TakenPlaces {
  /** The highest `seq` that the scope has ever given, 0 for none. */
  lastSeq(scope: MemoryScope): number
  /** Whether a record stands at that place. */
  isTaken(scope: MemoryScope, seq: number): boolean
}

/**
 * Gives imported records their places, in their order: each keeps the one it has where that is free, also of the records before it;
 * otherwise it comes behind the last one of its scope.
 */
export function withFreePlaces(records: readonly MemoryRecord[], places: TakenPlaces): readonly MemoryRecord[] {
  const scopes = new Map<string, { last: number; readonly given: Set<number> }>()
  return records.map((record) => {
    const key = encodeScope(record.scope)
    const own = scopes.get(key) ?? { last: places.lastSeq(record.scope), given: new Set<number>() }
    scopes.set(key, own)
    const isFree = !own.given.has(record.seq) && !places.isTaken(record.scope, record.seq)
    const seq = isFree ? record.seq : own.last + 1
    own.given.add(seq)
    own.last = Math.max(own.last, seq)
    return isFree ? record : Object.freeze({ ...record, seq })
  })
}
