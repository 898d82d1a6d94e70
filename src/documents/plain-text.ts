import { type Block, linesBetween, linesOf } from './block.ts'

/** Reads text without marks: what stands between empty lines hangs together. */
export function readPlainText(text: string): readonly Block[] {
  const lines = linesOf(text)
  const blocks: Block[] = []
  let start = 0
  for (let at = 0; at <= lines.length; at += 1) {
    if (at < lines.length && lines[at]?.trim() !== '') continue
    if (at > start) blocks.push({ kind: 'text', lines: linesBetween(lines, start, at) })
    start = at + 1
  }
  return blocks
}
