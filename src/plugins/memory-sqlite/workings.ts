import type { Lane } from './lane.ts'
import type { SqliteParts } from './options.ts'

/** What the handles of a memory share. */
export interface Workings {
  readonly parts: SqliteParts
  readonly lane: Lane
  /** Times that the embedder or upkeep failed. */
  readonly failures: () => number
  readonly noteFailure: () => void
}

/** Puts together what the handles of a memory share. */
export function createWorkings(parts: SqliteParts, lane: Lane): Workings {
  let failures = 0
  return { parts, lane, noteFailure: () => void (failures += 1), failures: () => failures }
}
