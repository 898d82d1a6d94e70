import { constants, type Dirent } from 'node:fs'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { basename, join, relative, sep } from 'node:path'
import { OpspawnError } from '../core/index.ts'
import { type DocumentFormat, formatOfMediaType, formatOfName, nameFormats } from './format.ts'
import type { DocumentContent, DocumentLimits, ReadCall } from './options.ts'
import { DocumentProblem, reasonOf } from './problem.ts'

/** A document that may be read. */
export interface Candidate {
  readonly document: string
  readonly format: DocumentFormat
  /** @throws DocumentProblem, or a fault of the file system */
  read(): Promise<Uint8Array>
}

/**
 * What is passed over, and why.
 *
 * @property isUnreadable It is there, but could not be looked at: nothing is known about what it holds, nor, of a folder, below it.
 */
export interface Skipped {
  readonly document: string
  readonly reason: string
  readonly isUnreadable: boolean
}

/** What was found at the sources. */
export interface Found {
  readonly candidates: readonly Candidate[]
  readonly skipped: readonly Skipped[]
}

/**
 * Looks what documents there are, without reading them. Hidden folders and `node_modules` are passed over; symbolic links are
 * not followed, so that nothing outside a folder is read and no loop is walked.
 *
 * @throws OpspawnError `INPUT_INVALID` for a path where nothing is, or two documents of one name
 */
export async function findDocuments(call: ReadCall): Promise<Found> {
  const candidates: Candidate[] = []
  const skipped: Skipped[] = []
  for (const source of call.sources) {
    call.signal?.throwIfAborted()
    if (typeof source !== 'string') {
      const taken = contentCandidate(source, call)
      if ('reason' in taken) skipped.push(taken)
      else candidates.push(taken)
      continue
    }
    const found = await findAt(source, call)
    candidates.push(...found.candidates)
    skipped.push(...found.skipped)
  }
  const names = new Set<string>()
  for (const { document } of candidates) {
    if (names.has(document))
      throw new OpspawnError(
        'INPUT_INVALID',
        `two documents are called ${JSON.stringify(document)}; give them in calls of their own`,
      )
    names.add(document)
  }
  return { candidates, skipped }
}

function contentCandidate({ name, content, mediaType }: DocumentContent, call: ReadCall): Candidate | Skipped {
  const format = mediaType === undefined ? formatOfName(name) : formatOfMediaType(mediaType)
  if (format === undefined || !call.formats.includes(format))
    return { document: name, reason: `not ${nameFormats(call.formats)}`, isUnreadable: false }
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  return {
    document: name,
    format,
    async read() {
      checkSize(bytes.length, call.limits)
      return bytes
    },
  }
}

async function findAt(path: string, call: ReadCall): Promise<Found> {
  const there = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new OpspawnError('INPUT_INVALID', `${path}: there is no such folder or file`)
    throw new OpspawnError('INPUT_INVALID', `${path}: ${reasonOf(error)}`, { cause: error })
  })
  const walk: Walk = { root: path, call, candidates: [], skipped: [], entries: 0 }
  if (there.isDirectory()) await walkFolder(path, 0, walk)
  else if (there.isFile()) takeFile(path, basename(path), walk)
  else throw new OpspawnError('INPUT_INVALID', `${path}: neither a folder nor a regular file`)
  return walk
}

interface Walk {
  readonly root: string
  readonly call: ReadCall
  readonly candidates: Candidate[]
  readonly skipped: Skipped[]
  entries: number
}

async function walkFolder(folder: string, depth: number, walk: Walk): Promise<void> {
  const { call } = walk
  const name = nameOf(folder, walk)
  if (depth > call.limits.depth) return pass(walk, name, `left out: more than ${call.limits.depth} folders deep`, true)
  let entries
  try {
    entries = await readdir(folder, { withFileTypes: true })
  } catch (error) {
    return pass(walk, name, reasonOf(error), true)
  }
  for (const entry of entries.toSorted((left, right) => (left.name < right.name ? -1 : 1))) {
    call.signal?.throwIfAborted()
    walk.entries += 1
    if (walk.entries > call.limits.entries) {
      if (walk.entries === call.limits.entries + 1)
        pass(walk, '', `stopped in ${name || '.'}: more than ${call.limits.entries.toLocaleString('en')} entries`, true)
      return
    }
    await walkEntry(entry, join(folder, entry.name), depth, walk)
  }
}

async function walkEntry(entry: Dirent, path: string, depth: number, walk: Walk): Promise<void> {
  if (entry.name.startsWith('.') || entry.name === 'node_modules') return
  if (entry.isDirectory()) await walkFolder(path, depth + 1, walk)
  else if (entry.isSymbolicLink()) pass(walk, nameOf(path, walk), 'a symbolic link, not followed')
  else if (!entry.isFile()) pass(walk, nameOf(path, walk), 'not a regular file')
  else takeFile(path, nameOf(path, walk), walk)
}

/** Path below the folder, with `/` on every system. */
function nameOf(path: string, { root }: Walk): string {
  return relative(root, path).split(sep).join('/').toWellFormed()
}

function pass({ skipped }: Walk, document: string, reason: string, isUnreadable = false): void {
  skipped.push({ document, reason, isUnreadable })
}

function takeFile(path: string, document: string, walk: Walk): void {
  const { formats, limits } = walk.call
  const format = formatOfName(document)
  if (format === undefined || !formats.includes(format)) return pass(walk, document, `not ${nameFormats(formats)}`)
  if (document.length > 1024) return pass(walk, document, 'its path is longer than 1,024 characters')
  walk.candidates.push({ document, format, read: () => readFile(path, limits) })
}

async function readFile(path: string, limits: DocumentLimits): Promise<Uint8Array> {
  // O_NOFOLLOW: the name may have become a link since it was listed.
  // O_NONBLOCK: one that became a pipe must not hold everything up.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
  const file = await open(path, flags)
  try {
    const status = await file.stat()
    if (!status.isFile()) throw new DocumentProblem('not a regular file')
    checkSize(status.size, limits)
    return await readAtMost(file, limits)
  } finally {
    await file.close()
  }
}

/** A file may grow while it is read. */
async function readAtMost(file: FileHandle, limits: DocumentLimits): Promise<Uint8Array> {
  const bytes = await file.readFile()
  checkSize(bytes.length, limits)
  return bytes
}

function checkSize(bytes: number, { fileBytes }: DocumentLimits): void {
  if (bytes > fileBytes) throw new DocumentProblem(`${megabytes(bytes)}, above the limit of ${megabytes(fileBytes)} for one file`)
}

/** `5.0 MB` */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`
}
