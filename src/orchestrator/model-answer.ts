import {
  type AnswerPart,
  type Json,
  type JsonObject,
  type Model,
  type ModelAnswer,
  type ModelPart,
  type ModelResult,
  type ModelUsage,
  OpspawnError,
  toJson,
  type TokenUsage,
} from '../core/index.ts'

/** The parts of a model's reply that an answer is made of, however it came. */
export interface RawAnswer {
  readonly content: readonly ModelPart[]
  readonly finishReason: ModelResult['finishReason'] | undefined
  readonly usage: ModelUsage | undefined
  readonly structuredOutputText?: string | undefined
  readonly responseId?: string | undefined
  readonly modelId?: string | undefined
  readonly warnings: readonly object[]
}

/**
 * Makes the recorded form of a model's reply: plain JSON, unknown parts and provider metadata kept, bytes as base64,
 * counts that were not reported left out.
 *
 * @throws OpspawnError `MODEL_ANSWER_INVALID` when the reply is not of the specified shape, `PAYLOAD_TOO_LARGE`
 */
export function recordAnswer(model: Model, raw: RawAnswer, maxSize: number): ModelAnswer {
  if (!Array.isArray(raw.content))
    throw new OpspawnError('MODEL_ANSWER_INVALID', `model ${model.provider}/${model.modelId} gave no content list`)
  const answer: { -readonly [K in keyof ModelAnswer]: ModelAnswer[K] } = {
    content: raw.content.map((part) => recordPart(part, maxSize)),
    finishReason: typeof raw.finishReason === 'string' ? raw.finishReason : (raw.finishReason?.unified ?? 'other'),
    usage: recordUsage(raw.usage),
    provider: model.provider,
    modelId: raw.modelId ?? model.modelId,
  }
  if (raw.structuredOutputText !== undefined) answer.structuredOutputText = raw.structuredOutputText
  if (raw.responseId !== undefined) answer.responseId = raw.responseId
  if (raw.warnings.length > 0) answer.warnings = raw.warnings.map((warning) => toJson(warning))
  return answer
}

function recordPart(part: ModelPart, maxSize: number): AnswerPart {
  const known = part as { type: string; text?: unknown; input?: unknown; data?: unknown; providerMetadata?: object }
  if (known.type === 'text' && known.providerMetadata === undefined && typeof known.text === 'string') {
    if (known.text.length > maxSize)
      throw new OpspawnError(
        'PAYLOAD_TOO_LARGE',
        `a text part has ${known.text.length} characters, more than the limit of ${maxSize}`,
      )
    return { type: 'text', text: known.text }
  }
  if (known.type === 'tool-call' && typeof known.input !== 'string') {
    // Not as specified, but it happens in hand-written models: arguments given as data.
    return toJson({ ...known, input: JSON.stringify(known.input ?? {}) }, { maxSize }) as AnswerPart
  }
  if (known.data !== undefined) return toJson({ ...known, data: recordData(known.data) }, { maxSize }) as AnswerPart
  return toJson(known, { maxSize }) as AnswerPart
}

function recordData(data: unknown): Json | object {
  const file = data as { type?: unknown; data?: unknown; url?: unknown }
  if (file.data instanceof Uint8Array) return { type: 'data', data: Buffer.from(file.data).toString('base64') }
  if (file.url !== undefined) return { type: 'url', url: String(file.url) }
  return data as JsonObject
}

function recordUsage(usage: ModelUsage | undefined): TokenUsage {
  const recorded: { -readonly [K in keyof TokenUsage]: TokenUsage[K] } = {}
  const input = usage?.inputTokens
  const output = usage?.outputTokens
  if (isCount(input?.total)) recorded.input = input.total
  if (isCount(output?.total)) recorded.output = output.total
  if (isCount(input?.cacheRead)) recorded.cacheRead = input.cacheRead
  if (isCount(input?.cacheWrite)) recorded.cacheWrite = input.cacheWrite
  if (isCount(output?.reasoning)) recorded.reasoning = output.reasoning
  return recorded
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
