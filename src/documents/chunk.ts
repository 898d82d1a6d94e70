import type { Block, Line } from './block.ts'

/** A piece of a document that is remembered by itself. */
export interface Chunk {
  readonly text: string
  /** The headings above it, outermost first. */
  readonly headings: readonly string[]
  /** First line in the file, from 1. */
  readonly from: number
  /** Last line in the file. */
  readonly to: number
  /** Of a document that has pages. */
  readonly page: number | undefined
}

/** How documents are cut. */
export interface ChunkOptions {
  /** A chunk is closed before it would become longer. */
  readonly chunkTokens: number
  /** So much of the end of a chunk is said again at the beginning of the next one of the same section. */
  readonly overlapTokens: number
  readonly countTokens: (text: string) => number
}

/** Code and tables are torn only where they are so many times longer than a chunk should be. */
const WHOLE = 4
/** Characters of a heading that its passages are told. */
const MAX_TITLE = 200

/** What is never cut any further. `isRepeated`: said before, so that it does not count for the position. */
interface Piece {
  readonly text: string
  readonly lines: readonly Line[]
  readonly tokens: number
  readonly canOverlap: boolean
  readonly isRepeated?: boolean
}

/** Cuts a document at its headings and pages, and long sections between paragraphs, so that every chunk can be read by itself. */
export function chunkBlocks(blocks: readonly Block[], options: ChunkOptions): readonly Chunk[] {
  return sectionsOf(blocks).flatMap(({ headings, page, blocks: own }) =>
    [
      ...packed(
        own.flatMap((block) => piecesOf(block, options)),
        options,
      ),
    ].map((pieces) => toChunk(pieces, headings, page)),
  )
}

/** What stands under one heading, on one page. */
interface Section {
  readonly headings: readonly string[]
  readonly page: number | undefined
  readonly blocks: Block[]
}

function sectionsOf(blocks: readonly Block[]): readonly Section[] {
  const sections: Section[] = []
  const path: (string | undefined)[] = []
  const open = (page: number | undefined): Section => {
    const section = { headings: path.filter((title) => title !== undefined), page, blocks: [] }
    sections.push(section)
    return section
  }
  blocks.forEach((block, at) => {
    if (block.kind !== 'heading') {
      const last = sections.at(-1)
      const section = last === undefined || last.page !== block.page ? open(block.page) : last
      section.blocks.push(block)
      return
    }
    const level = block.level ?? 1
    path.length = Math.min(path.length, level - 1)
    while (path.length < level - 1) path.push(undefined)
    path.push(block.lines[0]?.text.slice(0, MAX_TITLE))
    const section = open(block.page)
    if (isTextItself(block, blocks[at + 1])) section.blocks.push({ ...block, kind: 'text' })
  })
  return sections
}

/** A title that nothing stands under, and that is not the title of others, would be lost otherwise; the end of a very long one too. */
function isTextItself({ level = 1, lines }: Block, next: Block | undefined): boolean {
  const isAlone = next === undefined || (next.kind === 'heading' && (next.level ?? 1) <= level)
  return isAlone || (lines[0]?.text.length ?? 0) > MAX_TITLE
}

function toChunk(pieces: readonly Piece[], headings: readonly string[], page: number | undefined): Chunk {
  const own = pieces.filter((piece) => piece.isRepeated !== true).flatMap((piece) => piece.lines)
  return {
    text: pieces.map((piece) => piece.text).join('\n\n'),
    headings,
    from: Math.min(...own.map((line) => line.from)),
    to: Math.max(...own.map((line) => line.to)),
    page,
  }
}

/** Puts pieces together until a chunk is full. */
function* packed(pieces: readonly Piece[], options: ChunkOptions): Generator<readonly Piece[]> {
  let chunk: Piece[] = []
  let tokens = 0
  for (const piece of pieces) {
    if (tokens + piece.tokens > options.chunkTokens && chunk.some((one) => one.isRepeated !== true)) {
      yield chunk
      chunk = overlapOf(chunk, options).map((one) => ({ ...one, isRepeated: true }))
      tokens = chunk.reduce((sum, one) => sum + one.tokens, 0)
      // What is said again must not make it too long.
      if (tokens + piece.tokens > options.chunkTokens) [chunk, tokens] = [[], 0]
    }
    chunk.push(piece)
    tokens += piece.tokens
  }
  if (chunk.length > 0) yield chunk
}

