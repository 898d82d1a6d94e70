import type { FunctionTool, ModelCallOptions, ModelMessage } from '../../core/index.ts'
import type { ForeignModel } from './dialect.ts'
import type { FilePartV3, TextPartV3, ToolCallPartV3, ToolResultPartV3 } from './shapes-v3.ts'

/**
 * One item of a tool output of type `content`.
 *
 * @property type Text or file.
 * @property text The text.
 * @property data Base64.
 * @property mediaType Of the file.
 */
export type OutputItemV2 =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'media'; readonly data: string; readonly mediaType: string }

/**
 * What a V2 model is told about a tool call.
 *
 * @property type What the value is; the forms that begin with `error-` say that the call failed. There is none for a
 * refusal.
 * @property value What the tool gave, or what went wrong.
 */
export type ToolOutputV2 =
  | { readonly type: 'text' | 'error-text'; readonly value: string }
  | { readonly type: 'json' | 'error-json'; readonly value: unknown }
  | { readonly type: 'content'; readonly value: readonly OutputItemV2[] }

/** A tool's result in a message. */
export interface ToolResultPartV2 extends Omit<ToolResultPartV3, 'output'> {
  /** What the model is told. */
  readonly output: ToolOutputV2
}

/** One part of a V2 prompt message. */
export type PartV2 = TextPartV3 | FilePartV3 | ToolCallPartV3 | ToolResultPartV2

/**
 * A V2 prompt message.
 *
 * @property role Whose message it is.
 * @property providerOptions By provider name; passed on unread.
 */
export interface MessageV2 extends Omit<ModelMessage, 'content'> {
  /** A text for `system`, parts for all others. */
  content: string | PartV2[]
}

/** A tool that the provider runs, as V2 calls it. */
export interface ProviderDefinedTool {
  /** Marks a tool of the provider's. */
  type: 'provider-defined'
  /** `<provider>.<tool>`. */
  id: `${string}.${string}`
  /** As the model sees it. */
  name: string
  /** Its settings, as the provider wants them. */
  args: Record<string, unknown>
}

/**
 * What a V2 model is called with.
 *
 * @property maxOutputTokens Most tokens of the answer, reasoning included where the provider counts it.
 * @property temperature Randomness of the choice of words; the range is the provider's.
 * @property topP Draws from the likeliest tokens that make up this share of the probability, 0 to 1.
 * @property topK Draws from so many likeliest tokens.
 * @property presencePenalty Against saying again what has been said; the range is the provider's.
 * @property frequencyPenalty Against repeating words, the more the oftener they came; the range is the provider's.
 * @property seed For the same answer to the same call, where the model can.
 */
export interface CallOptionsV2 extends Omit<ModelCallOptions, 'prompt' | 'reasoning' | 'tools'> {
  /** The whole conversation. */
  prompt: MessageV2[]
  /** What the model may call. */
  tools?: (Omit<FunctionTool, 'strict'> | ProviderDefinedTool)[]
}

/** V2 token counts. Providers disagree on what they include. */
export interface UsageV2 {
  /** Of the prompt. */
  readonly inputTokens?: number | undefined
  /** Of the answer. */
  readonly outputTokens?: number | undefined
  /** Of both. */
  readonly totalTokens?: number | undefined
  /** Of the reasoning. */
  readonly reasoningTokens?: number | undefined
  /** Read from a cache. */
  readonly cachedInputTokens?: number | undefined
}

/** An AI SDK 5 model, by structure (`LanguageModelV2`). */
export interface ModelV2 extends ForeignModel<CallOptionsV2, string, UsageV2> {
  /** What the model is told from others by. */
  readonly specificationVersion: 'v2'
}
