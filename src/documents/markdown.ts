import { type Block, linesBetween, linesOf } from './block.ts'

const FENCE = /^(?:\s|>)*(?:(?:[-*+]|\d{1,9}[.)])\s+)?(`{3,}(?=[^`]*$)|~{3,})/
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$/
const UNDERLINE = /^ {0,3}(=+|-+)[ \t]*$/
const DELIMITERS = /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/
/** A line that begins something other than a paragraph: a list, a quotation, a line across. */
const NO_PARAGRAPH = /^ {0,3}(?:[-*+]\s|\d{1,9}[.)]\s|>|(?:[-*_]\s*){3,}$)|^(?: {4}|\t)/

/**
 * Reads Markdown as far as cutting it into passages needs: which lines are headings, and which hang together as code, a table
 * or a paragraph. Every line keeps its number. Comments are left out, since nobody who reads the page sees them.
 */
export function readMarkdown(text: string): readonly Block[] {
  const lines = linesOf(text)
  const blocks: Block[] = []
  let at = frontMatterEnd(lines)
  if (at > 0) blocks.push({ kind: 'code', lines: linesBetween(lines, 0, at), head: 1, tail: 1 })
  while (at < lines.length) {
    const { end, block } = nextBlock(lines, at)
    if (block !== undefined) blocks.push(block)
    at = end
  }
  return blocks
}

interface Next {
  /** The first line behind it. */
  readonly end: number
  /** Absent for what is left out. */
  readonly block?: Block
}

function nextBlock(lines: readonly string[], at: number): Next {
  const line = lines[at] as string
  if (line.trim() === '') return { end: at + 1 }
  if (line.trimStart().startsWith('<!--')) return { end: commentEnd(lines, at) }
  const fence = FENCE.exec(line)?.[1]
  if (fence !== undefined) return codeFrom(lines, at, fence)
  const heading = HEADING.exec(line)
  if (heading !== null) return headingOf(lines, at, at + 1, heading[1]?.length ?? 1, heading[2] ?? '')
  if (isTableAt(lines, at)) return tableFrom(lines, at)
  return paragraphFrom(lines, at)
}

/** Metadata between two lines of dashes at the very beginning; 0 where there is none. */
function frontMatterEnd(lines: readonly string[]): number {
  if (lines[0]?.trimEnd() !== '---') return 0
  const end = lines.findIndex((line, at) => at > 0 && /^(?:---|\.\.\.)\s*$/.test(line))
  return end < 0 || lines.slice(1, end).some((line) => line.trim() === '') ? 0 : end + 1
}

function commentEnd(lines: readonly string[], at: number): number {
  const end = lines.findIndex((line, index) => index >= at && line.includes('-->'))
  return end < 0 ? lines.length : end + 1
}

function codeFrom(lines: readonly string[], at: number, fence: string): Next {
  const closing = new RegExp(`^[\\s>]*${fence[0] === '~' ? '~' : '`'}{${fence.length},}\\s*$`)
  const found = lines.findIndex((line, index) => index > at && closing.test(line))
  const end = found < 0 ? lines.length : found + 1
  return { end, block: { kind: 'code', lines: linesBetween(lines, at, end), head: 1, tail: found < 0 ? 0 : 1 } }
}

function headingOf(lines: readonly string[], at: number, end: number, level: number, title: string): Next {
  const text = plainTitle(title)
  return { end, block: { kind: 'heading', level, lines: text === '' ? [] : [{ text, from: at + 1, to: end }] } }
}

/** A title as a reader sees it: without marks of style, and of links only their text. */
function plainTitle(title: string): string {
  return title
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/\*\*|`|<[^>]*>|\s*\{#[^}]*\}$/g, '')
    .trim()
}

function isTableAt(lines: readonly string[], at: number): boolean {
  const [line = '', next = ''] = lines.slice(at, at + 2)
  return line.includes('|') && next.includes('-') && DELIMITERS.test(next) && cellsOf(line) === cellsOf(next)
}

function cellsOf(row: string): number {
  const inner = row.trim().replace(/^\|/, '').replace(/\|$/, '')
  return inner.replaceAll(/\\\|/g, '').split('|').length
}

function tableFrom(lines: readonly string[], at: number): Next {
  let end = at + 2
  while (end < lines.length && !endsParagraph(lines[end] as string)) end += 1
  return { end, block: { kind: 'table', lines: linesBetween(lines, at, end), head: 2 } }
}

function endsParagraph(line: string): boolean {
  return line.trim() === '' || HEADING.test(line) || FENCE.test(line) || line.trimStart().startsWith('<!--')
}

function paragraphFrom(lines: readonly string[], at: number): Next {
  const canBeTitle = !NO_PARAGRAPH.test(lines[at] as string)
  let end = at + 1
  for (; end < lines.length && !endsParagraph(lines[end] as string); end += 1) {
    const line = lines[end] as string
    const underline = UNDERLINE.exec(line)?.[1]
    if (canBeTitle && underline !== undefined && lines.slice(at, end).every((one) => !/^ {0,3}(?:[-*+] |>)/.test(one)))
      return headingOf(lines, at, end + 1, underline.startsWith('=') ? 1 : 2, lines.slice(at, end).join(' '))
    if (isTableAt(lines, end)) break
  }
  return { end, block: { kind: 'text', lines: linesBetween(lines, at, end) } }
}
