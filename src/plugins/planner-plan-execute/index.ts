/**
 * A planner that writes a plan first and then carries it out.
 *
 * @module
 */

export { planExecutePlanner } from './planner.ts'
export type { PlanExecutePlannerOptions } from './options.ts'
export type { PlanState, PlanStep, StepResult } from './state.ts'
export { planRepairMessage, planTemplate, planTexts, type PlanTemplateInput, type PlanTexts } from './texts.ts'
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
