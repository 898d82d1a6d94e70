import type { FinishReason, ModelCallOptions, ModelMessage, ModelUsage } from '../../core/index.ts'
import type { ForeignModel } from './dialect.ts'

/** What every part may carry. */
export interface ToldPart {
  /** Settings for one provider and what it wants back, unread by everybody else. */
  readonly providerOptions?: object
}

/** A text in a message; V2 has the same. */
export interface TextPartV3 extends ToldPart {
  readonly type: 'text' | 'reasoning'
  readonly text: string
}

/** A file in a message; V2 has the same. Text is base64, never a URL. */
export interface FilePartV3 extends ToldPart {
  readonly type: 'file'
  readonly mediaType: string
  readonly data: Uint8Array | string | URL
  readonly originalUrl?: string
  readonly filename?: string
}

/** A tool call in a message; V2 has the same. */
export interface ToolCallPartV3 extends ToldPart {
  readonly type: 'tool-call'
  readonly toolCallId: string
  readonly toolName: string
  readonly input: unknown
  readonly providerExecuted?: boolean
}

/** One item of a tool output of type `content`. Images have their own types: models drop an image sent as a file. */
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

/** What a V3 model is told about a tool call. */
export type ToolOutputV3 = (
  | { readonly type: 'text' | 'error-text'; readonly value: string }
  | { readonly type: 'json' | 'error-json'; readonly value: unknown }
  | { readonly type: 'execution-denied'; readonly reason?: string }
  | { readonly type: 'content'; readonly value: readonly OutputItemV3[] }
) &
  ToldPart

/** A tool's result in a message. */
export interface ToolResultPartV3 extends ToldPart {
  readonly type: 'tool-result'
  readonly toolCallId: string
  readonly toolName: string
  readonly output: ToolOutputV3
}

/** An answer to a provider that asked whether it may run a tool. */
export interface ApprovalPartV3 extends ToldPart {
  readonly type: 'tool-approval-response'
  readonly approvalId: string
  readonly approved: boolean
  readonly reason?: string
}

/** One part of a V3 prompt message. */
export type PartV3 = TextPartV3 | FilePartV3 | ToolCallPartV3 | ToolResultPartV3 | ApprovalPartV3

/** A V3 prompt message. */
export interface MessageV3 extends Omit<ModelMessage, 'content'> {
  content: string | PartV3[]
}

/** What a V3 model is called with. */
export interface CallOptionsV3 extends Omit<ModelCallOptions, 'prompt' | 'reasoning'> {
  prompt: MessageV3[]
}

/** An AI SDK 6 model, by structure (`LanguageModelV3`). */
export interface ModelV3 extends ForeignModel<CallOptionsV3, FinishReason, ModelUsage> {
  readonly specificationVersion: 'v3'
}
