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
  toFailure,
} from '../core/index.ts'
import { show } from './checks/show.ts'

/** The parts of a model's reply that an answer is made of, however it came. */
export interface RawAnswer {
  readonly content: readonly ModelPart[]
  readonly finishReason: ModelResult['finishReason'] | undefined
  readonly usage: ModelUsage | undefined
  readonly structuredOutputText?: string | undefined
  readonly response?: { readonly id?: string | undefined; readonly modelId?: string | undefined } | undefined
  readonly warnings?: readonly object[] | undefined
}

/**
 * Makes the recorded form of a model's reply: plain JSON, unknown parts and provider metadata kept, bytes as base64,
 * counts that were not reported left out.
 *
 * @throws OpspawnError `MODEL_ANSWER_INVALID` when the reply is not of the specified shape, `PAYLOAD_TOO_LARGE`
 */
export function recordAnswer(model: Model, raw: RawAnswer, maxSize: number): ModelAnswer {
  try {
    if (!Array.isArray(raw.content)) throw new Error(`content is ${show(raw.content)}, not a list`)
    requireWhole(model, raw)
    const { finishReason, response } = raw
    const [only] = raw.content as readonly ModelPart[]
    const reason = typeof finishReason === 'string' ? finishReason : (finishReason?.unified ?? 'other')
    const answer: Answer = {
      content: raw.content.length === 1 ? [recordPart(only, maxSize)] : recordParts(raw.content, maxSize),
      finishReason: requireText('finishReason', reason),
      usage: recordUsage(raw.usage),
      provider: model.provider,
      modelId: response?.modelId === undefined ? model.modelId : requireText('modelId', response.modelId),
    }
    recordExtras(answer, raw, maxSize)
    return answer
  } catch (error) {
    if (OpspawnError.is(error, 'PAYLOAD_TOO_LARGE')) throw tooLarge(model, maxSize)
    if (OpspawnError.is(error, 'MODEL_INTERRUPTED')) throw error
    throw invalidAnswer(model, toFailure(error, 'INTERNAL').message, error)
  }
}

type Answer = { -readonly [K in keyof ModelAnswer]: ModelAnswer[K] }

/** What most answers do not have. */
function recordExtras(answer: Answer, { structuredOutputText, response, warnings }: RawAnswer, maxSize: number): void {
  if (structuredOutputText !== undefined) {
    answer.structuredOutputText = toJson(requireText('structuredOutputText', structuredOutputText), { maxSize }) as string
  }
  if (response?.id !== undefined) answer.responseId = requireText('response id', response.id)
  if (warnings === undefined) return
  if (!Array.isArray(warnings)) throw new Error(`warnings are ${show(warnings)}, not a list`)
  if (warnings.length > 0) answer.warnings = toJson(warnings, { maxSize }) as readonly Json[]
}

/**
 * Provider packages close a torn stream with a finish part of their own. What they give then is half an answer, whose tool
 * calls may be half calls: it is asked for again, like one that ended without a word.
 */
function requireWhole(model: Model, { content, finishReason }: RawAnswer): void {
  const reason = typeof finishReason === 'string' ? finishReason : finishReason?.unified
  if (reason !== 'interrupted' && !(reason === 'error' && content.length === 0)) return
  const raw = typeof finishReason === 'object' && typeof finishReason.raw === 'string' ? ` (${finishReason.raw})` : ''
  throw new OpspawnError('MODEL_INTERRUPTED', `model ${model.provider}/${model.modelId} broke off its answer: ${reason}${raw}`)
}

function tooLarge(model: Model, limit: number): OpspawnError {
  const text = `the answer of model ${model.provider}/${model.modelId} is larger than ${limit} characters of JSON; raise limits.payload, or ask for less`
  return new OpspawnError('PAYLOAD_TOO_LARGE', text, { details: { limit } })
}

/** The limit is on the answer as a whole. */
function recordParts(parts: readonly ModelPart[], maxSize: number): readonly AnswerPart[] {
  return toJson(
    parts.map((part) => recordPart(part, maxSize)),
    { maxSize },
  ) as unknown as readonly AnswerPart[]
}

/** What a model gave is no answer. */
export function invalidAnswer(model: Model, what: string, cause?: unknown): OpspawnError {
  return new OpspawnError(
    'MODEL_ANSWER_INVALID',
    `model ${model.provider}/${model.modelId} gave no answer that can be used: ${what}`,
    { cause },
  )
}

function requireText(what: string, value: unknown): string {
  if (typeof value === 'string') return value
  throw new Error(`${what} is ${show(value)}, not a text`)
}

function recordPart(part: ModelPart | undefined, maxSize: number): AnswerPart {
  const known = part as { type: string; text?: unknown; input?: unknown; data?: unknown; providerMetadata?: object }
  requireText('the type of a part', (known as { type?: unknown } | undefined | null)?.type)
  if (known.type === 'text' || known.type === 'reasoning') {
    const text = requireText(`the text of a ${known.type} part`, known.text)
    if (known.providerMetadata === undefined && known.type === 'text' && text.length <= maxSize) return { type: 'text', text }
  }
  if (known.type === 'tool-call') {
    const { toolCallId, toolName } = part as { toolCallId?: unknown; toolName?: unknown }
    requireText('the toolCallId of a tool call', toolCallId)
    requireText('the toolName of a tool call', toolName)
    if (typeof known.input === 'string' && isPlainCall(part) && known.input.length <= maxSize) {
      return { type: 'tool-call', toolCallId: toolCallId as string, toolName: toolName as string, input: known.input }
    }
    // Arguments as data are not as specified, but hand-written models give them.
    if (typeof known.input !== 'string')
      return toJson({ ...known, input: JSON.stringify(known.input ?? {}) }, { maxSize }) as AnswerPart
  }
  if (known.data !== undefined) return toJson({ ...known, data: recordData(known.data) }, { maxSize }) as AnswerPart
  return toJson(known, { maxSize }) as AnswerPart
}

const CALL_MEMBERS: ReadonlySet<string> = new Set(['type', 'toolCallId', 'toolName', 'input'])

function isPlainCall(part: object | undefined): boolean {
  for (const member in part) if (!CALL_MEMBERS.has(member)) return false
  return true
}

function recordData(data: unknown): Json | object {
  if (data instanceof Uint8Array) return { type: 'data', data: Buffer.from(data).toString('base64') }
  if (typeof data === 'string') return { type: 'data', data }
  const file = data as { type?: unknown; data?: unknown; url?: unknown }
  if (file.data instanceof Uint8Array) return { type: 'data', data: Buffer.from(file.data).toString('base64') }
  if (file.url !== undefined) return { type: 'url', url: String(file.url as URL) }
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
