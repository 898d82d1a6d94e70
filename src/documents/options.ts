import { OpspawnError } from '../core/index.ts'
import { FORMATS, type DocumentFormat } from './format.ts'

/** What keeps reading bounded; what is beyond is passed over and told. */
export interface DocumentLimits {
  /** Bytes of one document. @default 20_000_000 */
  readonly fileBytes: number
  /** Bytes of all documents of one call. @default 1_000_000_000 */
  readonly totalBytes: number
  /** Entries of a folder and those below it that are looked at. @default 100_000 */
  readonly entries: number
  /** Folders below the first. @default 32 */
  readonly depth: number
  /** Pages of one PDF. @default 5_000 */
  readonly pages: number
}

/** The limits where nothing else is said. */
export const DOCUMENT_LIMITS: DocumentLimits = {
  fileBytes: 20_000_000,
  totalBytes: 1_000_000_000,
  entries: 100_000,
  depth: 32,
  pages: 5_000,
}

/** A document that is no file. */
export interface DocumentContent {
  /** How it is cited, such as `report.pdf`; 1 to 1,024 characters. */
  readonly name: string
  /** Its bytes, or its text. */
  readonly content: Uint8Array | string
  /** Such as `text/html`; absent: the name tells. */
  readonly mediaType?: string | undefined
}

/** Where documents come from: the path of a folder or a file, or a document itself. */
export type DocumentSource = string | DocumentContent

/** What reading takes. */
export interface ReadDocumentsOptions {
  /** Kinds of documents that are read. @default all */
  readonly formats?: readonly DocumentFormat[] | undefined
  /** Tighter or wider bounds. */
  readonly limits?: Partial<DocumentLimits> | undefined
  /** Stops between two documents; reading then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** The same, checked. */
export interface ReadCall {
  readonly sources: readonly DocumentSource[]
  readonly formats: readonly DocumentFormat[]
  readonly limits: DocumentLimits
  readonly signal: AbortSignal | undefined
}

/** @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID` */
export function checkRead(
  source: DocumentSource | readonly DocumentSource[],
  options: ReadDocumentsOptions,
  known: readonly string[] = [],
): ReadCall {
  checkMembers('options', options, ['formats', 'limits', 'signal', ...known])
  const { formats = FORMATS, limits = {}, signal } = options
  const wrong: unknown = Array.isArray(formats) ? formats.find((format) => !FORMATS.includes(format)) : formats
  if (!Array.isArray(formats) || formats.length === 0 || wrong !== undefined)
    throw invalid(`formats must be a list of ${FORMATS.join(', ')}, not ${show(wrong ?? formats)}`)
  const sources: readonly unknown[] = Array.isArray(source) ? source : [source]
  sources.forEach(checkSource)
  return { sources: sources as readonly DocumentSource[], formats, limits: checkLimits(limits), signal }
}

function checkLimits(limits: Partial<DocumentLimits>): DocumentLimits {
  checkMembers('limits', limits, Object.keys(DOCUMENT_LIMITS))
  const given = Object.entries(limits).filter(([, value]) => value !== undefined)
  for (const [name, value] of given)
    if (!isWhole(value, 1, Number.MAX_SAFE_INTEGER))
      throw new OpspawnError('LIMIT_INVALID', `limits.${name} must be a whole number above 0, not ${show(value)}`)
  return { ...DOCUMENT_LIMITS, ...Object.fromEntries(given) }
}

function checkSource(source: unknown): void {
  if (typeof source === 'string') {
    if (source !== '' && !source.includes('\0')) return
    throw invalid(`a source must be the path of a folder or file, not ${show(source)}`)
  }
  if (typeof source !== 'object' || source === null) throw invalid(`a source must be a path or a document, not ${show(source)}`)
  checkMembers('a source', source, ['name', 'content', 'mediaType'])
  const { name, content, mediaType } = source as Readonly<Record<string, unknown>>
  checkText('the name of a source', name)
  if (typeof content !== 'string' && !(content instanceof Uint8Array))
    throw invalid(`the content of the source ${show(name)} must be bytes or a text, not ${show(content)}`)
  if (mediaType !== undefined && typeof mediaType !== 'string')
    throw invalid(`the mediaType of the source ${show(name)} must be a text such as text/html, not ${show(mediaType)}`)
}

/** Checks a name that is remembered. @throws OpspawnError `OPTIONS_INVALID` */
export function checkText(what: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.length <= 1024 && value.isWellFormed()) return value
  throw invalid(`${what} must be 1 to 1,024 characters of well-formed text, not ${show(value)}`)
}

/** Checks a number. @throws OpspawnError `OPTIONS_INVALID` */
export function checkWhole(what: string, value: unknown, least: number, most: number): number {
  if (isWhole(value, least, most)) return value
  throw invalid(`${what} must be a whole number from ${least} to ${most}, not ${show(value)}`)
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
}

function checkMembers(what: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`${what} must be an object, not ${show(value)}`)
  const unknown = Object.keys(value).find((name) => !known.includes(name))
  if (unknown !== undefined) throw invalid(`${what} has no member ${show(unknown)}; it may have ${known.join(', ')}`)
}

/** An option that cannot be used. */
export function invalid(text: string): OpspawnError {
  return new OpspawnError('OPTIONS_INVALID', text)
}

/** A value in a message, shortened. */
export function show(value: unknown): string {
  if (typeof value === 'string') return value.length <= 60 ? JSON.stringify(value) : `a text of ${value.length} characters`
  if (typeof value === 'number' || value === undefined || value === null) return String(value)
  return Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`
}
