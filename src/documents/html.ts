import type { DefaultTreeAdapterTypes } from 'parse5'
import type { Block, Line } from './block.ts'
import { loadPackage } from './load-package.ts'
import { DocumentProblem } from './problem.ts'

type Node = DefaultTreeAdapterTypes.ChildNode
type Element = DefaultTreeAdapterTypes.Element

/** What no reader sees, or what is no text. */
const UNSEEN: ReadonlySet<string> = new Set(
  `audio canvas datalist embed head iframe math noembed noframes noscript object script select style svg template textarea
  title video`.split(/\s+/),
)
/** What stands within a line; everything else begins a paragraph of its own. */
const INLINE: ReadonlySet<string> = new Set(
  `a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark nobr output q rp rt ruby s samp slot small
  span strike strong sub sup time tt u var wbr`.split(/\s+/),
)
/** Elements within elements. A page that is deeper is a trap for whoever reads it. */
const MAX_DEPTH = 500

/** Reads what a person would see of a page: headings, paragraphs, tables and code, each with its lines in the source. */
export async function readHtml(text: string): Promise<readonly Block[]> {
  const { parse } = await loadPackage('parse5', 'HTML', () => import('parse5'))
  const reader = createReader()
  readNodes(parse(text, { sourceCodeLocationInfo: true }).childNodes, reader, 0)
  reader.close('text')
  return reader.blocks
}

interface Reader {
  readonly blocks: Block[]
  /** Adds text to the paragraph that is open. */
  add(text: string, from: number, to: number): void
  /** Ends the paragraph that is open; blanks are drawn together. */
  close(kind: 'text' | 'heading', level?: number): void
}

function createReader(): Reader {
  const blocks: Block[] = []
  let parts: Line[] = []
  return {
    blocks,
    add: (text, from, to) => void parts.push({ text, from, to }),
    close(kind, level) {
      const lines = collapsed(parts)
      parts = []
      if (lines.length > 0) blocks.push(level === undefined ? { kind, lines } : { kind, level, lines })
    },
  }
}

/** One line; it knows from where to where it stands. */
function collapsed(parts: readonly Line[]): readonly Line[] {
  const told = parts.filter((part) => part.text.trim() !== '')
  const text = parts
    .map((part) => part.text)
    .join('')
    .replaceAll(/\s+/g, ' ')
    .trim()
  const [first, last] = [told[0], told.at(-1)]
  return first === undefined || last === undefined ? [] : [{ text, from: first.from, to: last.to }]
}

function readNodes(nodes: readonly Node[], reader: Reader, depth: number): void {
  if (depth > MAX_DEPTH) throw new DocumentProblem(`elements are nested more than ${MAX_DEPTH} deep`)
  for (const node of nodes) {
    if (node.nodeName === '#text') addText(node as DefaultTreeAdapterTypes.TextNode, reader)
    else if ('tagName' in node && !isHidden(node)) readElement(node, reader, depth)
  }
}

/** A text node's own location leaves out the blanks around it. */
function addText({ value, sourceCodeLocation }: DefaultTreeAdapterTypes.TextNode, reader: Reader): void {
  const start = sourceCodeLocation?.startLine ?? 1
  const before = value.slice(0, value.length - value.trimStart().length)
  const from = start + countBreaks(before)
  reader.add(value, from, from + countBreaks(value.trim()))
}

function countBreaks(text: string): number {
  return text.split('\n').length - 1
}

function isHidden({ tagName, attrs }: Element): boolean {
  if (UNSEEN.has(tagName)) return true
  return attrs.some(({ name, value }) => {
    if (name === 'hidden') return value.toLowerCase() !== 'until-found'
    if (name === 'aria-hidden') return value.trim().toLowerCase() === 'true'
    return name === 'style' && /(?:^|[;\s])(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))/i.test(value)
  })
}

