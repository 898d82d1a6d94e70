import { type Json, type JsonObject, OpspawnError, type ToolContext } from '../../../core/index.ts'
import { isSame, sha256 } from '../pins/pin.ts'
import type { McpContent, McpContents, McpToolResult } from '../port.ts'
import { type ArtifactShelf, wholeCharacters } from './shelf.ts'

/** Which half of a result becomes the tool's value; the other half is left out. Where the wanted one is missing, the other is taken. */
export type McpResultForm = 'content' | 'structured' | 'both'

/** What a shaped result is made with. */
export interface Shaping {
  /** Where it comes from, as the model is told. */
  readonly from: string
  readonly form: McpResultForm
  /** Bytes of text at most. */
  readonly maxBytes: number
  readonly shelf: ArtifactShelf
  readonly context: Pick<ToolContext, 'tenant' | 'session' | 'runId' | 'idempotencyKey'>
}

/** Pieces of content of one result. */
const MOST_PARTS = 100
/** Longest error text of a server that is passed on, in characters. */
const MOST_ERROR = 4_000

/**
 * What a model, or a workflow, gets of a result: `from`, and of `text`, `structured` and `parts` what there is. What is longer
 * than `maxBytes` is cut and kept: `more` says under which id and from which byte on. What is binary is always kept. Links are
 * told and never followed.
 *
 * @throws OpspawnError `TOOL_FAILED` with the server's own words where the result is an error
 */
export async function shapeResult(result: McpToolResult, shaping: Shaping): Promise<JsonObject> {
  if (result.isError) throw reported(result, shaping.from)
  const shaper = new Shaper(shaping)
  const { content, structuredContent: structured } = result
  const text = textOf(result)
  const isStructured = structured !== undefined && (shaping.form !== 'content' || content.length === 0)
  const isContent = structured === undefined || (shaping.form !== 'structured' && content.length > 0)
  if (isStructured) await shaper.structured(structured)
  if (isContent && !(isStructured && isJsonOf(text, structured))) {
    await shaper.text(text)
    await shaper.all(content)
  }
  return shaper.value()
}

/** What stands at an address, as a tool's value. */
export async function shapeContents(contents: readonly McpContents[], shaping: Shaping): Promise<JsonObject> {
  const shaper = new Shaper(shaping)
  await shaper.all(contents.map((resource) => ({ type: 'resource', resource })))
  return shaper.value()
}

function textOf({ content }: McpToolResult): string {
  return content.flatMap((one) => (one.type === 'text' ? [one.text] : [])).join('\n')
}

/** An error in the server's words, which are data like any result. */
function reported(result: McpToolResult, from: string): OpspawnError {
  const text = textOf(result) || 'no reason was given'
  const cut = text.length > MOST_ERROR ? `${text.slice(0, MOST_ERROR)}…` : text
  return new OpspawnError('TOOL_FAILED', `${from} reports: ${cut}`, { retryable: false, details: { from, reported: true } })
}

function isJsonOf(text: string, structured: Json): boolean {
  if (!/^\s*[[{"\d\-tfn]/.test(text)) return false
  try {
    return isSame(JSON.parse(text) as Json, structured)
  } catch {
    return false
  }
}

class Shaper {
  readonly #parts: Json[] = []
  readonly #shaping: Shaping
  readonly #value: Record<string, Json>
  #left: number
  #kept = 0

  constructor(shaping: Shaping) {
    this.#shaping = shaping
    this.#value = { from: shaping.from }
    this.#left = shaping.maxBytes
  }

  value(): JsonObject {
    return this.#parts.length === 0 ? this.#value : { ...this.#value, parts: this.#parts }
  }

  /** Data is not cut: where it is too large it stands as text, of which the rest can be read. */
  async structured(data: Json): Promise<void> {
    const text = JSON.stringify(data)
    if (Buffer.byteLength(text) > this.#left) return this.text(text)
    this.#left -= Buffer.byteLength(text)
    this.#value['structured'] = data
  }

  async text(text: string): Promise<void> {
    if (text !== '') Object.assign(this.#value, await this.#cut(text))
  }

  async all(content: readonly McpContent[]): Promise<void> {
    for (const one of content.slice(0, MOST_PARTS)) await this.#part(one)
    if (content.length > MOST_PARTS) this.#parts.push({ type: 'omitted', count: content.length - MOST_PARTS })
  }

  async #part(content: McpContent): Promise<void> {
    switch (content.type) {
      case 'text':
        return
      case 'image':
      case 'audio':
        this.#parts.push({ type: content.type, mimeType: content.mimeType, ...(await this.#binary(content.data)) })
        return
      case 'resource':
        this.#parts.push(await this.#resource(content.resource))
        return
      case 'resource_link':
        this.#parts.push(await this.#small({ ...content }))
        return
      default:
        this.#parts.push(await this.#small({ type: 'unknown', value: content.value }))
    }
  }

  async #resource({ uri, mimeType, text, blob }: McpContents): Promise<Json> {
    const what = { type: 'resource', uri, ...(mimeType === undefined ? undefined : { mimeType }) }
    if (text !== undefined) return { ...what, ...(await this.#cut(text)) }
    return blob === undefined ? what : { ...what, ...(await this.#binary(blob)) }
  }

  /** A few members that nobody would cut; too large all the same, they stand as text. */
  async #small(part: JsonObject): Promise<Json> {
    const text = JSON.stringify(part)
    if (Buffer.byteLength(text) > this.#left) return { type: part['type'] ?? 'unknown', ...(await this.#cut(text)) }
    this.#left -= Buffer.byteLength(text)
    return part
  }

  async #cut(text: string): Promise<JsonObject> {
    const bytes = Buffer.from(text.toWellFormed())
    if (bytes.length <= this.#left) {
      this.#left -= bytes.length
      return { text }
    }
    const head = bytes.subarray(0, wholeCharacters(bytes.subarray(0, this.#left)))
    this.#left = 0
    const id = await this.#keep('t', bytes)
    return { text: head.toString(), more: { id, offset: head.length, size: bytes.length } }
  }

  async #binary(base64: string): Promise<JsonObject> {
    const bytes = Buffer.from(base64, 'base64')
    return { size: bytes.length, id: await this.#keep('b', bytes) }
  }

  async #keep(kind: 't' | 'b', bytes: Uint8Array): Promise<string> {
    const { shelf, context, from } = this.#shaping
    const id = `${kind}${sha256(`${context.idempotencyKey}\n${from}\n${this.#kept}`).slice(0, 15)}`
    this.#kept += 1
    await shelf.put(context, id, bytes)
    return id
  }
}
