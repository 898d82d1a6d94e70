import { createHash } from 'node:crypto'
import { open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { OpspawnError } from '../../core/index.ts'
import { isObject, memoryFailed } from '../../remembering/index.ts'
import { readCommit, writeCommit, type Commit } from './commit.ts'

const FORMAT = 'opspawn-memory-journal'
const VERSION = 1
const BATCH = 256
const NEWLINE = 10

/** What a journal goes by. */
export interface JournalOptions {
  readonly path: string
  readonly sync: boolean
  /** Id of the embedder whose vectors are written; absent: those that are there stay, and none comes. */
  readonly embedder: string | undefined
  /** Vectors of another embedder, or of one where none is given, are passed over instead of refused or kept. */
  readonly reembed: boolean
}

/** A file of commits, one line each: what is on the last whole line has happened. */
export interface Journal {
  /** The vectors in the file were not read, being of no or another embedder: rewrite it before anything is appended. */
  readonly isStale: boolean
  /** Appends a commit: all of it or, when the process dies on the way, nothing. */
  append(commit: Commit): Promise<void>
  /** Writes the file anew with these records only, in one step, and reads back what is there. */
  rewrite(puts: Iterable<Commit['puts'][number]>): Promise<void>
  close(): Promise<void>
}

/**
 * Opens a journal, replays what is in it, and takes a torn last line off.
 *
 * @throws OpspawnError `MEMORY_MISMATCH` for another format or embedder, `MEMORY_FAILED` for a file that cannot be used.
 */
export async function openJournal(options: JournalOptions, replay: (commit: Commit) => void): Promise<Journal> {
  const { path, sync } = options
  const { file: opened, isReadOnly } = await guarded('read', `opening ${path}`, () => openFile(path))
  let file: FileHandle = opened
  let inode: number
  let size: number
  let isStale: boolean
  let embedder: string | undefined
  try {
    ;({ size, isStale, embedder } = await load(file, options, replay))
    inode = (await file.stat()).ino
  } catch (error) {
    await file.close()
    throw error
  }

  /** Fails unless the path still names the file that is written to. Gives how long that file is. */
  async function requireOwn(): Promise<number> {
    const there = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    if (there?.ino === inode) return there.size
    throw changed(path, `was ${there === undefined ? 'removed' : 'replaced'}`)
  }

  async function requireUnchanged(): Promise<void> {
    const actual = await requireOwn()
    if (actual !== size) throw changed(path, `was changed: it has ${actual} bytes, not ${size}`)
  }

  async function write(text: string): Promise<void> {
    if (isReadOnly) throw readOnly(path)
    const bytes = Buffer.from(text)
    await requireUnchanged()
    try {
      await file.appendFile(bytes)
      if (sync) await file.datasync()
    } catch (error) {
      // What stands behind the last whole line would be taken off at the next opening; better now.
      await file.truncate(size).catch(() => {})
      throw error
    }
    size += bytes.length
    // Another process may have put a file that it wrote anew in the place of this one meanwhile.
    await requireOwn()
  }

  return {
    isStale,
    append: (commit) => guarded('write', `writing to ${path}`, () => write(writeCommit(commit))),
    async rewrite(puts) {
      await guarded('write', `rewriting ${path}`, async () => {
        if (isReadOnly) throw readOnly(path)
        const fresh = await replaceFile({ path, embedder }, puts, requireUnchanged)
        const old = file
        file = fresh.file
        size = fresh.size
        inode = fresh.inode
        await old.close()
        await verify(path, fresh.hash)
      })
    },
    close: () => file.close(),
  }
}

/** Who may not write a file may still read what is in it. */
async function openFile(path: string): Promise<{ readonly file: FileHandle; readonly isReadOnly: boolean }> {
  try {
    return { file: await open(path, 'a+'), isReadOnly: false }
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    return { file: await open(path, 'r'), isReadOnly: true }
  }
}

function readOnly(path: string): OpspawnError {
  return memoryFailed('write', `${path} cannot be written: give this user the right to write it`)
}

function changed(path: string, how: string): OpspawnError {
  return memoryFailed('changed-outside', `${path} ${how} by somebody else; one process at a time may use it`)
}

async function load(
  file: FileHandle,
  options: JournalOptions,
  replay: (commit: Commit) => void,
): Promise<{ readonly size: number; readonly isStale: boolean; readonly embedder: string | undefined }> {
  const { path, embedder } = options
  const bytes = await guarded('read', `reading ${path}`, async () => {
    if (!(await file.stat()).isFile()) throw mismatch(path, 'is no regular file')
    return file.readFile()
  })
  const whole = bytes.lastIndexOf(NEWLINE) + 1
  if (whole === 0) {
    // Not one whole line: it is new, or its making was interrupted. Anything else must not be overwritten.
    if (bytes.length > 0 && !header(embedder).startsWith(bytes.toString())) throw mismatch(path, 'is no journal of a memory')
    const size = Buffer.byteLength(header(embedder))
    await guarded('write', `writing to ${path}`, async () => {
      if (bytes.length > 0) await file.truncate(0)
      await file.appendFile(header(embedder))
      await file.datasync()
      if ((await file.stat()).size !== size) throw memoryFailed('read', `${path} was made by somebody else at the same time`)
    })
    return { size, isStale: false, embedder }
  }
  let owner: string | undefined
  let keepsVectors = false
  for (let from = 0, number = 1; from < whole; number += 1) {
    const end = bytes.indexOf(NEWLINE, from)
    const line = bytes.toString('utf8', from, end)
    if (number === 1) ({ owner, keepsVectors } = checkHeader(line, options))
    // Of two processes that make the file at once each writes the first line.
    else if (number > 2 || line !== bytes.toString('utf8', 0, from - 1))
      replay(readCommit(line, `${path}, line ${number}`, keepsVectors))
    from = end + 1
  }
  if (whole < bytes.length) await guarded('write', `mending ${path}`, () => file.truncate(whole))
  return { size: whole, isStale: !keepsVectors, embedder: owner }
}

function header(embedder: string | undefined): string {
  return `${JSON.stringify({ format: FORMAT, version: VERSION, embedder: embedder ?? null })}\n`
}

interface Owned {
  /** Id of the embedder that the vectors are of from now on. */
  readonly owner: string | undefined
  /** Those in the file are of it. */
  readonly keepsVectors: boolean
}

/** Whose the vectors in the file are, and will be. @throws OpspawnError `MEMORY_MISMATCH` */
function checkHeader(line: string, { path, embedder, reembed }: JournalOptions): Owned {
  let found: unknown
  try {
    found = JSON.parse(line)
  } catch {
    throw mismatch(path, 'is no journal of a memory')
  }
  if (!isObject(found) || found['format'] !== FORMAT) throw mismatch(path, 'is no journal of a memory')
  if (found['version'] !== VERSION) throw mismatch(path, `has version ${String(found['version'])}, this package reads ${VERSION}`)
  const written = typeof found['embedder'] === 'string' ? found['embedder'] : undefined
  if (written === embedder) return { owner: embedder, keepsVectors: true }
  if (embedder === undefined && !reembed) return { owner: written, keepsVectors: true }
  if (written === undefined || reembed) return { owner: embedder, keepsVectors: false }
  throw mismatch(
    path,
    `has vectors of embedder ${JSON.stringify(written)}, not of ${embedder}; with reembed: true they are made anew`,
  )
}

function mismatch(path: string, problem: string): OpspawnError {
  return new OpspawnError('MEMORY_MISMATCH', `${path} ${problem}`, { details: { path } })
}

async function replaceFile(
  { path, embedder }: Pick<JournalOptions, 'path' | 'embedder'>,
  puts: Iterable<Commit['puts'][number]>,
  requireUnchanged: () => Promise<void>,
): Promise<{ readonly file: FileHandle; readonly inode: number; readonly size: number; readonly hash: string }> {
  const beside = `${path}.new`
  await rm(beside, { force: true })
  const file = await open(beside, 'ax+')
  const hash = createHash('sha256')
  let size = 0
  try {
    for (const text of texts(embedder, puts)) {
      await file.appendFile(text)
      hash.update(text)
      size += Buffer.byteLength(text)
    }
    await file.sync()
    // What somebody else has appended to the old one would be gone with it.
    await requireUnchanged()
    await rename(beside, path)
    await syncFolder(path)
  } catch (error) {
    await file.close()
    await rm(beside, { force: true })
    throw error
  }
  return { file, inode: (await file.stat()).ino, size, hash: hash.digest('hex') }
}

function* texts(embedder: string | undefined, puts: Iterable<Commit['puts'][number]>): Generator<string> {
  yield header(embedder)
  let batch: Commit['puts'][number][] = []
  for (const put of puts) {
    batch.push(put)
    if (batch.length < BATCH) continue
    yield writeCommit({ puts: batch, drops: [] })
    batch = []
  }
  if (batch.length > 0) yield writeCommit({ puts: batch, drops: [] })
}

/** The renaming itself must survive a power cut. Folders cannot be opened everywhere. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Reads back what stands in the file, and that no other one was left beside it. */
async function verify(path: string, expected: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    const actual = createHash('sha256')
      .update(await file.readFile())
      .digest('hex')
    const left = (await readdir(dirname(path))).includes(`${basename(path)}.new`)
    if (actual === expected && !left) return
  } finally {
    await file.close()
  }
  throw memoryFailed('erase-incomplete', `${join(path)} does not hold what was written to it; erase again`)
}

/** Makes a fault of the file system ours, once. */
async function guarded<T>(reason: 'read' | 'write', what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (OpspawnError.is(error)) throw error
    throw memoryFailed(reason, `${what} failed: ${error instanceof Error ? error.message : String(error)}`, error)
  }
}
