import { DocumentProblem } from './problem.ts'

/** Text of a document. */
export interface Decoded {
  readonly text: string
  readonly warnings: readonly string[]
}

const DECLARED = /<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w-]{1,40})/i

/**
 * Makes text of bytes: UTF-8, UTF-16 with a mark at the beginning, or what a page of HTML declares.
 *
 * @throws DocumentProblem for what is no text, or none at all
 */
export function decode(bytes: Uint8Array, isHtml: boolean): Decoded {
  const encoding = encodingOf(bytes, isHtml)
  if (!encoding.startsWith('utf-16') && bytes.includes(0)) throw new DocumentProblem('binary')
  const decoder = decoderFor(encoding)
  const text = decoder.decode(bytes)
  if (text.trim() === '') throw new DocumentProblem('empty')
  // A document may hold U+FFFD by itself; a strict look tells what it is.
  return { text, warnings: text.includes('\uFFFD') && !isWhole(bytes, decoder.encoding) ? [brokenText(decoder.encoding)] : [] }
}

function encodingOf(bytes: Uint8Array, isHtml: boolean): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be'
  if (!isHtml) return 'utf-8'
  const declared = DECLARED.exec(new TextDecoder('latin1').decode(bytes.subarray(0, 1024)))?.[1]?.toLowerCase()
  // A page that says in plain letters that it is UTF-16 is not.
  return declared === undefined || declared.startsWith('utf-16') ? 'utf-8' : declared
}

function decoderFor(encoding: string): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(encoding)
  } catch {
    // Nobody knows that name: what cannot be read as UTF-8 is told.
    return new TextDecoder('utf-8')
  }
}

function isWhole(bytes: Uint8Array, encoding: string): boolean {
  try {
    new TextDecoder(encoding, { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

function brokenText(encoding: string): string {
  return `read, but its text is not whole ${encoding.toUpperCase()}`
}
