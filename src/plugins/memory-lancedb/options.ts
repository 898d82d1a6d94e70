import { resolve } from 'node:path'
import {
  checkMemoryOptions,
  found,
  optionsInvalid,
  requireFlags,
  requireWhole,
  type CommonMemoryOptions,
  type CommonMemoryParts,
} from '../../remembering/index.ts'

/** Where a long-term memory keeps what it knows, and with what it searches. */
export interface LancedbMemoryOptions extends CommonMemoryOptions {
  /** A folder on a local disk for this memory alone; made when it is not there. Several processes of one machine may share it. */
  readonly path: string
  /** Whether vectors of another embedder in the folder are let go, to be made anew by `maintain`; otherwise they are refused. @default false */
  readonly reembed?: boolean | undefined
  /** Vectors of a tenant that are compared one by one; above it an index over all vectors is used. At least 256. @default 50_000 */
  readonly exactUpTo?: number | undefined
}

/** The options with their defaults. */
export interface LancedbParts extends CommonMemoryParts {
  readonly path: string
  readonly reembed: boolean
  readonly exactUpTo: number
}

/** @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID` */
export function checkOptions(options: LancedbMemoryOptions): LancedbParts {
  const common = checkMemoryOptions('lancedbMemory', options, 'memory-lancedb', ['path', 'reembed', 'exactUpTo'])
  const { path, reembed = false, exactUpTo = 50_000 } = options
  if (typeof path !== 'string' || path === '' || path.includes('\0') || /^[a-z0-9+.-]{2,}:\/\//i.test(path))
    throw optionsInvalid('lancedbMemory', `path must be the path of a local folder, not ${found(path)}`)
  requireFlags('lancedbMemory', { reembed })
  requireWhole('lancedbMemory', 'exactUpTo', exactUpTo, 256)
  return { ...common, path: resolve(path), reembed, exactUpTo }
}
