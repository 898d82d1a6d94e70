import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { OpspawnError, type Clock } from '../../core/index.ts'
import type { Retention } from './message.ts'

/** Where a SQLite store keeps its runs, and how. */
export interface SqliteStoreOptions {
  /** The file; made if it is not there. Its folder must exist, on a local disk. */
  readonly path: string
  /**
   * What an acknowledged write survives: `disk` a power cut, since each commit is synced; `process` the end of the process,
   * however it ends, but not a power cut.
   *
   * @default 'disk'
   */
  readonly durability?: 'disk' | 'process'
  /** Unfinished runs that nobody owns, per queue; one more is refused with `QUEUE_FULL`. @default 100_000 */
  readonly capacity?: number
  /** Signals kept for one run: those that no wait has taken yet; one more is refused with `QUEUE_FULL`. @default 1_000 */
  readonly signals?: number
  /** Which finished runs are kept; unfinished ones always are. @default all */
  readonly retain?: {
    /** Finished longer ago: deleted. */
    readonly finishedForMs?: number
    /** More than so many: the first to finish are deleted. */
    readonly finishedRuns?: number
  }
  /** How long a call tries while another process holds the file's lock, before it rejects with `STORE_FAILED`. @default 10_000 */
  readonly busyMs?: number
  /**
   * How long the transaction of a tool may be open, in milliseconds, from its first statement to its end; never longer than
   * a third of the lease. Then it is rolled back, and the call fails with `TOOL_TIMEOUT`. All other writes to the file wait meanwhile.
   *
   * @default 5_000
   */
  readonly transactionMs?: number
  /** Also takes a path on what looks like a network file system. @default false */
  readonly anyFileSystem?: boolean
  /** For tests: it stands in for the machine's clocks; leases go by its `elapsed`, if it has one. @default the machine's */
  readonly clock?: Clock
}

/** Checked, with all defaults. */
export interface Settings {
  readonly path: string
  readonly durability: 'disk' | 'process'
  readonly capacity: number
  readonly signals: number
  readonly retain: Retention
  readonly busyMs: number
  readonly transactionMs: number
  readonly anyFileSystem: boolean
  readonly clock: Clock | undefined
}

const MEMBERS = [
  'path',
  'durability',
  'capacity',
  'signals',
  'retain',
  'busyMs',
  'transactionMs',
  'anyFileSystem',
  'clock',
] as const
const RETAIN = ['finishedForMs', 'finishedRuns'] as const

/** @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID` */
export function checkOptions(options: SqliteStoreOptions): Settings {
  requireMembers('sqliteStore', options, MEMBERS)
  const { path, durability = 'disk', capacity = 100_000, signals = 1_000 } = options
  const { retain = {}, busyMs = 10_000, transactionMs = 5_000, anyFileSystem = false, clock } = options
  requirePath(path)
  requireDurability(durability)
  if (typeof anyFileSystem !== 'boolean') throw invalid('anyFileSystem must be true or false')
  requireClock(clock)
  requireMembers('sqliteStore, retain', retain, RETAIN)
  requirePositive('capacity', capacity)
  requirePositive('signals', signals)
  requirePositive('busyMs', busyMs)
  requirePositive('transactionMs', transactionMs)
  for (const member of RETAIN) if (retain[member] !== undefined) requirePositive(`retain.${member}`, retain[member])
  return { path: realPath(path), durability, capacity, signals, retain, busyMs, transactionMs, anyFileSystem, clock }
}

function requirePath(path: unknown): void {
  const isFile = typeof path === 'string' && path !== '' && path !== ':memory:' && !path.startsWith('file:')
  if (!isFile) throw invalid(`path must be the path of a file, not ${JSON.stringify(path)}; for runs in memory use memoryStore`)
}

function requireDurability(durability: unknown): void {
  if (durability !== 'disk' && durability !== 'process')
    throw invalid(`durability must be 'disk' or 'process', not ${JSON.stringify(durability)}`)
}

function requireClock(clock: unknown): void {
  const isClock = clock === undefined || typeof (clock as { readonly now?: unknown } | null)?.now === 'function'
  if (!isClock) throw invalid('clock must be an object with a now function')
}

/** One name for one file, whatever links lead to it: the locks of its stores stand beside it. */
function realPath(path: string): string {
  const whole = resolve(path)
  try {
    return realpathSync(whole)
  } catch {
    // It does not exist yet.
  }
  try {
    return join(realpathSync(dirname(whole)), basename(whole))
  } catch {
    // Nor does its folder: opening says so.
    return whole
  }
}

function requireMembers(what: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== 'object' || value === null)
    throw new OpspawnError('OPTIONS_INVALID', `${what} must be given an object, not ${String(value)}`)
  const member = Object.keys(value).find((name) => !known.includes(name))
  if (member === undefined) return
  throw new OpspawnError('OPTIONS_INVALID', `${what} has no member "${member}"; it may have ${known.join(', ')}`, {
    details: { member },
  })
}

function requirePositive(member: string, value: unknown): void {
  if (typeof value === 'number' && value > 0) return
  const found = typeof value === 'number' ? String(value) : `a value of type ${typeof value}`
  throw new OpspawnError('LIMIT_INVALID', `sqliteStore: ${member} must be a number above 0, not ${found}`, {
    details: { member },
  })
}

function invalid(text: string): OpspawnError {
  return new OpspawnError('OPTIONS_INVALID', `sqliteStore: ${text}`)
}
