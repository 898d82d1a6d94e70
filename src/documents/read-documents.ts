import { decode } from './decode.ts'
import { type Candidate, findDocuments, megabytes, type Skipped } from './find-documents.ts'
import type { DocumentFormat } from './format.ts'
import { checkRead, type DocumentSource, type ReadCall, type ReadDocumentsOptions } from './options.ts'
import { DocumentProblem, reasonOf } from './problem.ts'

/**
 * A document as it was read.
 *
 * @property document Its name: the path below the folder, or the name of the file.
 * @property text Absent for a PDF, whose text is found out later.
 * @property warnings What was lost in reading it.
 */
export interface DocumentRead {
  readonly document: string
  /** How it is read. */
  readonly format: DocumentFormat
  /** Its content. */
  readonly bytes: Uint8Array
  readonly text: string | undefined
  readonly warnings: readonly string[]
}

/** A document that was passed over. */
export interface DocumentSkipped {
  /** Its name; empty for the folder itself. */
  readonly document: string
  /** Why, for people. */
  readonly reason: string
}

/**
 * Reads the documents of a folder, a file or several sources, one after the other in the order of their names, with what is
 * passed over and why. Rejects with the signal's reason on abort.
 *
 * @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID`; `INPUT_INVALID` for a path where nothing is
 */
export async function* readDocuments(
  source: DocumentSource | readonly DocumentSource[],
  options: ReadDocumentsOptions = {},
): AsyncGenerator<DocumentRead | DocumentSkipped> {
  const call = checkRead(source, options)
  const { candidates, skipped } = await findDocuments(call)
  for (const { document, reason } of skipped) yield { document, reason }
  const read = createReader(call)
  for (const candidate of candidates) {
    const result = await read(candidate)
    yield 'reason' in result ? { document: result.document, reason: result.reason } : result
  }
}

/** Makes what reads one candidate after the other and keeps count of their sizes. */
export function createReader({ formats, limits, signal }: ReadCall): (candidate: Candidate) => Promise<DocumentRead | Skipped> {
  let total = 0
  return async (candidate) => {
    signal?.throwIfAborted()
    const { document } = candidate
    try {
      const bytes = await candidate.read()
      if (total + bytes.length > limits.totalBytes)
        throw new DocumentProblem(`left out: the limit of ${megabytes(limits.totalBytes)} for all files is reached`)
      total += bytes.length
      // A PDF by another name is told by its first bytes.
      const isPdf = candidate.format === 'pdf' || (formats.includes('pdf') && startsLikePdf(bytes))
      if (isPdf) return { document, format: 'pdf', bytes, text: undefined, warnings: [] }
      return { document, format: candidate.format, bytes, ...decode(bytes, candidate.format === 'html') }
    } catch (error) {
      signal?.throwIfAborted()
      return { document, reason: reasonIn(error), isUnreadable: !(error instanceof DocumentProblem) }
    }
  }
}

function reasonIn(error: unknown): string {
  return error instanceof DocumentProblem ? error.message : reasonOf(error)
}

function startsLikePdf(bytes: Uint8Array): boolean {
  return [0x25, 0x50, 0x44, 0x46, 0x2d].every((byte, at) => bytes[at] === byte)
}
