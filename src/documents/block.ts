/** Some text of a document and the lines of the file that it stands on, counted from 1. */
export interface Line {
  readonly text: string
  readonly from: number
  readonly to: number
}

/**
 * What hangs together in a document.
 *
 * @property level Of a heading: 1 for the outermost.
 * @property head Of a table or code: how many of its first lines are repeated when it must be torn, such as the names of the columns.
 * @property tail How many of its last lines are repeated then, such as the mark that ends code.
 * @property page Of a document that has pages, from 1; its lines then count on that page.
 */
export interface Block {
  readonly kind: 'heading' | 'text' | 'table' | 'code'
  readonly lines: readonly Line[]
  readonly level?: number
  readonly head?: number
  readonly tail?: number
  readonly page?: number
}

/** Lines of a text as it stands in its file; the ends of lines may be of any system. */
export function linesOf(text: string): readonly string[] {
  const lines = text.split(/\r\n|\r|\n/)
  if (lines.at(-1) === '') lines.pop()
  return lines
}

/** Some lines of a file as lines of a block. */
export function linesBetween(lines: readonly string[], start: number, end: number): readonly Line[] {
  return lines.slice(start, end).map((text, at) => ({ text, from: start + at + 1, to: start + at + 1 }))
}
