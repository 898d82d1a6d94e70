import type { ModelCallOptions } from '../core/index.ts'
import { mapParts, webStream } from './part-stream.ts'
import { answerResult, type Answer } from './scripted-answer.ts'
import type {
  FlatUsage,
  NestedUsage,
  OlderModel,
  ScriptedPart,
  V2FinishReason,
  V2StreamPart,
  V3FinishReason,
  V3StreamPart,
  V4FinishReason,
  V4StreamPart,
} from './scripted-shapes.ts'

/** How the parts of an answer look in an older specification. */
export interface VersionForm<Reason, Usage, Part> {
  readonly reason: (reason: V4FinishReason) => Reason
  readonly usage: (usage: NestedUsage) => Usage
  readonly content: (part: ScriptedPart) => ScriptedPart
  readonly streamPart: (part: V4StreamPart) => Part
}

/** The V3 form: a cut stream ends with `other` and no raw reason, and a file's data stands untagged. */
export const v3Form: VersionForm<V3FinishReason, NestedUsage, V3StreamPart> = {
  reason: ({ unified, raw }) => (unified === 'interrupted' ? { unified: 'other', raw: undefined } : { unified, raw }),
  usage: (usage) => usage,
  content: untagFile,
  streamPart: (part) => (part.type === 'finish' ? { ...part, finishReason: v3Form.reason(part.finishReason) } : untagFile(part)),
}

/** The V2 form: the finish reason is a word and usage is flat. */
export const v2Form: VersionForm<V2FinishReason, FlatUsage, V2StreamPart> = {
  reason: ({ unified }) => (unified === 'interrupted' ? 'unknown' : unified),
  usage: flatUsage,
  content: untagFile,
  streamPart: (part) =>
    part.type === 'finish'
      ? { ...part, finishReason: v2Form.reason(part.finishReason), usage: flatUsage(part.usage) }
      : untagFile(part),
}

function flatUsage({ inputTokens, outputTokens }: NestedUsage): FlatUsage {
  const usage: FlatUsage = {
    inputTokens: inputTokens.total,
    outputTokens: outputTokens.total,
    totalTokens:
      inputTokens.total === undefined || outputTokens.total === undefined ? undefined : inputTokens.total + outputTokens.total,
  }
  if (outputTokens.reasoning !== undefined) usage.reasoningTokens = outputTokens.reasoning
  if (inputTokens.cacheRead !== undefined) usage.cachedInputTokens = inputTokens.cacheRead
  return usage
}

function untagFile<Part>(part: Part): Part {
  const file = part as { type: string; data?: { type?: string; data?: unknown } }
  return file.type === 'file' && file.data?.type === 'data' ? ({ ...file, data: file.data.data } as Part) : part
}

/** What an older form of a script needs of it. */
export interface ScriptBase {
  readonly provider: string
  readonly modelId: string
  readonly generate: (version: 'v2' | 'v3', call: ModelCallOptions) => Promise<Answer>
  readonly stream: (version: 'v2' | 'v3', call: ModelCallOptions) => Promise<AsyncIterator<V4StreamPart, undefined>>
}

/** Gives a script the form of an older specification. */
export function olderModel<V extends 'v2' | 'v3', Reason, Usage, Part>(
  specificationVersion: V,
  form: VersionForm<Reason, Usage, Part>,
  { provider, modelId, generate, stream }: ScriptBase,
): OlderModel<V, Reason, Usage, Part> {
  return {
    specificationVersion,
    provider,
    modelId,
    supportedUrls: {},
    async doGenerate(call) {
      const answer = await generate(specificationVersion, call as ModelCallOptions)
      const { content, finishReason, usage, warnings, response } = answerResult(answer)
      return {
        content: content.map(form.content),
        finishReason: form.reason(finishReason),
        usage: form.usage(usage),
        warnings,
        response,
      }
    },
    async doStream(call) {
      const parts = await stream(specificationVersion, call as ModelCallOptions)
      return { stream: webStream(mapParts(parts, form.streamPart)) }
    },
  }
}
