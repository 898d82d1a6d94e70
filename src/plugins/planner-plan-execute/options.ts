import type { MemoryOptions } from '../../planning/index.ts'
import type { PlanTexts } from './texts.ts'

/** Options of the plan-and-execute planner. */
export interface PlanExecutePlannerOptions {
  /** One of the agent's models. @default 'default' */
  readonly model?: string
  /** New plans after failed steps. @default 2 */
  readonly revisions?: number
  /** Most steps in one plan; a longer one is refused. @default 20 */
  readonly maxSteps?: number
  /** Longest result told to the model, in characters; what is left out is counted in the text. @default 8_000 */
  readonly resultLimit?: number
  /** Who gives the output: the model, from all results, or the last step as it stands. @default 'model' */
  readonly answer?: 'model' | 'last-step'
  /** How it uses the agent's memory, if it has one, and how much of the past it shows; `false`: neither. */
  readonly memory?: false | MemoryOptions
  /** Other words for what the planner tells the model. Not part of the planner's version: change them between runs. */
  readonly texts?: Partial<PlanTexts>
}
