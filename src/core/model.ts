import type { Json, JsonObject } from './json.ts'
import type { Message, ProviderOptions } from './message.ts'

/**
 * A language model: structurally an AI SDK `LanguageModelV4`, so that `openai('…')` of any V4 provider package is one as
 * it stands. Older versions are lifted by `opspawn/plugins/model-ai-sdk`. Every union here is open: unknown parts are
 * kept or passed over, never an error, since the specification grows in patch releases.
 *
 * On abort (`options.abortSignal`) the call MUST reject or its stream MUST error, and the connection MUST close.
 *
 * @property provider Provider id, such as `openai.responses`.
 * @property modelId The provider's name of the model.
 */
export interface Model extends Readonly<Record<'provider' | 'modelId', string>> {
  /** The version of the AI SDK's specification that it follows. */
  readonly specificationVersion: 'v4'
  /** One call, answered in one piece. Rejects with the provider's error; aborts by `options.abortSignal`. */
  doGenerate(options: ModelCallOptions): PromiseLike<ModelResult>
  /** One call, answered part by part; resolves when the provider has begun to answer. */
  doStream(options: ModelCallOptions): PromiseLike<ModelStreamResult>
}

/** The effort a model may spend on reasoning. */
export type ReasoningEffort = 'provider-default' | 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max'

/**
 * Sampling and length settings of a model call, as data.
 *
 * @property maxOutputTokens Most tokens of the answer, reasoning included where the provider counts it.
 * @property temperature Randomness of the choice of words; the range is the provider's.
 * @property topP Draws from the likeliest tokens that make up this share of the probability, 0 to 1.
 * @property topK Draws from so many likeliest tokens.
 * @property presencePenalty Against saying again what has been said; the range is the provider's.
 * @property frequencyPenalty Against repeating words, the more the oftener they came; the range is the provider's.
 * @property seed For the same answer to the same call, where the model can.
 */
export interface ModelSettings extends Readonly<Partial<Record<NumberSetting, number>>> {
  /** The answer ends before the first of these. */
  readonly stopSequences?: readonly string[]
  /** @default 'provider-default' */
  readonly reasoning?: ReasoningEffort
  /** By provider name; passed on unread. */
  readonly providerOptions?: ProviderOptions
}

type NumberSetting = 'maxOutputTokens' | 'temperature' | 'topP' | 'topK' | 'presencePenalty' | 'frequencyPenalty' | 'seed'

/**
 * Whether and which tool a model must call.
 *
 * @property type `auto`: the model decides; `required`: some tool; `tool`: this one.
 * @property toolName The alias.
 */
export type ToolChoice = { readonly type: 'auto' | 'none' | 'required' } | { readonly type: 'tool'; readonly toolName: string }

/**
 * The form in which a model is to answer.
 *
 * @property type Text, or JSON.
 * @property schema JSON Schema of the answer; absent: any JSON.
 * @property name Of the answer, for providers that want one.
 * @property description What the answer is, for the model.
 */
export type ResponseFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json'; readonly schema?: JsonObject; readonly name?: string; readonly description?: string }

/**
 * What the engine hands to a model: the AI SDK's call options. Mutable, as there; the engine passes fresh objects.
 *
 * @property maxOutputTokens Most tokens of the answer, reasoning included where the provider counts it.
 * @property temperature Randomness of the choice of words; the range is the provider's.
 * @property topP Draws from the likeliest tokens that make up this share of the probability, 0 to 1.
 * @property topK Draws from so many likeliest tokens.
 * @property presencePenalty Against saying again what has been said; the range is the provider's.
 * @property frequencyPenalty Against repeating words, the more the oftener they came; the range is the provider's.
 * @property seed For the same answer to the same call, where the model can.
 */
