import type { Json, JsonObject } from './json.ts'
import type { Message, ProviderOptions } from './message.ts'

/**
 * A language model: structurally an AI SDK `LanguageModelV4`, so that `openai('…')` of any V4 provider package is one as
 * it stands. Older versions are lifted by `opspawn/plugins/model-ai-sdk`. Every union here is open: unknown parts are
 * kept or passed over, never an error, since the specification grows in patch releases.
 *
 * On abort (`options.abortSignal`) the call MUST reject or its stream MUST error, and the connection MUST close.
 */
export interface Model {
  readonly specificationVersion: 'v4'
  /** Provider id, such as `openai.responses`. */
  readonly provider: string
  readonly modelId: string
  /** One call, answered in one piece. Rejects with the provider's error; aborts by `options.abortSignal`. */
  doGenerate(options: ModelCallOptions): PromiseLike<ModelResult>
  /** One call, answered part by part; resolves when the provider has begun to answer. */
  doStream(options: ModelCallOptions): PromiseLike<ModelStreamResult>
}

/** The effort a model may spend on reasoning. */
export type ReasoningEffort = 'provider-default' | 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max'

/** Sampling and length settings of a model call, as data. */
export interface ModelSettings extends Readonly<Partial<Record<NumberSetting, number>>> {
  readonly stopSequences?: readonly string[]
  readonly reasoning?: ReasoningEffort
  readonly providerOptions?: ProviderOptions
}

type NumberSetting = 'maxOutputTokens' | 'temperature' | 'topP' | 'topK' | 'presencePenalty' | 'frequencyPenalty' | 'seed'

/** Whether and which tool a model must call. */
export type ToolChoice = { readonly type: 'auto' | 'none' | 'required' } | { readonly type: 'tool'; readonly toolName: string }

/** The form in which a model is to answer. */
export type ResponseFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json'; readonly schema?: JsonObject; readonly name?: string; readonly description?: string }

/** What the engine hands to a model: the AI SDK's call options. Mutable, as there; the engine passes fresh objects. */
export interface ModelCallOptions extends Writable<Omit<ModelSettings, 'stopSequences' | 'providerOptions'>> {
  prompt: ModelMessage[]
  stopSequences?: string[]
  responseFormat?: { type: 'text' } | { type: 'json'; schema?: object; name?: string; description?: string }
  tools?: (FunctionTool | ProviderTool)[]
  toolChoice?: ToolChoice
  includeRawChunks?: boolean
  abortSignal?: AbortSignal
  headers?: Record<string, string | undefined>
  providerOptions?: Record<string, object>
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** A prompt message in the model's own form; see `Message` for the recorded one. File data may be bytes and URL objects here. */
export type ModelMessage = { role: Message['role']; content: string | object[]; providerOptions?: Record<string, object> }

/** A tool as a model sees it. */
export interface FunctionTool {
  type: 'function'
  name: string
  description?: string
  inputSchema: object
  strict?: boolean
  providerOptions?: Record<string, object>
}

/** A tool that the provider runs itself, such as web search; `id` is `<provider>.<tool>`. */
export type ProviderTool = { type: 'provider'; id: `${string}.${string}`; name: string; args: Record<string, unknown> }

type Count = number | undefined

/** Token counts as providers report them; `undefined` is unknown, never zero. */
export interface ModelUsage {
  inputTokens: { total: Count; noCache?: Count; cacheRead?: Count; cacheWrite?: Count }
  outputTokens: { total: Count; text?: Count; reasoning?: Count }
  raw?: object | undefined
}

/** Why a model stopped. */
export type FinishReason = { unified: string; raw?: string | undefined }

/** One part of an answer: known types are narrowed by `type`, others pass through. */
export type ModelPart = { type: string }

/** What `doGenerate` gives. */
export interface ModelResult {
  content: readonly ModelPart[]
  structuredOutputText?: string | undefined
  finishReason: FinishReason
  usage: ModelUsage
  providerMetadata?: object | undefined
  response?: { id?: string | undefined; timestamp?: Date | undefined; modelId?: string | undefined } | undefined
  warnings: readonly object[]
}

/** What `doStream` gives. Any async iterable of parts will do; a web stream is one. */
export type ModelStreamResult = { stream: ModelStream }

type Lockable = { getReader(): PartReader }

/** A stream of parts: a web `ReadableStream` (read through its reader, so that cancelling closes the connection) or an async iterable. */
export type ModelStream = AsyncIterable<ModelPart> | Lockable

interface PartReader {
  read(): Promise<{ done: boolean; value?: ModelPart | undefined }>
  cancel(reason?: unknown): Promise<void>
  releaseLock(): void
}

/** Token counts of one model call as recorded; an absent count is unknown, never zero. */
export type TokenUsage = Readonly<Partial<Record<'input' | 'output' | 'cacheRead' | 'cacheWrite' | 'reasoning', number>>>

/**
 * One part of a recorded answer: plain JSON. The known types are those of {@link ModelAnswer}'s helpers:
 * `text`, `reasoning`, `tool-call` (whose `input` is the model's own JSON text), `tool-result` (provider-executed),
 * `file`, `source`, `tool-approval-request`, `custom`.
 */
export type AnswerPart = { readonly type: string; readonly [member: string]: Json }

/** A tool call in an answer. */
export interface AnswerToolCall {
  readonly type: 'tool-call'
  readonly toolCallId: string
  readonly toolName: string
  /** The arguments as the model wrote them: text that should be JSON. */
  readonly input: string
  readonly providerExecuted?: boolean
}

/** A model's answer as it is recorded in the history. */
export interface ModelAnswer {
  readonly content: readonly AnswerPart[]
  /** `stop | length | content-filter | tool-calls | error | interrupted | other`, or what a newer provider says. */
  readonly finishReason: string
  readonly usage: TokenUsage
  /** The text to parse when a structured answer was asked for and the provider keeps it apart. */
  readonly structuredOutputText?: string
  readonly provider?: string
  readonly modelId?: string
  readonly responseId?: string
  readonly warnings?: readonly Json[]
}

/** The answer's text, its text parts joined. */
export function answerText(answer: ModelAnswer): string {
  if (answer.structuredOutputText !== undefined) return answer.structuredOutputText
  const { content } = answer
  if (content.length === 1 && content[0]?.type === 'text') return content[0]['text'] as string
  let text = ''
  for (const part of content) if (part.type === 'text') text += part['text'] as string
  return text
}

/**
 * The tool calls that are ours to make, in order: provider-executed ones are left out, and so is everything after the
 * finish reasons `interrupted` and `error`, where the calls may not be whole.
 */
export function answerToolCalls(answer: ModelAnswer): readonly AnswerToolCall[] {
  const { content, finishReason } = answer
  if (finishReason === 'interrupted' || finishReason === 'error') return NO_CALLS
  const [only] = content
  if (content.length === 1 && only !== undefined) return isOurCall(only) ? [only as unknown as AnswerToolCall] : NO_CALLS
  return content.filter(isOurCall) as unknown as AnswerToolCall[]
}

const NO_CALLS: readonly AnswerToolCall[] = []

function isOurCall(part: AnswerPart): boolean {
  return part.type === 'tool-call' && part['providerExecuted'] !== true
}
