import type { FinishReason, ModelPart, ModelUsage } from '../../core/index.ts'
import type { Dialect } from './dialect.ts'
import { lowerToV3 } from './lower-v3.ts'
import type { CallOptionsV3 } from './shapes-v3.ts'

/** The dialect of AI SDK 6. Usage and warnings are those of V4. */
export const v3: Dialect<CallOptionsV3, FinishReason, ModelUsage> = {
  lower: lowerToV3,
  liftFinish: liftFinishV3,
  liftUsage: (usage) => usage,
  liftWarning: (warning) => warning,
  liftPart: liftFile,
}

/**
 * V3 has no `interrupted`. A provider begins a stream with `other` and no raw reason, so that is what a cut stream ends
 * with; a reason that the provider gave but nobody knows has its raw text.
 */
export function liftFinishV3(finish: FinishReason, streamed: boolean): FinishReason {
  return streamed && finish.unified === 'other' && finish.raw === undefined ? { unified: 'interrupted', raw: undefined } : finish
}

/** Tags the data of a generated file, which is bytes or base64 below V4. */
export function liftFile(part: ModelPart): ModelPart {
  if (part.type !== 'file') return part
  const { data } = part as ModelPart & { data: unknown }
  const isBare = typeof data === 'string' || data instanceof Uint8Array
  return isBare ? ({ ...part, data: { type: 'data', data } } as ModelPart) : part
}
