import { resolve } from 'node:path'
import {
  checkMemoryOptions,
  found,
  optionsInvalid,
  requireFlags,
  type CommonMemoryOptions,
  type CommonMemoryParts,
} from '../../remembering/index.ts'

/** Where a memory of one process keeps what it knows, and with what it searches. */
export interface InProcessMemoryOptions extends CommonMemoryOptions {
  /** A file that one process at a time appends to; made when it is not there, its folder must be. @default none: all is lost with the process */
  readonly path?: string | undefined
  /** Whether a write is acknowledged only once it is on the disk; without it a power cut may take the last ones. @default true */
  readonly sync?: boolean | undefined
  /** Whether vectors of another embedder in the file are let go, to be made anew by `maintain`; otherwise they are refused. @default false */
  readonly reembed?: boolean | undefined
}

/** The options with their defaults. */
export interface InProcessParts extends CommonMemoryParts {
  readonly path: string | undefined
  readonly sync: boolean
  readonly reembed: boolean
}

/** @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID` */
export function checkOptions(options: InProcessMemoryOptions): InProcessParts {
  const common = checkMemoryOptions('inProcessMemory', options, 'memory-in-process', ['path', 'sync', 'reembed'])
  const { path, sync = true, reembed = false } = options
  if (path !== undefined && (typeof path !== 'string' || path === '' || path.includes('\0')))
    throw optionsInvalid('inProcessMemory', `path must be the path of a file, not ${found(path)}`)
  requireFlags('inProcessMemory', { sync, reembed })
  return { ...common, path: path === undefined ? undefined : resolve(path), sync, reembed }
}