/** The end of a chunk, in whole lines. */
function overlapOf(chunk: readonly Piece[], options: ChunkOptions): readonly Piece[] {
  const last = chunk.at(-1)
  if (options.overlapTokens === 0 || last === undefined || !last.canOverlap) return []
  let start = last.lines.length
  while (start > 0 && pieceOf(last.lines.slice(start - 1), options, true).tokens <= options.overlapTokens) start -= 1
  return start === last.lines.length ? [] : [pieceOf(last.lines.slice(start), options, true)]
}

function pieceOf(lines: readonly Line[], { countTokens }: ChunkOptions, canOverlap: boolean): Piece {
  const text = lines.map((line) => line.text).join('\n')
  return { text, lines, tokens: countTokens(text), canOverlap }
}

function piecesOf({ kind, lines, head = 0, tail = 0 }: Block, options: ChunkOptions): readonly Piece[] {
  const whole = pieceOf(lines, options, kind === 'text')
  if (whole.text.trim() === '') return []
  const isWhole = whole.tokens <= options.chunkTokens * (kind === 'text' ? 1 : WHOLE)
  if (isWhole) return [whole]
  const [above, below] = [lines.slice(0, head), lines.slice(lines.length - tail)]
  const frame = pieceOf([...above, ...below], options, false).tokens
  // A head of columns that is itself as long as a chunk is not repeated.
  const repeats = frame * 2 <= options.chunkTokens
  const inner = repeats ? lines.slice(head, lines.length - tail) : lines
  const room = repeats ? options.chunkTokens - frame : options.chunkTokens
  return groupsOf(inner, room, options).map((group) => {
    const piece = pieceOf(repeats ? [...above, ...group, ...below] : group, options, kind === 'text')
    return { ...piece, lines: group }
  })
}

/** As many lines together as there is room for; a line that is too long by itself is cut between its words. */
function groupsOf(lines: readonly Line[], room: number, options: ChunkOptions): readonly (readonly Line[])[] {
  const groups: Line[][] = []
  let group: Line[] = []
  let tokens = 0
  for (const line of lines.flatMap((one) => cutLine(one, room, options))) {
    const count = options.countTokens(line.text)
    if (group.length > 0 && tokens + count > room) {
      groups.push(group)
      group = []
      tokens = 0
    }
    group.push(line)
    tokens += count
  }
  if (group.length > 0) groups.push(group)
  return groups
}

function cutLine(line: Line, room: number, { countTokens }: ChunkOptions): readonly Line[] {
  const count = countTokens(line.text)
  if (count <= room) return [line]
  const length = Math.max(1, Math.floor((line.text.length * room) / count))
  const parts: Line[] = []
  for (let rest = line.text; rest !== '';) {
    const end = rest.length <= length ? rest.length : goodEnd(rest, length)
    const text = rest.slice(0, end).trim()
    if (text !== '') parts.push({ ...line, text })
    rest = rest.slice(end)
  }
  return parts
}

/** Behind the last sentence in the second half, or else behind the last word there; never within one character. */
function goodEnd(text: string, length: number): number {
  const half = Math.floor(length / 2)
  const within = text.slice(0, length)
  const sentence = [...within.matchAll(/[.!?…。！？](?=\s)|[。！？]/gu)].findLast((match) => match.index >= half)
  if (sentence !== undefined) return sentence.index + sentence[0].length
  const space = within.search(/\s\S*$/)
  if (space >= half && space > 0) return space + 1
  const code = text.charCodeAt(length - 1)
  return code >= 0xd800 && code <= 0xdbff ? Math.max(length - 1, 1) + (length === 1 ? 1 : 0) : length
}
