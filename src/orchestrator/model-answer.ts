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
  const known = part as { type: string; text?: unknown; data?: unknown; providerMetadata?: object }
  requireText('the type of a part', (known as { type?: unknown } | undefined | null)?.type)
  if (known.type === 'text' || known.type === 'reasoning') {
    const text = requireText(`the text of a ${known.type} part`, known.text)
    if (known.providerMetadata === undefined && known.type === 'text' && text.length <= maxSize) return { type: 'text', text }
  }
  if (known.type === 'tool-call') {
    const call = recordCall(part as CallPart, maxSize)
    if (call !== undefined) return call
  }
  if (known.data !== undefined) return toJson({ ...known, data: recordData(known.data) }, { maxSize }) as AnswerPart
  return toJson(known, { maxSize }) as AnswerPart
}

type CallPart = { readonly toolCallId?: unknown; readonly toolName?: unknown; readonly input?: unknown }

/** A call without anything special; one with metadata or data of its own is recorded like every other part. */
function recordCall(part: CallPart, maxSize: number): AnswerPart | undefined {
  const { input } = part
  const toolCallId = requireText('the toolCallId of a tool call', part.toolCallId)
  const toolName = requireText('the toolName of a tool call', part.toolName)
  // Arguments as data are not as specified, but hand-written models give them.
  if (typeof input !== 'string') return toJson({ ...part, input: JSON.stringify(input ?? {}) }, { maxSize }) as AnswerPart
  return isPlainCall(part) && input.length <= maxSize ? { type: 'tool-call', toolCallId, toolName, input } : undefined
}

const CALL_MEMBERS: ReadonlySet<string> = new Set(['type', 'toolCallId', 'toolName', 'input'])

function isPlainCall(part: object): boolean {
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

const NOT_COUNTED: Partial<ModelUsage['inputTokens'] & ModelUsage['outputTokens']> = {}

function recordUsage(usage: ModelUsage | undefined): TokenUsage {
  const recorded: { -readonly [K in keyof TokenUsage]: TokenUsage[K] } = {}
  const { total: input, cacheRead, cacheWrite } = usage?.inputTokens ?? NOT_COUNTED
  const { total: output, reasoning } = usage?.outputTokens ?? NOT_COUNTED
  if (isCount(input)) recorded.input = input
  if (isCount(output)) recorded.output = output
  if (isCount(cacheRead)) recorded.cacheRead = cacheRead
  if (isCount(cacheWrite)) recorded.cacheWrite = cacheWrite
  if (isCount(reasoning)) recorded.reasoning = reasoning
  return recorded
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
