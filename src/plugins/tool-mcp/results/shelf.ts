import { OpspawnError, type ToolContext } from '../../../core/index.ts'
import { sha256 } from '../pins/pin.ts'
import type { McpArtifacts } from './artifacts.ts'

/** Who may read what a call has left: the runs of its session, or its run alone. */
export type ArtifactOwner = Pick<ToolContext, 'tenant' | 'session' | 'runId'>

/** A part of something that is kept. */
export type ArtifactPart = { readonly text: string } | { readonly base64: string }

/** What is behind the last byte of a part: an offset to go on with, and the size of it all. */
export interface ArtifactPage {
  readonly part: ArtifactPart
  /** Absent: this was the last part. */
  readonly next?: number
  readonly size: number
}

/** Keeps what is too large or binary under ids that only their owner can use. */
export class ArtifactShelf {
  readonly #artifacts: McpArtifacts

  constructor(artifacts: McpArtifacts) {
    this.#artifacts = artifacts
  }

  /** Keeps something under an id that is the same when the call is made again. */
  async put(owner: ArtifactOwner, id: string, bytes: Uint8Array): Promise<void> {
    await this.#artifacts.put(keyOf(owner, id), bytes)
  }

  /**
   * A part of at most `length` bytes from `offset` on; text is cut between characters.
   *
   * @throws OpspawnError `TOOL_FAILED` when there is nothing of that id for this owner; `TOOL_INPUT_INVALID` past its end
   */
  async read(owner: ArtifactOwner, id: string, offset: number, length: number): Promise<ArtifactPage> {
    const found = await this.#artifacts.read(keyOf(owner, id), offset, length)
    if (found === undefined)
      throw new OpspawnError(
        'TOOL_FAILED',
        `nothing is kept under "${id}" (any more): ${this.#artifacts.lifetime}; make the call again`,
      )
    const { bytes, size } = found
    if (offset > size) throw new OpspawnError('TOOL_INPUT_INVALID', `"${id}" has ${size} bytes; offset ${offset} is past its end`)
    if (!id.startsWith('t')) return page({ base64: Buffer.from(bytes).toString('base64') }, offset + bytes.length, size)
    const whole = offset + bytes.length < size ? bytes.subarray(0, wholeCharacters(bytes)) : bytes
    return page({ text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(whole) }, offset + whole.length, size)
  }
}

function page(part: ArtifactPart, end: number, size: number): ArtifactPage {
  return end < size ? { part, next: end, size } : { part, size }
}

/** Bytes up to the last character that is whole. */
export function wholeCharacters(bytes: Uint8Array): number {
  let start = bytes.length - 1
  while (start > 0 && ((bytes[start] as number) & 0xc0) === 0x80) start -= 1
  const first = bytes[start] ?? 0
  const needed = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1
  return start + needed <= bytes.length ? bytes.length : start
}

function keyOf({ tenant, session, runId }: ArtifactOwner, id: string): string {
  return sha256(JSON.stringify([tenant, session === undefined ? { run: runId } : { session }, id]))
}
