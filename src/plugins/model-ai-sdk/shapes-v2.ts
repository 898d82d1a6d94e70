import type { FunctionTool, ModelCallOptions, ModelMessage } from '../../core/index.ts'
import type { ForeignModel } from './dialect.ts'
import type { FilePartV3, TextPartV3, ToolCallPartV3, ToolResultPartV3 } from './shapes-v3.ts'

/** One item of a tool output of type `content`. */
export type OutputItemV2 =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'media'; readonly data: string; readonly mediaType: string }

/** What a V2 model is told about a tool call. */
export type ToolOutputV2 =
  | { readonly type: 'text' | 'error-text'; readonly value: string }
  | { readonly type: 'json' | 'error-json'; readonly value: unknown }
  | { readonly type: 'content'; readonly value: readonly OutputItemV2[] }

/** A tool's result in a message. */
export interface ToolResultPartV2 extends Omit<ToolResultPartV3, 'output'> {
  readonly output: ToolOutputV2
}

/** One part of a V2 prompt message. */
export type PartV2 = TextPartV3 | FilePartV3 | ToolCallPartV3 | ToolResultPartV2

/** A V2 prompt message. */
export interface MessageV2 extends Omit<ModelMessage, 'content'> {
  content: string | PartV2[]
}

/** A tool that the provider runs, as V2 calls it. */
export interface ProviderDefinedTool {
  type: 'provider-defined'
  id: `${string}.${string}`
  name: string
  args: Record<string, unknown>
}

/** What a V2 model is called with. */
export interface CallOptionsV2 extends Omit<ModelCallOptions, 'prompt' | 'reasoning' | 'tools'> {
  prompt: MessageV2[]
  tools?: (Omit<FunctionTool, 'strict'> | ProviderDefinedTool)[]
}

/** V2 token counts. Providers disagree on what they include. */
export interface UsageV2 {
  readonly inputTokens?: number | undefined
  readonly outputTokens?: number | undefined
  readonly totalTokens?: number | undefined
  readonly reasoningTokens?: number | undefined
  readonly cachedInputTokens?: number | undefined
}

/** An AI SDK 5 model, by structure (`LanguageModelV2`). */
export interface ModelV2 extends ForeignModel<CallOptionsV2, string, UsageV2> {
  readonly specificationVersion: 'v2'
}
