import { OpspawnError, type Clock } from '../../core/index.ts'
import type { KeptHistories } from './catalog.ts'

/** How much a memory store holds, and by which clock it goes. */
export interface MemoryStoreOptions {
  /** The store sets no timers. Leases go by its `elapsed`, all else by its `now`. @default the system's clock */
  readonly clock?: Clock
  /** Unfinished runs that nobody owns, per queue; one more is refused with `QUEUE_FULL`. @default 10_000 */
  readonly capacity?: number
  /** Signals kept for one run: those that no wait has taken yet; one more is refused with `QUEUE_FULL`. @default 1_000 */
  readonly signals?: number
  /** Finished runs kept; past it the one that finished first is forgotten with its history and its idempotency key. @default 10_000 */
  readonly retain?: number
  /**
   * Finished runs whose history is kept; of the others only the summary can be listed.
   * @default 100, or as many of the last as have 2_000 events and messages before them together, but at least 10
   */
  readonly retainHistories?: number
}

const LIMITS = ['capacity', 'signals', 'retain', 'retainHistories'] as const

/** @throws OpspawnError `LIMIT_INVALID`, `OPTIONS_INVALID` */
export function checkOptions(options: MemoryStoreOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new OpspawnError('OPTIONS_INVALID', `memoryStore must be given an object, not ${String(options)}`)
  const known: readonly string[] = ['clock', ...LIMITS]
  const unknown = Object.keys(options).find((member) => !known.includes(member))
  if (unknown !== undefined)
    throw new OpspawnError('OPTIONS_INVALID', `memoryStore has no member "${unknown}"; it may have ${known.join(', ')}`, {
      details: { member: unknown },
    })
  if (options.clock !== undefined && typeof (options.clock as Partial<Clock> | null)?.now !== 'function')
    throw new OpspawnError('OPTIONS_INVALID', 'memoryStore: clock must be an object with a now function')
  for (const member of LIMITS) {
    const value = options[member]
    if (value === undefined || (typeof value === 'number' && value > 0)) continue
    const found = typeof value === 'number' ? String(value) : `a value of type ${typeof value}`
    throw new OpspawnError('LIMIT_INVALID', `memoryStore: ${member} must be a number above 0, not ${found}`, {
      details: { member },
    })
  }
}

const KEPT_HISTORIES: KeptHistories = { runs: 100, size: 2_000, least: 10 }

/** Whoever names a number gets it, however long the histories are. */
export function keptHistories(runs: number | undefined): KeptHistories {
  return runs === undefined ? KEPT_HISTORIES : { runs, size: Infinity, least: runs }
}
