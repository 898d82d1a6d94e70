/** What the planners share: reading a model's answer, asking once more, the plainest decisions, the use of a memory, checking options. Pure; imports core alone. */
export { askAgain, outputFormat, readOutput, stopFault, wantsJson } from './answer.ts'
export { boundText } from './bound-text.ts'
export { ABOVE_0, COUNT, FLAG, LIST, OBJECT, TEXT, WHOLE, checkOptions, oneOf, type OptionRule } from './check-options.ts'
export { act, fail, failedWith, isHandoff } from './decision.ts'
export { durationMs } from './duration.ts'
export { readJson } from './json-text.ts'
export { pastMessages } from './memory/context.ts'
export {
  MEMORY,
  type CompactionSettings,
  type MemoryOptions,
  type MemorySettings,
  memorySettings,
  type RecallSettings,
  type WorkingSettings,
} from './memory/options.ts'
export { type MemoryBlock, memoryBlock, type MemoryTexts, memoryTexts, type RecalledText } from './memory/texts.ts'
export { type CountTokens, estimateTokens } from './memory/tokens.ts'
export { modelPlanner } from './model-planner.ts'
export { type ModelRecord, isModel, isRepair, lastModel } from './model-record.ts'
export { seededFraction } from './seeded.ts'
