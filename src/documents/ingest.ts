import { resolve } from 'node:path'
import type { MemoryHandle } from '../core/index.ts'
import type { Block } from './block.ts'
import { chunkBlocks, type ChunkOptions } from './chunk.ts'
import { type Candidate, findDocuments, type Skipped } from './find-documents.ts'
import { forgetIds, type HeldDocument, idsBut, isComplete, readHeld } from './held.ts'
import { readHtml } from './html.ts'
import { readMarkdown } from './markdown.ts'
import {
  checkRead,
  checkText,
  checkWhole,
  type DocumentSource,
  invalid,
  type ReadCall,
  type ReadDocumentsOptions,
  show,
} from './options.ts'
import { entriesOf, revisionOf } from './passage.ts'
import { readPdf } from './pdf.ts'
import { readPlainText } from './plain-text.ts'
import { DocumentProblem } from './problem.ts'
import { createReader, type DocumentRead } from './read-documents.ts'
import { type IngestedDocument, type IngestProgress, type IngestReport, reportOf } from './report.ts'
import { createWriter, type Writer } from './writer.ts'

/** How documents are taken in. */
export interface IngestOptions extends ReadDocumentsOptions {
  /**
   * Names what is kept in step: documents that the memory has under this name, and the sources have not, are forgotten.
   *
   * @default the absolute path of the folder or file, or the name of the document; several sources need one
   */
  readonly collection?: string | undefined
  /** A passage is closed before it becomes longer, 16 to 8,192 tokens; code and tables are torn from four times that on. @default 256 */
  readonly chunkTokens?: number | undefined
  /** How much of a passage's end is said again at the beginning of the next, up to half of `chunkTokens`. @default 0 */
  readonly overlapTokens?: number | undefined
  /** Counts the tokens of a text. @default a quarter of its characters */
  readonly countTokens?: ((text: string) => number) | undefined
  /** How old passages are forgotten: hidden at once and removed by the memory's upkeep, or removed at once. @default 'soft' */
  readonly forget?: 'soft' | 'erase' | undefined
  /**
   * What a run that recalls a passage has seen: `[]` for what is neither private nor from outside. Passages of documents that were
   * taken in with other labels are written anew.
   *
   * @default not said, which the engine counts as private and untrusted
   */
  readonly labels?: readonly ('private' | 'untrusted')[] | undefined
  /** Is told of each document once it is in the memory. What it throws ends the call. */
  readonly onProgress?: ((progress: IngestProgress) => void) | undefined
}

/**
 * Brings a memory in step with documents: new and changed ones are cut into passages and remembered, unchanged ones passed
 * over, removed ones forgotten. Only the scope of the handle is looked at. A process that was killed is no special case: the same call again
 * leaves the memory as if nothing had happened. On abort it rejects with the signal's reason; what was written stays, and the
 * next call goes on from there.
 *
 * @param memory where to, bound to a scope.
 * @param source the path of a folder or a file, a document, or a list of these.
 * @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID`; `INPUT_INVALID` for a path where nothing is; `PLUGIN_PACKAGE_MISSING`
 *   at the first HTML or PDF; what the memory throws
 */
export async function ingest(
  memory: MemoryHandle,
  source: DocumentSource | readonly DocumentSource[],
  options: IngestOptions = {},
): Promise<IngestReport> {
  const call = checkIngest(source, options)
  const { collection, signal } = call
  const found = await findDocuments(call)
  const held = await readHeld(memory, collection, signal)
  const documents: IngestedDocument[] = []
  const seen = new Set([...found.candidates, ...found.skipped].map((one) => one.document))
  const total = found.candidates.length + found.skipped.length
  const note = (outcome: IngestedDocument): void => {
    documents.push(outcome)
    options.onProgress?.({ ...outcome, done: Math.min(documents.length, total), total })
  }
  const context: Context = { call, held, writer: createWriter(memory, { mode: call.forget, signal, onWritten: note }) }
  for (const one of found.skipped) await skip(one, held.get(one.document), context)
  const read = createReader(call)
  for (const candidate of found.candidates) await take(candidate, read, context)
  await context.writer.flush()

  const unreadable = found.skipped.filter((one) => one.isUnreadable)
  for (const [document, revisions] of held) {
    if (seen.has(document)) continue
    signal?.throwIfAborted()
    const above = unreadable.find((one) => isBelow(document, one.document))
    if (above === undefined) await forgetIds(memory, idsBut(revisions), call.forget, signal)
    note(
      above === undefined
        ? { document, status: 'removed', passages: 0 }
        : { document, status: 'kept', passages: countOf(revisions), reason: above.reason },
    )
  }
  return reportOf(collection, documents)
}

interface IngestCall extends ReadCall, ChunkOptions {
  readonly collection: string
  readonly forget: 'soft' | 'erase'
  /** As the engine reads them: in order, with blanks between them. */
  readonly labels: string | undefined
}

interface Context {
  readonly call: IngestCall
  readonly held: ReadonlyMap<string, HeldDocument>
  readonly writer: Writer
}

const OWN = ['collection', 'chunkTokens', 'overlapTokens', 'countTokens', 'forget', 'labels', 'onProgress']

