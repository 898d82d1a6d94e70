import { OpspawnError } from 'opspawn'
import { readDocuments, type DocumentSource } from 'opspawn/documents'

/** A text file as it was read. */
export interface Document {
  /** Path below the folder, with `/`. */
  readonly file: string
  readonly content: Uint8Array
  readonly lines: readonly string[]
}

/** Everything that can be asked about. It is read once, so that the tools do no I/O and cannot leave the folder. */
export interface Folder {
  readonly path: string
  readonly documents: readonly Document[]
  /** What was left out, or read with losses, and why. */
  readonly remarks: readonly { readonly file: string; readonly remark: string }[]
}

/** What keeps memory and time bounded. */
const limits = { fileBytes: 5_000_000, totalBytes: 32_000_000, entries: 100_000 }

/**
 * Reads the Markdown and text files below a folder, or one file.
 *
 * @throws OpspawnError `INPUT_INVALID` when there is nothing to read
 */
export async function readFolder(path: string, signal: AbortSignal): Promise<Folder> {
  const documents: Document[] = []
  const remarks: { file: string; remark: string }[] = []
  for await (const found of readDocuments(path, { formats: ['markdown', 'text'], limits, signal })) {
    const { document: file } = found
    if ('reason' in found) {
      remarks.push({ file, remark: found.reason })
      continue
    }
    for (const remark of found.warnings) remarks.push({ file, remark })
    const lines = (found.text ?? '').replace(/\r?\n$/, '').split(/\r\n|\r|\n/)
    documents.push({ file, content: found.bytes, lines })
  }
  if (documents.length === 0) {
    const left = remarks.map(({ file, remark }) => `\n  ${file}: ${remark}`).slice(0, 5)
    throw new OpspawnError('INPUT_INVALID', `${path}: no Markdown or text file to read here${left.join('')}`)
  }
  return { path, documents, remarks }
}

/** The documents as a memory takes them in. */
export function sourcesOf({ documents }: Folder): readonly DocumentSource[] {
  return documents.map(({ file, content }) => ({ name: file, content }))
}
