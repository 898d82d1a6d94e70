import type { MemoryOptions } from '../../planning/index.ts'
import type { ToolsTexts } from './texts.ts'

/** Options of the tools planner. */
export interface ToolsPlannerOptions {
  /** One of the agent's models. @default 'default' */
  readonly model?: string
  /**
   * What later runs of the session see of a run: its input and its output, or also everything between them, tool calls
   * and results included. @default 'answer'
   */
  readonly sessionTranscript?: 'answer' | 'full'
  /** Takes an answer that was cut at the output limit as it is, instead of failing. @default false */
  readonly allowCutAnswer?: boolean
  /** How it uses the agent's memory, if it has one, and how much of the past it shows; `false`: neither. */
  readonly memory?: false | MemoryOptions
  /** Other words for what the planner tells the model. Not part of the planner's version: change them between runs. */
  readonly texts?: Partial<ToolsTexts>
}
