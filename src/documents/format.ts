/** What kinds of documents are read. */
export type DocumentFormat = 'markdown' | 'text' | 'html' | 'pdf'

/** All of them. */
export const FORMATS: readonly DocumentFormat[] = ['markdown', 'text', 'html', 'pdf']

const BY_EXTENSION: ReadonlyMap<string, DocumentFormat> = new Map([
  ...['md', 'mdx', 'markdown'].map((name) => [name, 'markdown'] as const),
  ...['txt', 'text', 'rst', 'adoc', 'org'].map((name) => [name, 'text'] as const),
  ...['html', 'htm', 'xhtml'].map((name) => [name, 'html'] as const),
  ['pdf', 'pdf'],
])

const BY_MEDIA_TYPE: ReadonlyMap<string, DocumentFormat> = new Map([
  ['text/markdown', 'markdown'],
  ['text/x-markdown', 'markdown'],
  ['text/plain', 'text'],
  ['text/html', 'html'],
  ['application/xhtml+xml', 'html'],
  ['application/pdf', 'pdf'],
])

const NAMES: Readonly<Record<DocumentFormat, string>> = { markdown: 'Markdown', text: 'text', html: 'HTML', pdf: 'PDF' }

/** The format that a name tells. Without an extension only names such as README and LICENSE are taken for text. */
export function formatOfName(name: string): DocumentFormat | undefined {
  const base = name.slice(name.lastIndexOf('/') + 1)
  const dot = base.lastIndexOf('.')
  if (dot <= 0) return /^[A-Z_-]+$/.test(base) ? 'text' : undefined
  return BY_EXTENSION.get(base.slice(dot + 1).toLowerCase())
}

/** The format that a media type tells; parameters such as a charset are passed over. */
export function formatOfMediaType(mediaType: string): DocumentFormat | undefined {
  return BY_MEDIA_TYPE.get((mediaType.split(';', 1)[0] ?? '').trim().toLowerCase())
}

/** `Markdown, text or PDF`. */
export function nameFormats(formats: readonly DocumentFormat[]): string {
  const names = formats.map((format) => NAMES[format])
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
}
