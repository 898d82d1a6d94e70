/**
 * A planner that thinks and acts in text, for models without tool calling.
 *
 * @module
 */

export { reactPlanner } from './planner.ts'
export type { ReactPlannerOptions } from './options.ts'
export { parseReactTurn, type ReactTurn } from './parse.ts'
export { reactRepairMessage, reactTemplate, reactTexts, type ReactTemplateInput, type ReactTexts } from './texts.ts'
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
