import { constants } from 'node:fs'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { basename, dirname, extname, join, relative, sep } from 'node:path'
import { OpspawnError } from 'opspawn'

/** A text file in memory. */
export interface Document {
  /** Path below the folder, with `/`. */
  readonly file: string
  readonly lines: readonly string[]
  readonly bytes: number
}

/** Everything that can be asked about. It is read once, so that the tools do no I/O and cannot leave the folder. */
export interface Folder {
  readonly path: string
  readonly documents: readonly Document[]
  /** What was left out, or read with losses, and why. */
  readonly remarks: readonly { readonly file: string; readonly remark: string }[]
}

/** What keeps memory and time bounded. */
export const LIMITS = { fileBytes: 5_000_000, totalBytes: 32_000_000, entries: 100_000 } as const

const EXTENSIONS: ReadonlySet<string> = new Set(['.md', '.mdx', '.markdown', '.txt', '.text', '.rst', '.adoc', '.org'])

/**
 * Reads the Markdown and text files below a folder, or one file. Hidden folders and `node_modules` are passed over;
 * symbolic links are not followed, so that nothing outside the folder is read and no loop is walked.
 *
 * @throws OpspawnError `INPUT_INVALID` when there is nothing to read
 */
export async function readFolder(path: string, signal: AbortSignal): Promise<Folder> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const what = error.code === 'ENOENT' ? 'there is no such folder' : reasonOf(error)
    throw new OpspawnError('INPUT_INVALID', `${path}: ${what}`)
  })
  const reader = new Reader(found.isDirectory() ? path : dirname(path), signal)
  if (found.isDirectory()) await reader.readEntries(path)
  else if (found.isFile()) await reader.readDocument(path)
  else throw new OpspawnError('INPUT_INVALID', `${path}: neither a folder nor a regular file`)
  const { documents, remarks } = reader
  if (documents.length === 0) {
    const left = remarks.map(({ file, remark }) => `\n  ${file}: ${remark}`).slice(0, 5)
    throw new OpspawnError('INPUT_INVALID', `${path}: no Markdown or text file to read here${left.join('')}`)
  }
  return { path, documents, remarks }
}

class Reader {
  readonly documents: Document[] = []
  readonly remarks: { file: string; remark: string }[] = []
  readonly #root: string
  readonly #signal: AbortSignal
  #bytes = 0
  #entries = 0

  constructor(root: string, signal: AbortSignal) {
    this.#root = root
    this.#signal = signal
  }

  async readEntries(folder: string): Promise<void> {
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      this.#remark(folder, reasonOf(error))
      return []
    })
    for (const entry of entries.toSorted((left, right) => (left.name < right.name ? -1 : 1))) {
      this.#signal.throwIfAborted()
      this.#entries += 1
      if (this.#entries > LIMITS.entries) {
        if (this.#entries === LIMITS.entries + 1)
          this.#remark(folder, `stopped here: more than ${LIMITS.entries.toLocaleString('en')} entries`)
        return
      }
      const path = join(folder, entry.name)
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue
      if (entry.isDirectory()) await this.readEntries(path)
      else if (entry.isSymbolicLink()) this.#remark(path, 'a symbolic link, not followed')
      else if (!entry.isFile()) this.#remark(path, 'not a regular file')
      else await this.readDocument(path)
    }
  }

  async readDocument(path: string): Promise<void> {
    const extension = extname(path).toLowerCase()
    // Without an extension only names such as README and LICENSE are taken for text.
    if (extension === '' ? !/^[A-Z_-]+$/.test(basename(path)) : !EXTENSIONS.has(extension))
      return this.#remark(path, 'not Markdown or text')
    try {
      // O_NOFOLLOW: the name may have become a link since it was listed.
      // O_NONBLOCK: one that became a pipe must not hold everything up.
      const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
      await using handle = await open(path, flags)
      await this.#readText(path, handle)
    } catch (error) {
      this.#remark(path, reasonOf(error as NodeJS.ErrnoException))
    }
  }

  async #readText(path: string, handle: FileHandle): Promise<void> {
    const { size } = await handle.stat()
    if (size > LIMITS.fileBytes)
      return this.#remark(path, `${megabytes(size)}, above the limit of ${megabytes(LIMITS.fileBytes)} for one file`)
    if (this.#bytes + size > LIMITS.totalBytes)
      return this.#remark(path, `left out: the limit of ${megabytes(LIMITS.totalBytes)} for all files is reached`)
    const bytes = await handle.readFile()
    if (bytes.includes(0)) return this.#remark(path, 'binary')
    const text = new TextDecoder().decode(bytes)
    if (text.trim() === '') return this.#remark(path, 'empty')
    if (text.includes('\uFFFD')) this.#remark(path, 'read, but its text is not whole UTF-8')
    this.#bytes += bytes.length
    this.documents.push({ file: this.#name(path), lines: text.replace(/\r?\n$/, '').split(/\r?\n/), bytes: bytes.length })
  }

  #remark(path: string, remark: string): void {
    this.remarks.push({ file: this.#name(path), remark })
  }

  #name(path: string): string {
    return relative(this.#root, path).split(sep).join('/') || basename(path)
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'EACCES' || code === 'EPERM') return 'not readable with your permissions'
  if (code === 'ELOOP') return 'a symbolic link, not followed'
  return code ?? message
}