export interface ModelCallOptions extends Writable<Omit<ModelSettings, 'stopSequences' | 'providerOptions'>> {
  /** The whole conversation, system messages first. */
  prompt: ModelMessage[]
  /** The answer ends before the first of these. */
  stopSequences?: string[]
  /**
   * @default the provider's: text
   *
   * @property type Text, or JSON.
   * @property schema JSON Schema of the answer; absent: any JSON.
   * @property name Of the answer, for providers that want one.
   * @property description What the answer is, for the model.
   */
  responseFormat?: { type: 'text' } | { type: 'json'; schema?: object; name?: string; description?: string }
  /** What the model may call; the engine leaves it out where nothing is shown. */
  tools?: (FunctionTool | ProviderTool)[]
  /** The engine sets it only together with tools. */
  toolChoice?: ToolChoice
  /** Asks for `raw` parts in the stream. The engine does not, and passes over them. */
  includeRawChunks?: boolean
  /** Fires on cancellation, time-out and loss of the run; the engine always sets it. */
  abortSignal?: AbortSignal
  /** Sent with the request; the engine sets none. */
  headers?: Record<string, string | undefined>
  /** By provider name; from the settings. */
  providerOptions?: Record<string, object>
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * A prompt message in the model's own form; see `Message` for the recorded one. File data may be bytes and URL objects
 * here.
 *
 * @property role Whose message it is.
 * @property content A text for `system`, parts for all others.
 * @property providerOptions By provider name; passed on unread.
 */
export type ModelMessage = { role: Message['role']; content: string | object[]; providerOptions?: Record<string, object> }

/** A tool as a model sees it. */
export interface FunctionTool {
  /** Marks a tool of ours. */
  type: 'function'
  /** The alias: the registered name with `_` for dots. */
  name: string
  /** What it does, for the model. */
  description?: string
  /** JSON Schema of the arguments. */
  inputSchema: object
  /** Asks the provider to hold the arguments to the schema; the engine does not. */
  strict?: boolean
  /** By provider name; the engine sets none. */
  providerOptions?: Record<string, object>
}

/**
 * A tool that the provider runs itself, such as web search; `id` is `<provider>.<tool>`.
 *
 * @property type Marks a tool of the provider's.
 * @property id `<provider>.<tool>`.
 * @property name As the model sees it.
 * @property args Its settings, as the provider wants them.
 */
export type ProviderTool = { type: 'provider'; id: `${string}.${string}`; name: string; args: Record<string, unknown> }

type Count = number | undefined

/** Token counts as providers report them; `undefined` is unknown, never zero. */
export interface ModelUsage {
  /**
   * Of the prompt.
   *
   * @property total All together.
   * @property noCache Neither read from a cache nor written to one.
   * @property cacheRead Read from a cache.
   * @property cacheWrite Written to a cache.
   */
  inputTokens: { total: Count; noCache?: Count; cacheRead?: Count; cacheWrite?: Count }
  /**
   * Of the answer.
   *
   * @property total All together.
   * @property text Of the text.
   * @property reasoning Of the reasoning.
   */
  outputTokens: { total: Count; text?: Count; reasoning?: Count }
  /** As the provider reported it; not recorded. */
  raw?: object | undefined
}

/**
 * Why a model stopped.
 *
 * @property unified `stop`, `length`, `content-filter`, `tool-calls`, `error`, `interrupted` or `other`, or what a
 * newer provider says.
 * @property raw The provider's own word.
 */
export type FinishReason = { unified: string; raw?: string | undefined }

/**
 * One part of an answer: known types are narrowed by `type`, others pass through.
 *
 * @property type Such as `text`, `reasoning` or `tool-call`.
 */
export type ModelPart = { type: string }

/** What `doGenerate` gives. */
export interface ModelResult {
  /** The answer's parts, in order. */
  content: readonly ModelPart[]
  /** The text to parse when a structured answer was asked for and the provider keeps it apart. */
  structuredOutputText?: string | undefined
  /** Why the model stopped; `interrupted`, or `error` without content, makes the engine ask again. */
  finishReason: FinishReason
  /** What the call used. */
  usage: ModelUsage
  /** By provider name; not recorded, as that of the parts is. */
  providerMetadata?: object | undefined
  /**
   * What the provider says of its answer.
   *
   * @property id The provider's id of the answer.
   * @property timestamp When it was made; not recorded.
   * @property modelId The model that answered.
   */
  response?: { id?: string | undefined; timestamp?: Date | undefined; modelId?: string | undefined } | undefined
  /** What the model could not do as it was asked. */
  warnings: readonly object[]
}

/**
 * What `doStream` gives. Any async iterable of parts will do; a web stream is one.
 *
 * @property stream Ends with a `finish` part; without one the answer is not whole.
 */
export type ModelStreamResult = { stream: ModelStream }

/**
 * A stream of parts: a web `ReadableStream` (read through its reader, so that cancelling closes the connection) or an async iterable.
 *
 * @property getReader Locks the stream and gives what reads it.
 */
export type ModelStream = AsyncIterable<ModelPart> | { getReader(): PartReader }

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
 *
 * @property type What the part is; a type that is not known is kept.
 */
export type AnswerPart = { readonly type: string; readonly [member: string]: Json }

/**
 * A tool call in an answer.
 *
 * @property type Marks a tool call.
 * @property toolCallId Given by the model; the result names it.
 * @property toolName As the model sees it: the alias.
 * @property input The arguments as the model wrote them: text that should be JSON.
 * @property providerExecuted The provider runs it itself; never true in what {@link answerToolCalls} gives.
 */
export type AnswerToolCall = Readonly<{ type: 'tool-call'; toolCallId: string; toolName: string }> &
  Readonly<{ input: string; providerExecuted?: boolean }>

/**
 * A model's answer as it is recorded in the history.
 *
 * @property structuredOutputText The text to parse when a structured answer was asked for and the provider keeps it apart.
 * @property provider Provider id of the model that was called.
 * @property modelId The model that answered, or the one that was called where the answer does not say.
 * @property responseId The provider's id of the answer.
 */
export interface ModelAnswer extends Readonly<
  Partial<Record<'structuredOutputText' | 'provider' | 'modelId' | 'responseId', string>>
> {
  /** The parts, in order. */
  readonly content: readonly AnswerPart[]
  /** `stop | length | content-filter | tool-calls | error | interrupted | other`, or what a newer provider says. */
  readonly finishReason: string
  /** What the call used, as far as it was reported. */
  readonly usage: TokenUsage
  /** What the model could not do as it was asked; absent: none. */
  readonly warnings?: readonly Json[]
}

/** The answer's text, its text parts joined. */
export const answerText = ({ structuredOutputText, content }: ModelAnswer): string =>
  structuredOutputText ?? content.map((part) => (part.type === 'text' ? (part['text'] as string) : '')).join('')

/**
 * The tool calls that are ours to make, in order: provider-executed ones are left out, and so is everything after the
 * finish reasons `interrupted` and `error`, where the calls may not be whole.
 */
export function answerToolCalls(answer: ModelAnswer): readonly AnswerToolCall[] {
  const { content, finishReason } = answer
  if (finishReason === 'interrupted' || finishReason === 'error') return []
  return (content.every(isOurCall) ? content : content.filter(isOurCall)) as unknown as readonly AnswerToolCall[]
}

const isOurCall = (part: AnswerPart): boolean => part.type === 'tool-call' && part['providerExecuted'] !== true
