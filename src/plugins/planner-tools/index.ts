/**
 * The default planner: native tool calling until the model answers.
 *
 * @module
 */

export { toolsPlanner } from './planner.ts'
export type { ToolsPlannerOptions } from './options.ts'
export { repairMessage, toolsTexts, type ToolsTexts } from './texts.ts'
