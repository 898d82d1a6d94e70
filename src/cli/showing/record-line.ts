import type { MemoryRecord } from '../../core/index.ts'
import { oneLine } from '../terminal/visible.ts'

/** Where a record comes from, as far as it says: a document with its lines or its page, or nothing. */
export function placeOf({ source }: Pick<MemoryRecord, 'source'>): string {
  const { document, from, to, page } = source ?? {}
  if (typeof document !== 'string') return '-'
  if (typeof page === 'number') return `${document}, page ${page}`
  if (typeof from !== 'number' || typeof to !== 'number') return document
  return to > from ? `${document}:${from}-${to}` : `${document}:${from}`
}

/** The text of a record on one line, without the name and the headings of its document. */
export function briefText({ text, source }: Pick<MemoryRecord, 'text' | 'source'>, most: number): string {
  const context = source?.['context']
  return oneLine(typeof context === 'number' ? text.slice(context) : text, most)
}
