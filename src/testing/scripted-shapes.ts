import type { ModelCallOptions } from '../core/index.ts'

/**
 * The shapes that the three AI SDK specifications ask of answers, written out here because this package imports none of
 * them. Only the members that a script makes are listed; raw parts of a script pass through whatever their type.
 */
export type ScriptedPart = { type: 'text'; text: string } | { type: 'reasoning'; text: string } | CallPart

/** A tool call, in an answer and in a stream alike. */
export interface CallPart {
  type: 'tool-call'
  toolCallId: string
  toolName: string
  input: string
}

/** Stream parts that all versions share. */
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
  content: ScriptedPart[]
  finishReason: Reason
  usage: Usage
  warnings: { type: 'other'; message: string }[]
  response: { id: string; modelId: string }
}

/** The last part of a stream. */
export interface FinishPart<Reason, Usage> {
  type: 'finish'
  finishReason: Reason
  usage: Usage
}

/** Token counts of V3 and V4. */
export interface NestedUsage {
  inputTokens: {
    total: number | undefined
    noCache: number | undefined
    cacheRead: number | undefined
    cacheWrite: number | undefined
  }
  outputTokens: { total: number | undefined; text: number | undefined; reasoning: number | undefined }
}
/** Token counts of V2. */
export interface FlatUsage {
  inputTokens: number | undefined
  outputTokens: number | undefined
  totalTokens: number | undefined
  reasoningTokens?: number | undefined
  cachedInputTokens?: number | undefined
}

/** Why a model stopped, in the words that all versions share. */
export type CommonFinishReason = 'stop' | 'length' | 'content-filter' | 'tool-calls' | 'error' | 'other'
/** Finish reason of V4. */
export interface V4FinishReason {
  unified: CommonFinishReason | 'interrupted'
  raw: string | undefined
}
/** Finish reason of V3. */
export interface V3FinishReason {
  unified: CommonFinishReason
  raw: string | undefined
}
/** Finish reason of V2. */
export type V2FinishReason = CommonFinishReason | 'unknown'

/** What `doGenerate` of V4 gives. */
export interface V4Result extends ScriptedResult<V4FinishReason, NestedUsage> {
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
  readonly specificationVersion: Version
  readonly provider: string
  readonly modelId: string
  readonly supportedUrls: Record<string, RegExp[]>
  /** The options are those of this version; a script reads only what all versions share. */
  doGenerate(options: OlderCallOptions): Promise<ScriptedResult<Reason, Usage>>
  /** The same call, answered part by part. */
  doStream(options: OlderCallOptions): Promise<{ stream: ReadableStream<Part> }>
}

/** Call options of V2 and V3, as far as a script looks at them. */
export interface OlderCallOptions extends Omit<ModelCallOptions, 'tools' | 'reasoning'> {
  tools?: { type: string; name: string }[]
}

/** Structurally an AI SDK `LanguageModelV3`. */
export type V3Model = OlderModel<'v3', V3FinishReason, NestedUsage, V3StreamPart>
/** Structurally an AI SDK `LanguageModelV2`. */
export type V2Model = OlderModel<'v2', V2FinishReason, FlatUsage, V2StreamPart>
