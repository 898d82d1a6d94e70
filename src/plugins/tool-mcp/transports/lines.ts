/** What a stream of bytes gave: a whole line, or the ends of one that was too long to keep. */
export type Line =
  | { readonly kind: 'whole'; readonly text: string }
  | { readonly kind: 'cut'; readonly head: string; readonly tail: string; readonly bytes: number }

const END = 0x0a
const KEPT_AT_THE_ENDS = 512

/** Cuts bytes into lines of at most `maxBytes`. Of a longer line only the ends are kept, and its length. */
export function lineReader(maxBytes: number, onLine: (line: Line) => void): (chunk: Buffer) => void {
  let parts: Buffer[] = []
  let bytes = 0
  let ends: { readonly head: string; tail: Buffer } | undefined

  const keep = (part: Buffer): void => {
    bytes += part.length
    if (ends !== undefined) {
      ends.tail = Buffer.from(Buffer.concat([ends.tail, part]).subarray(-KEPT_AT_THE_ENDS))
      return
    }
    parts.push(part)
    if (bytes <= maxBytes) return
    const all = Buffer.concat(parts)
    ends = {
      head: all.toString('utf8', 0, KEPT_AT_THE_ENDS),
      tail: Buffer.from(all.subarray(-KEPT_AT_THE_ENDS)),
    }
    parts = []
  }

  const finish = (): void => {
    const line: Line =
      ends === undefined
        ? { kind: 'whole', text: Buffer.concat(parts).toString('utf8') }
        : { kind: 'cut', head: ends.head, tail: ends.tail.toString('utf8'), bytes }
    parts = []
    bytes = 0
    ends = undefined
    onLine(line)
  }

  return (chunk) => {
    let from = 0
    for (let at = chunk.indexOf(END); at !== -1; at = chunk.indexOf(END, from)) {
      keep(chunk.subarray(from, at))
      finish()
      from = at + 1
    }
    if (from < chunk.length) keep(chunk.subarray(from))
  }
}

/** Keeps the last `maxBytes` of what a process wrote. */
export function tailKeeper(maxBytes: number): { readonly add: (chunk: Buffer) => void; readonly text: () => string } {
  let kept = Buffer.alloc(0)
  return {
    add: (chunk) => {
      kept = Buffer.from(Buffer.concat([kept, chunk]).subarray(-maxBytes))
    },
    text: () => kept.toString('utf8'),
  }
}
