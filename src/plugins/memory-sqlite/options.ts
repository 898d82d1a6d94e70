import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { OpspawnError } from '../../core/index.ts'
import {
  checkMemoryOptions,
  found,
  optionsInvalid,
  requireFlags,
  type CommonMemoryOptions,
  type CommonMemoryParts,
} from '../../remembering/index.ts'

/** Where a SQLite memory keeps what it knows, and how. */
export interface SqliteMemoryOptions extends CommonMemoryOptions {
  /** The file; made if it is not there. Its folder must exist, on a local disk. It may be the file of a `sqliteStore`. */
  readonly path: string
  /**
   * What an acknowledged write survives: `disk` a power cut, since each commit is synced; `process` the end of the process,
   * however it ends, but not a power cut.
   *
   * @default 'disk'
   */
  readonly durability?: 'disk' | 'process' | undefined
  /**
   * Whether vectors of another embedder in the file are to be replaced: `maintain` makes new ones beside them, and the old ones
   * go when all are made. Otherwise such a file is refused. @default false
   */
  readonly reembed?: boolean | undefined
  /** How long a call tries while another process holds the file's lock, before it rejects with `MEMORY_FAILED` (milliseconds). @default 10_000 */
  readonly busyMs?: number | undefined
}

/** The options with their defaults. */
export interface SqliteParts extends CommonMemoryParts {
  readonly path: string
  readonly durability: 'disk' | 'process'
  readonly reembed: boolean
  readonly busyMs: number
}

/** @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID` */
export function checkOptions(options: SqliteMemoryOptions): SqliteParts {
  const common = checkMemoryOptions('sqliteMemory', options, 'memory-sqlite', ['path', 'durability', 'reembed', 'busyMs'])
  const { path, durability = 'disk', reembed = false, busyMs = 10_000 } = options
  requirePath(path)
  if (durability !== 'disk' && durability !== 'process')
    throw optionsInvalid('sqliteMemory', `durability must be 'disk' or 'process', not ${found(durability)}`)
  requireFlags('sqliteMemory', { reembed })
  if (typeof busyMs !== 'number' || !(busyMs > 0) || !Number.isFinite(busyMs))
    throw new OpspawnError('LIMIT_INVALID', `sqliteMemory: busyMs must be a number above 0, not ${found(busyMs)}`)
  return { ...common, path: realPath(path), durability, reembed, busyMs }
}

function requirePath(path: unknown): void {
  const isFile =
    typeof path === 'string' && path !== '' && path !== ':memory:' && !path.startsWith('file:') && !path.includes('\0')
  if (!isFile)
    throw optionsInvalid(
      'sqliteMemory',
      `path must be the path of a file, not ${found(path)}; without a file use inProcessMemory`,
    )
}

/** One name for one file, whatever links lead to it. */
function realPath(path: string): string {
  const whole = resolve(path)
  for (const [known, rest] of [[whole], [dirname(whole), basename(whole)]] as const) {
    try {
      return join(realpathSync(known as string), rest ?? '')
    } catch {
      // It is not there yet; where its folder is missing too, opening says so.
    }
  }
  return whole
}