function checkIngest(source: DocumentSource | readonly DocumentSource[], options: IngestOptions): IngestCall {
  const call = checkRead(source, options, OWN)
  const { chunkTokens = 256, overlapTokens = 0, countTokens = quarter, forget = 'soft', onProgress } = options
  checkWhole('chunkTokens', chunkTokens, 16, 8192)
  checkWhole('overlapTokens', overlapTokens, 0, Math.floor(chunkTokens / 2))
  if (typeof countTokens !== 'function') throw invalid('countTokens must be a function')
  if (onProgress !== undefined && typeof onProgress !== 'function') throw invalid('onProgress must be a function')
  if (forget !== 'soft' && forget !== 'erase') throw invalid(`forget must be soft or erase, not ${JSON.stringify(forget)}`)
  const collection = checkText('collection', options.collection ?? collectionOf(call.sources))
  return { ...call, collection, chunkTokens, overlapTokens, countTokens, forget, labels: checkLabels(options.labels) }
}

const LABELS = ['private', 'untrusted'] as const

function checkLabels(labels: IngestOptions['labels']): string | undefined {
  if (labels === undefined) return undefined
  if (!Array.isArray(labels)) throw invalid(`labels must be a list of ${LABELS.join(' and ')}, not ${show(labels)}`)
  const at = labels.findIndex((label) => !LABELS.includes(label))
  if (at !== -1) throw invalid(`labels[${at}] must be ${LABELS.join(' or ')}, not ${show(labels[at])}`)
  return LABELS.filter((label) => labels.includes(label)).join(' ')
}

function quarter(text: string): number {
  return Math.ceil(text.length / 4)
}

function collectionOf([first, ...others]: readonly DocumentSource[]): string {
  if (first === undefined || others.length > 0)
    throw invalid('a list of sources needs a collection: the name under which it is kept in step')
  return typeof first === 'string' ? resolve(first) : first.name
}

/** Whether a document is in a folder; the empty name is everything. */
function isBelow(document: string, folder: string): boolean {
  return folder === '' || document.startsWith(`${folder}/`)
}

function countOf(held: HeldDocument | undefined): number {
  return [...(held ?? [])].reduce((sum, [, { ids }]) => sum + ids.length, 0)
}

/** What cannot be looked at may still be as it was; what can be, and is no document, has nothing to be remembered. */
async function skip(
  { document, reason, isUnreadable }: Skipped,
  held: HeldDocument | undefined,
  { writer }: Context,
): Promise<void> {
  const isKept = isUnreadable && held !== undefined
  const outcome = { document, status: isKept ? 'kept' : 'skipped', passages: isKept ? countOf(held) : 0, reason } as const
  await writer.add({ outcome, entries: [], obsolete: isKept ? [] : idsBut(held) })
}

async function take(candidate: Candidate, reader: ReturnType<typeof createReader>, context: Context): Promise<void> {
  const { call, writer } = context
  const { document } = candidate
  const held = context.held.get(document)
  const read = await reader(candidate)
  if ('reason' in read) return skip(read, held, context)
  const { collection, chunkTokens, overlapTokens, labels } = call
  const way = [read.format, chunkTokens, overlapTokens, ...(labels === undefined ? [] : [labels])]
  const revision = revisionOf(read.bytes, way)
  const warned = read.warnings.length > 0 && { warnings: read.warnings }
  if (isComplete(held, revision)) {
    const outcome = { document, status: 'unchanged', passages: held?.get(revision)?.parts ?? 0, ...warned } as const
    return writer.add({ outcome, entries: [], obsolete: idsBut(held, revision) })
  }
  const cut = await cutDocument(read, call)
  if ('reason' in cut) return skip(cut, held, context)
  const entries = entriesOf({ collection, document, revision, labels }, cut.chunks)
  const warnings = [...read.warnings, ...cut.warnings]
  const outcome: IngestedDocument = {
    document,
    status: held === undefined ? 'added' : 'changed',
    passages: entries.length,
    ...(warnings.length > 0 && { warnings }),
  }
  await writer.add({ outcome, entries, obsolete: idsBut(held, revision) })
}

interface Cut {
  readonly chunks: ReturnType<typeof chunkBlocks>
  readonly warnings: readonly string[]
}

async function cutDocument(read: DocumentRead, call: IngestCall): Promise<Cut | Skipped> {
  const { document } = read
  try {
    const { blocks, warnings } = await blocksOf(read, call)
    const chunks = chunkBlocks(blocks, call)
    if (chunks.length === 0) throw new DocumentProblem('empty')
    return { chunks, warnings }
  } catch (error) {
    if (error instanceof DocumentProblem) return { document, reason: error.message, isUnreadable: false }
    throw error
  }
}

type Blocks = { readonly blocks: readonly Block[]; readonly warnings: readonly string[] }

async function blocksOf({ format, bytes, text = '' }: DocumentRead, { limits, signal }: ReadCall): Promise<Blocks> {
  if (format === 'pdf') return readPdf(bytes, { maxPages: limits.pages, signal })
  if (format === 'html') return { blocks: await readHtml(text), warnings: [] }
  return { blocks: format === 'markdown' ? readMarkdown(text) : readPlainText(text), warnings: [] }
}
