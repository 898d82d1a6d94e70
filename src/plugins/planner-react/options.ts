import type { ModelSettings } from '../../core/index.ts'
import type { MemoryOptions } from '../../planning/index.ts'
import type { ReactTexts } from './texts.ts'

/** Options of the ReAct planner. */
export interface ReactPlannerOptions {
  /** One of the agent's models. @default 'default' */
  readonly model?: string
  /** Longest observation told to the model, in characters; what is left out is counted in the text. @default 8_000 */
  readonly observationLimit?: number
  /** Texts at which the model is to stop, so that it does not invent an observation. @default ['\nObservation:'] */
  readonly stopSequences?: readonly string[]
  /** Settings of every model call of this planner, besides the agent's own. */
  readonly settings?: Omit<ModelSettings, 'stopSequences'>
  /** Takes a final answer that was cut at the output limit as it is, instead of failing. @default false */
  readonly allowCutAnswer?: boolean
  /** How it uses the agent's memory, if it has one, and how much of the past it shows; `false`: neither. */
  readonly memory?: false | MemoryOptions
  /** Other words for what the planner tells the model. Not part of the planner's version: change them between runs. */
  readonly texts?: Partial<ReactTexts>
}