function readElement(element: Element, reader: Reader, depth: number): void {
  const { tagName, childNodes } = element
  if (tagName === 'br') return reader.add(' ', lineOf(element), lineOf(element))
  if (INLINE.has(tagName)) return readNodes(childNodes, reader, depth + 1)
  reader.close('text')
  if (tagName === 'pre') return readCode(element, reader, depth)
  if (tagName === 'table') return readTable(element, reader, depth)
  readNodes(childNodes, reader, depth + 1)
  const level = /^h([1-6])$/.exec(tagName)?.[1]
  if (level === undefined) reader.close('text')
  else reader.close('heading', Number(level))
}

function lineOf(element: Element): number {
  return element.sourceCodeLocation?.startLine ?? 1
}

/** Everything that can be seen in some nodes, as one text. */
function seenIn(nodes: readonly Node[], depth: number): string {
  if (depth > MAX_DEPTH) throw new DocumentProblem(`elements are nested more than ${MAX_DEPTH} deep`)
  return nodes
    .map((node) => {
      if (node.nodeName === '#text') return (node as DefaultTreeAdapterTypes.TextNode).value
      if (!('tagName' in node) || isHidden(node)) return ''
      if (node.tagName === 'br') return '\n'
      const text = seenIn(node.childNodes, depth + 1)
      return INLINE.has(node.tagName) ? text : ` ${text} `
    })
    .join('')
}

function readCode(element: Element, reader: Reader, depth: number): void {
  const start = lineOf(element)
  // The parser takes a break right behind <pre> away.
  const first = element.childNodes[0]
  const skipped = first !== undefined && (first.sourceCodeLocation?.startLine ?? start) > start ? 1 : 0
  const lines = seenIn(element.childNodes, depth + 1)
    .replace(/\s+$/, '')
    .split('\n')
    .map((text, at) => ({ text, from: start + skipped + at, to: start + skipped + at }))
  if (lines.some((line) => line.text.trim() !== '')) reader.blocks.push({ kind: 'code', lines })
}

/** Rows as `cell | cell`. A table that only arranges the page, with another one in it, is read like any other part of it. */
function readTable(table: Element, reader: Reader, depth: number): void {
  const rows = rowsOf(table.childNodes)
  const isLayout = rows.length === 0 || rows.some((row) => holdsTable(row, depth))
  if (isLayout) {
    readNodes(table.childNodes, reader, depth + 1)
    return reader.close('text')
  }
  for (const child of table.childNodes) if ('tagName' in child && child.tagName === 'caption') readElement(child, reader, depth)
  const lines = rows.flatMap((row): readonly Line[] => {
    const cells = row.childNodes.filter((node): node is Element => 'tagName' in node && !isHidden(node))
    const texts = cells.map((cell) =>
      seenIn(cell.childNodes, depth + 3)
        .replaceAll(/\s+/g, ' ')
        .trim(),
    )
    const to = row.sourceCodeLocation?.endLine ?? lineOf(row)
    return texts.every((text) => text === '') ? [] : [{ text: texts.join(' | '), from: lineOf(row), to }]
  })
  const [first] = rows
  const hasHead = first?.childNodes.some((node) => 'tagName' in node && node.tagName === 'th') === true
  if (lines.length > 0) reader.blocks.push({ kind: 'table', lines, head: hasHead ? 1 : 0 })
}

function rowsOf(nodes: readonly Node[]): readonly Element[] {
  return nodes.flatMap((node): readonly Element[] => {
    if (!('tagName' in node) || isHidden(node)) return []
    if (node.tagName === 'tr') return [node]
    return ['thead', 'tbody', 'tfoot'].includes(node.tagName) ? rowsOf(node.childNodes) : []
  })
}

function holdsTable(element: Element, depth: number): boolean {
  if (depth > MAX_DEPTH) return true
  return element.childNodes.some((node) => 'tagName' in node && (node.tagName === 'table' || holdsTable(node, depth + 1)))
}
