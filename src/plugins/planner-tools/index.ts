/**
 * The default planner: native tool calling until the model answers.
 *
 * @module
 */

export { toolsPlanner } from './planner.ts'
export type { ToolsPlannerOptions } from './options.ts'
export { repairMessage, toolsTexts, type ToolsTexts } from './texts.ts'
export {
  type CompactionSettings,
  type CountTokens,
  estimateTokens,
  type MemoryBlock,
  memoryBlock,
  type MemoryOptions,
  type MemoryTexts,
  memoryTexts,
  type RecallSettings,
  type RecalledText,
  type WorkingSettings,
} from '../../planning/index.ts'
