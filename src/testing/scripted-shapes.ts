import type { ModelCallOptions } from '../core/index.ts'

/**
 * The shapes that the three AI SDK specifications ask of answers, written out here because this package imports none of
 * them. Only the members that a script makes are listed; raw parts of a script pass through whatever their type.
 *
 * @property type Said or thought.
 * @property text The whole of it.
 */
export type ScriptedPart = { type: 'text'; text: string } | { type: 'reasoning'; text: string } | CallPart

/** A tool call, in an answer and in a stream alike. */
export interface CallPart {
  /** Marks a tool call. */
  type: 'tool-call'
  /** Unique in the script, unless the script gives its own. */
  toolCallId: string
  /** As the model sees it. */
  toolName: string
  /** The arguments as text, not always JSON. */
  input: string
}

/**
 * Stream parts that all versions share.
 *
 * @property type What the part is.
 * @property id Of the block that it belongs to; of the answer in `response-metadata`.
 * @property delta The next piece of the block's text.
 * @property toolName As the model sees it.
 * @property warnings What the model could not do as it was asked; a script gives none.
 * @property modelId The model that answered.
 * @property error What went wrong.
 * @property warnings.type Of no special kind.
 * @property warnings.message For people.
 */
export type BlockPart =
  | { type: 'text-start' | 'text-end' | 'reasoning-start' | 'reasoning-end' | 'tool-input-end'; id: string }
  | { type: 'text-delta' | 'reasoning-delta' | 'tool-input-delta'; id: string; delta: string }
  | { type: 'tool-input-start'; id: string; toolName: string }
  | { type: 'stream-start'; warnings: { type: 'other'; message: string }[] }
  | { type: 'response-metadata'; id?: string; modelId?: string }
  | { type: 'error'; error: unknown }
  | CallPart

/** What `doGenerate` gives. */
export interface ScriptedResult<Reason, Usage> {
  /** The answer's parts, in order. */
  content: ScriptedPart[]
  /** Why the model stopped, in the words of its version. */
  finishReason: Reason
  /** What the call used, in the form of its version. */
  usage: Usage
  /**
   * What the model could not do as it was asked; a script gives none.
   *
   * @property type Of no special kind.
   * @property message For people.
   */
  warnings: { type: 'other'; message: string }[]
  /**
   * What the provider says of its answer.
   *
   * @property id `scripted-` and the number of the call, from 1.
   * @property modelId The scripted model's own.
   */
  response: { id: string; modelId: string }
}

/** The last part of a stream. */
export interface FinishPart<Reason, Usage> {
  /** Marks the end. */
  type: 'finish'
  /** Why the model stopped, in the words of its version. */
  finishReason: Reason
  /** What the call used, in the form of its version. */
  usage: Usage
}

/** Token counts of V3 and V4. */
export interface NestedUsage {
  /**
   * Of the prompt; what is undefined is unknown.
   *
   * @property total All together.
   * @property noCache Neither read from a cache nor written to one.
   * @property cacheRead Read from a cache.
   * @property cacheWrite Written to a cache.
   */
  inputTokens: {
    total: number | undefined
    noCache: number | undefined
    cacheRead: number | undefined
    cacheWrite: number | undefined
  }
  /**
   * Of the answer; what is undefined is unknown.
   *
   * @property total All together.
   * @property text Of the text.
   * @property reasoning Of the reasoning.
   */
  outputTokens: { total: number | undefined; text: number | undefined; reasoning: number | undefined }
}
/** Token counts of V2. */
export interface FlatUsage {
  /** Of the prompt, with what was cached. */
  inputTokens: number | undefined
  /** Of the answer, reasoning included. */
  outputTokens: number | undefined
  /** Of both; unknown where one of them is. */
  totalTokens: number | undefined
  /** Of the reasoning. */
  reasoningTokens?: number | undefined
  /** Read from a cache. */
  cachedInputTokens?: number | undefined
}

/** Why a model stopped, in the words that all versions share. */
export type CommonFinishReason = 'stop' | 'length' | 'content-filter' | 'tool-calls' | 'error' | 'other'
/** Finish reason of V4. */
export interface V4FinishReason {
  /** In the words that all providers share. */
  unified: CommonFinishReason | 'interrupted'
  /** The provider's own word; a script gives none. */
  raw: string | undefined
}
/** Finish reason of V3. */
export interface V3FinishReason {
  /** In the words that all providers share; `other` where V4 says `interrupted`. */
  unified: CommonFinishReason
  /** The provider's own word; a script gives none. */
  raw: string | undefined
}
/** Finish reason of V2. */
export type V2FinishReason = CommonFinishReason | 'unknown'

/** What `doGenerate` of V4 gives. */
export interface V4Result extends ScriptedResult<V4FinishReason, NestedUsage> {
  /** As the step says. */
  structuredOutputText?: string
}
/** A stream part of V4. */
export type V4StreamPart = BlockPart | FinishPart<V4FinishReason, NestedUsage>
/** A stream part of V3. */
export type V3StreamPart = BlockPart | FinishPart<V3FinishReason, NestedUsage>
/** A stream part of V2. */
export type V2StreamPart = BlockPart | FinishPart<V2FinishReason, FlatUsage>

/** What V2 and V3 models have in common. */
export interface OlderModel<Version, Reason, Usage, Part> {
  /** `v2` or `v3`. */
  readonly specificationVersion: Version
  /** The scripted model's own. */
  readonly provider: string
  /** The scripted model's own. */
  readonly modelId: string
  /** Empty: the script fetches nothing. */
  readonly supportedUrls: Record<string, RegExp[]>
  /** The options are those of this version; a script reads only what all versions share. */
  doGenerate(options: OlderCallOptions): Promise<ScriptedResult<Reason, Usage>>
  /**
   * The same call, answered part by part.
   *
   * @property stream A web stream, to be read once.
   */
  doStream(options: OlderCallOptions): Promise<{ stream: ReadableStream<Part> }>
}

/**
 * Call options of V2 and V3, as far as a script looks at them.
 *
 * @property maxOutputTokens Most tokens of the answer, reasoning included where the provider counts it.
 * @property temperature Randomness of the choice of words; the range is the provider's.
 * @property topP Draws from the likeliest tokens that make up this share of the probability, 0 to 1.
 * @property topK Draws from so many likeliest tokens.
 * @property presencePenalty Against saying again what has been said; the range is the provider's.
 * @property frequencyPenalty Against repeating words, the more the oftener they came; the range is the provider's.
 * @property seed For the same answer to the same call, where the model can.
 */
export interface OlderCallOptions extends Omit<ModelCallOptions, 'tools' | 'reasoning'> {
  /**
   * What the model may call.
   *
   * @property type `function`, or the version's word for a tool of the provider's.
   * @property name As the model sees it.
   */
  tools?: { type: string; name: string }[]
}

/** Structurally an AI SDK `LanguageModelV3`. */
export type V3Model = OlderModel<'v3', V3FinishReason, NestedUsage, V3StreamPart>
/** Structurally an AI SDK `LanguageModelV2`. */
export type V2Model = OlderModel<'v2', V2FinishReason, FlatUsage, V2StreamPart>
