/** One event of a stream, as bytes with its closing blank line, or the ends of one that was too long to keep. */
export type SseEvent =
  | { readonly kind: 'whole'; readonly bytes: Uint8Array; readonly data: string; readonly hasId: boolean }
  | { readonly kind: 'cut'; readonly bytes: number }

const LF = 0x0a
const CR = 0x0d

/** Cuts a stream into events of at most `maxBytes`. A longer one is left out but for its length. */
export function sseReader(maxBytes: number, onEvent: (event: SseEvent) => void): { readonly add: (chunk: Uint8Array) => void } {
  let parts: Buffer[] = []
  let bytes = 0
  let lineBytes = 0

  const finish = (): void => {
    if (bytes > maxBytes) onEvent({ kind: 'cut', bytes })
    else onEvent(parse(Buffer.concat(parts)))
    parts = []
    bytes = 0
  }

  return {
    add(chunk) {
      let from = 0
      for (let at = 0; at < chunk.length; at += 1) {
        const byte = chunk[at]
        if (byte === CR) continue
        if (byte !== LF) {
          lineBytes += 1
          continue
        }
        const isEnd = lineBytes === 0
        lineBytes = 0
        if (!isEnd) continue
        keep(Buffer.from(chunk.subarray(from, at + 1)))
        from = at + 1
        finish()
      }
      if (from < chunk.length) keep(Buffer.from(chunk.subarray(from)))
    },
  }

  function keep(part: Buffer): void {
    bytes += part.length
    if (bytes > maxBytes) parts = []
    else parts.push(part)
  }
}

function parse(bytes: Buffer): SseEvent {
  const lines = bytes.toString('utf8').split(/\r?\n/)
  const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5).replace(/^ /, ''))
  return { kind: 'whole', bytes, data: data.join('\n'), hasId: lines.some((line) => /^id:\s*\S/.test(line)) }
}
