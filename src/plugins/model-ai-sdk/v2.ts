import type { FinishReason, ModelPart } from '../../core/index.ts'
import type { Dialect } from './dialect.ts'
import { lowerToV2 } from './lower-v2.ts'
import type { CallOptionsV2, UsageV2 } from './shapes-v2.ts'
import { liftUsageV2 } from './usage-v2.ts'
import { liftFile } from './v3.ts'

/** The dialect of AI SDK 5. */
export const v2: Dialect<CallOptionsV2, string, UsageV2> = {
  lower: lowerToV2,
  liftFinish: liftFinishV2,
  liftUsage: liftUsageV2,
  liftWarning: liftWarningV2,
  liftPart: liftPartV2,
}

const REASONS: readonly string[] = ['stop', 'length', 'content-filter', 'tool-calls', 'error', 'other']

/**
 * V2's `unknown` says two things: the provider gave a reason that nobody knows, or the stream ended before it gave any.
 * They cannot be told apart, so in a stream it reads as `interrupted`: no tool runs on half an answer, and the call is
 * made again. Outside a stream the answer is whole and it reads as `other`.
 */
export function liftFinishV2(finish: string, streamed: boolean): FinishReason {
  if (REASONS.includes(finish)) return { unified: finish, raw: undefined }
  if (finish === 'unknown' || finish === undefined) return { unified: streamed ? 'interrupted' : 'other', raw: undefined }
  return { unified: 'other', raw: finish }
}

/** V2 tells apart settings and tools where V4 speaks of features. */
export function liftWarningV2(warning: object): object {
  const { type, setting, tool, details } = warning as {
    type?: string
    setting?: string
    tool?: { name?: string }
    details?: string
  }
  const more = details === undefined ? undefined : { details }
  if (type === 'unsupported-setting') return { type: 'unsupported', feature: setting, ...more }
  if (type === 'unsupported-tool') return { type: 'unsupported', feature: `tool "${tool?.name}"`, ...more }
  return warning
}

/** V2 tool results may be null, which V4 forbids, and say again what their call said: that the provider ran it. */
export function liftPartV2(part: ModelPart): ModelPart {
  if (part.type !== 'tool-result') return liftFile(part)
  const { providerExecuted: _, ...rest } = part as ModelPart & { providerExecuted?: boolean; result?: unknown }
  return { ...rest, result: rest.result ?? {} } as ModelPart
}
