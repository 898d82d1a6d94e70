import type { FinishReason, ModelCallOptions, ModelMessage, ModelUsage } from '../../core/index.ts'
import type { ForeignModel } from './dialect.ts'

/** What every part may carry. */
export interface ToldPart {
  /** Settings for one provider and what it wants back, unread by everybody else. */
  readonly providerOptions?: object
}

/** A text in a message; V2 has the same. */
export interface TextPartV3 extends ToldPart {
  /** Said or thought. */
  readonly type: 'text' | 'reasoning'
  /** May be empty. */
  readonly text: string
}

/** A file in a message; V2 has the same. Text is base64, never a URL. */
export interface FilePartV3 extends ToldPart {
  /** Marks a file. */
  readonly type: 'file'
  /** Of the file. */
  readonly mediaType: string
  /** Bytes, base64 text, or the place where the provider fetches it. */
  readonly data: Uint8Array | string | URL
  /** As V4 options carry it beside the URL. */
  readonly originalUrl?: string
  /** As the model is told it. */
  readonly filename?: string
}

/** A tool call in a message; V2 has the same. */
export interface ToolCallPartV3 extends ToldPart {
  /** Marks a tool call. */
  readonly type: 'tool-call'
  /** Given by the model; the result names it. */
  readonly toolCallId: string
  /** As the model sees it. */
  readonly toolName: string
  /** The arguments as data. */
  readonly input: unknown
  /** The provider ran it itself. */
  readonly providerExecuted?: boolean
}

/**
 * One item of a tool output of type `content`. Images have their own types: models drop an image sent as a file.
 *
 * @property type What the item is.
 * @property text The text.
 * @property data Base64.
 * @property mediaType Of the file.
 * @property filename As the model is told it.
 * @property url Where the provider fetches it.
 * @property fileId The file's id, or its ids by provider name.
 */
export type OutputItemV3 = (
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'file-data'; readonly data: string; readonly mediaType: string; readonly filename?: string }
  | { readonly type: 'image-data'; readonly data: string; readonly mediaType: string }
  | { readonly type: 'file-url'; readonly url: string; readonly mediaType?: string }
  | { readonly type: 'image-url'; readonly url: string }
  | { readonly type: 'file-id' | 'image-file-id'; readonly fileId: string | Readonly<Record<string, string>> }
  | { readonly type: 'custom' }
) &
  ToldPart

/**
 * What a V3 model is told about a tool call.
 *
 * @property type What the value is; the forms that begin with `error-` say that the call failed.
 * @property value What the tool gave, or what went wrong.
 * @property reason Why the call was refused.
 */
export type ToolOutputV3 = (
  | { readonly type: 'text' | 'error-text'; readonly value: string }
  | { readonly type: 'json' | 'error-json'; readonly value: unknown }
  | { readonly type: 'execution-denied'; readonly reason?: string }
  | { readonly type: 'content'; readonly value: readonly OutputItemV3[] }
) &
  ToldPart

/** A tool's result in a message. */
export interface ToolResultPartV3 extends ToldPart {
  /** Marks a tool's result. */
  readonly type: 'tool-result'
  /** Of the call that it answers. */
  readonly toolCallId: string
  /** As the model sees it. */
  readonly toolName: string
  /** What the model is told. */
  readonly output: ToolOutputV3
}

/** An answer to a provider that asked whether it may run a tool. */
export interface ApprovalPartV3 extends ToldPart {
  /** Marks an answer to an approval that a provider asked for. */
  readonly type: 'tool-approval-response'
  /** Of the provider's request. */
  readonly approvalId: string
  /** `false`: refused. */
  readonly approved: boolean
  /** Told to the model. */
  readonly reason?: string
}

/** One part of a V3 prompt message. */
export type PartV3 = TextPartV3 | FilePartV3 | ToolCallPartV3 | ToolResultPartV3 | ApprovalPartV3

/**
 * A V3 prompt message.
 *
 * @property role Whose message it is.
 * @property providerOptions By provider name; passed on unread.
 */
export interface MessageV3 extends Omit<ModelMessage, 'content'> {
  /** A text for `system`, parts for all others. */
  content: string | PartV3[]
}

/**
 * What a V3 model is called with.
 *
 * @property maxOutputTokens Most tokens of the answer, reasoning included where the provider counts it.
 * @property temperature Randomness of the choice of words; the range is the provider's.
 * @property topP Draws from the likeliest tokens that make up this share of the probability, 0 to 1.
 * @property topK Draws from so many likeliest tokens.
 * @property presencePenalty Against saying again what has been said; the range is the provider's.
 * @property frequencyPenalty Against repeating words, the more the oftener they came; the range is the provider's.
 * @property seed For the same answer to the same call, where the model can.
 */
export interface CallOptionsV3 extends Omit<ModelCallOptions, 'prompt' | 'reasoning'> {
  /** The whole conversation. */
  prompt: MessageV3[]
}

/** An AI SDK 6 model, by structure (`LanguageModelV3`). */
export interface ModelV3 extends ForeignModel<CallOptionsV3, FinishReason, ModelUsage> {
  /** What the model is told from others by. */
  readonly specificationVersion: 'v3'
}
