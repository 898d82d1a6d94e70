/**
 * Reads folders and files of Markdown, text, HTML and PDF into any memory, and keeps the memory in step with them.
 *
 * @module
 */

export type { DocumentFormat } from './format.ts'
export { ingest, type IngestOptions } from './ingest.ts'
export { DOCUMENT_LIMITS } from './options.ts'
export type { DocumentContent, DocumentLimits, DocumentSource, ReadDocumentsOptions } from './options.ts'
export { citePassage, passageOf, type Passage } from './passage.ts'
export { readDocuments, type DocumentRead, type DocumentSkipped } from './read-documents.ts'
export type { DocumentStatus, IngestedDocument, IngestProgress, IngestReport } from './report.ts'
