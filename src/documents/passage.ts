import { createHash } from 'node:crypto'
import type { Json, JsonObject, MemoryEntry, MemoryRecord } from '../core/index.ts'
import type { Chunk } from './chunk.ts'

/** Raised when documents are read or cut in another way, so that those remembered before are taken anew. */
const WAY = 1
/** Metadata field that names the labels of a record's data; the engine reads it. */
const LABELS_FIELD = 'opspawn.labels'
/** Between the headings and what stands below them. */
const SEPARATOR = '\n\n'

/** A piece of a document as it was found again. */
export interface Passage {
  /** Name of the document: its path below the folder. */
  readonly document: string
  /** The headings above it, outermost first. */
  readonly headings: readonly string[]
  /** The first line in the file, from 1; of a document with pages, on that page. */
  readonly from: number
  /** The last line. */
  readonly to: number
  /** Of a PDF, from 1. */
  readonly page: number | undefined
  /** What stands there, without the headings. */
  readonly text: string
}

/** A document that is about to be remembered. */
export interface Origin {
  readonly collection: string
  readonly document: string
  /** See {@link revisionOf}. */
  readonly revision: string
  /** Of the data in it, with blanks between them; undefined: not said. */
  readonly labels: string | undefined
}

/** Tells one state of a document from another: its bytes, and how it was read and cut. */
export function revisionOf(bytes: Uint8Array, way: Json): string {
  return createHash('sha256')
    .update(JSON.stringify([WAY, way]))
    .update('\0')
    .update(bytes)
    .digest('base64url')
    .slice(0, 22)
}

/**
 * Makes the entries of a document. Their ids come from everything that is in them, so that remembering the same twice changes
 * nothing. The text begins with document and headings: what is found by words, or embedded, knows what it belongs to.
 */
export function entriesOf({ collection, document, revision, labels }: Origin, chunks: readonly Chunk[]): readonly MemoryEntry[] {
  return chunks.map(({ text, headings, from, to, page }, at) => {
    const context = [document, ...headings].join(' › ')
    const place = { ...(page !== undefined && { page }), from, to }
    const entry = {
      kind: 'document',
      text: `${context}${SEPARATOR}${text}`.toWellFormed(),
      source: { type: 'document', document, ...place, headings, context: context.length },
      metadata: {
        collection,
        document,
        revision,
        part: at + 1,
        parts: chunks.length,
        ...place,
        ...(labels !== undefined && { [LABELS_FIELD]: labels }),
      },
    } as const
    const id = createHash('sha256').update(JSON.stringify(entry)).digest('base64url').slice(0, 32)
    return { id: `document-${id}`, ...entry }
  })
}

/** Reads a record that {@link ingest} made; `undefined` for any other. */
export function passageOf(record: Pick<MemoryRecord, 'kind' | 'text' | 'source'>): Passage | undefined {
  const { kind, text, source } = record
  if (kind !== 'document' || source?.['type'] !== 'document') return undefined
  const { document, headings, from, to, page, context } = source as JsonObject & { readonly headings?: readonly string[] }
  if (typeof document !== 'string' || typeof from !== 'number' || typeof to !== 'number' || !Array.isArray(headings))
    return undefined
  return {
    document,
    headings: headings.filter((title) => typeof title === 'string'),
    from,
    to,
    page: typeof page === 'number' ? page : undefined,
    text: typeof context === 'number' ? text.slice(context + SEPARATOR.length) : text,
  }
}

/** Where a passage stands: `guide.md:12-20`, or `paper.pdf, page 3`. */
export function citePassage({ document, from, to, page }: Passage): string {
  if (page !== undefined) return `${document}, page ${page}`
  return to > from ? `${document}:${from}-${to}` : `${document}:${from}`
}
