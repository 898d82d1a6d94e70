import { type LiveEvent, type ModelPart, type ModelStream, OpspawnError } from '../core/index.ts'
import { show } from './checks/show.ts'
import type { RawAnswer } from './model-answer.ts'

/** A text or reasoning block while it grows. Blocks interleave, so they are kept by id. */
interface Block {
  type: string
  text: string
  providerMetadata?: object
}

/** A part's members, of which nothing is known for sure. */
type Members = { readonly [member: string]: unknown; readonly providerMetadata?: object }

/**
 * Reads a model's stream to its end and puts the answer together. Unknown parts that carry content are kept; pings, raw
 * chunks and unknown framing are passed over.
 *
 * @param emit gets each delta as it comes
 * @param signal stops reading and closes the connection; rejects with its reason
 * @throws OpspawnError `MODEL_INTERRUPTED` when the stream ends without its `finish` part; what the stream reported as
 * an error where that ended it
 */
export async function readModelStream(
  stream: ModelStream,
  key: string,
  emit: (event: LiveEvent) => void,
  signal: AbortSignal,
): Promise<RawAnswer> {
  const assembly = new Assembly(key, emit)
  if ('getReader' in stream) {
    const reader = stream.getReader()
    const stop = (): void => void reader.cancel(signal.reason).catch(() => {})
    signal.addEventListener('abort', stop, { once: true })
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (signal.aborted) throw signal.reason
        if (done) break
        if (value !== undefined) assembly.take(value)
      }
    } catch (error) {
      void reader.cancel(error).catch(() => {})
      throw error
    } finally {
      signal.removeEventListener('abort', stop)
    }
  } else {
    for await (const part of stream) {
      if (signal.aborted) throw signal.reason
      assembly.take(part)
    }
  }
  return assembly.end()
}

class Assembly {
  readonly #key: string
  readonly #emit: (event: LiveEvent) => void
  readonly #content: ModelPart[] = []
  readonly #blocks = new Map<string, Block>()
  readonly #inputs = new Map<string, string>()
  readonly #warnings: object[] = []
  #lastId: string | undefined
  #lastBlock: Block | undefined
  #error: { readonly thrown: unknown } | undefined
  #finish: { finishReason?: RawAnswer['finishReason']; usage?: RawAnswer['usage'] } | undefined
  #responseId: string | undefined
  #modelId: string | undefined

  constructor(key: string, emit: (event: LiveEvent) => void) {
    this.#key = key
    this.#emit = emit
  }

  take(part: ModelPart): void {
    if (typeof part?.type !== 'string')
      throw new OpspawnError('MODEL_ANSWER_INVALID', `the model stream held ${show(part)} instead of a part`)
    const { type } = part
    if (type === 'text-delta' || type === 'reasoning-delta') {
      const { id, delta, providerMetadata } = part as unknown as { id: string; delta: string; providerMetadata?: object }
      if (typeof delta !== 'string')
        throw new OpspawnError('MODEL_ANSWER_INVALID', `a ${type} part held ${show(delta)} instead of a text`)
      const block = this.#block(id, type === 'text-delta' ? 'text' : 'reasoning', providerMetadata)
      block.text += delta
      this.#emit({ type, key: this.#key, delta })
      return
    }
    this.#takeOther(part)
  }

  end(): RawAnswer {
    const finish = this.#finish
    const ended = finish?.finishReason
    const broken = finish === undefined || (typeof ended === 'object' && ended.unified === 'error')
    if (broken && this.#error !== undefined) throw asError(this.#error.thrown)
    if (finish === undefined) {
      throw new OpspawnError('MODEL_INTERRUPTED', 'the model stream ended before its finish part: the answer is not whole')
    }
    return {
      content: this.#content,
      finishReason: ended,
      usage: finish.usage,
      response: { id: this.#responseId, modelId: this.#modelId },
      warnings: this.#warnings,
    }
  }

  #takeOther(part: ModelPart): void {
    const known = part as unknown as Members
    if (this.#takeFrame(part.type, known) || this.#takeBlockEdge(part.type, known) || this.#takeInput(part.type, known)) return
    // A preliminary result is replaced by the final one of the same call.
    if (part.type === 'tool-result' && known['preliminary'] === true) return
    this.#content.push(part)
  }

  /** What is said about the whole answer. */
  #takeFrame(type: string, known: Members): boolean {
    switch (type) {
      case 'stream-start':
        this.#takeWarnings(known['warnings'])
        return true
      case 'response-metadata':
        this.#responseId ??= known['id'] as string | undefined
        this.#modelId ??= known['modelId'] as string | undefined
        return true
      case 'finish':
        this.#finish = known as { finishReason?: RawAnswer['finishReason']; usage?: RawAnswer['usage'] }
        return true
      case 'error':
        this.#error ??= { thrown: known['error'] }
        return true
      default:
        return type === 'ping' || type === 'raw'
    }
  }

  #takeWarnings(warnings: unknown = []): void {
    if (!Array.isArray(warnings))
      throw new OpspawnError('MODEL_ANSWER_INVALID', `the warnings of the stream are ${show(warnings)}, not a list`)
    this.#warnings.push(...(warnings as object[]))
  }

  /** The start and the end of a text or of reasoning. */
  #takeBlockEdge(type: string, known: Members): boolean {
    const id = String(known['id'])
    if (type === 'text-start' || type === 'reasoning-start') {
      this.#block(id, type === 'text-start' ? 'text' : 'reasoning', known.providerMetadata)
      return true
    }
    if (type !== 'text-end' && type !== 'reasoning-end') return false
    const block = this.#blocks.get(id)
    if (block !== undefined) mergeMetadata(block, known.providerMetadata)
    this.#blocks.delete(id)
    this.#lastId = undefined
    return true
  }

  /** The arguments of a call while they are written; the whole call follows as a part of its own. */
  #takeInput(type: string, known: Members): boolean {
    const callId = String(known['id'])
    if (type === 'tool-input-start') {
      this.#inputs.set(callId, String(known['toolName']))
      return true
    }
    if (type !== 'tool-input-delta') return type === 'tool-input-end'
    const toolName = this.#inputs.get(callId) ?? ''
    this.#emit({ type, key: this.#key, callId, toolName, delta: String(known['delta']) })
    return true
  }

  #block(id: string, type: string, metadata: object | undefined): Block {
    let block = id === this.#lastId ? this.#lastBlock : this.#blocks.get(id)
    if (block === undefined) {
      block = { type, text: '' }
      this.#blocks.set(id, block)
      this.#content.push(block)
    }
    if (metadata !== undefined) mergeMetadata(block, metadata)
    this.#lastId = id
    this.#lastBlock = block
    return block
  }
}

/** Signatures may come with the start, any delta or the end of a block; all are needed. */
function mergeMetadata(block: Block, metadata: object | undefined): void {
  if (metadata === undefined) return
  const merged: Record<string, object> = { ...(block.providerMetadata as Record<string, object> | undefined) }
  for (const [provider, values] of Object.entries(metadata as Record<string, object>))
    merged[provider] = { ...merged[provider], ...values }
  block.providerMetadata = merged
}

function asError(thrown: unknown): unknown {
  if (thrown instanceof Error) return thrown
  const text =
    typeof thrown === 'object' && thrown !== null ? ((thrown as { message?: unknown }).message ?? JSON.stringify(thrown)) : thrown
  return new OpspawnError('MODEL_INTERRUPTED', `the model stream reported an error: ${String(text)}`, { cause: thrown })
}
