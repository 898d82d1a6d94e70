import type { JsonObject, RunView } from '../../core/index.ts'

/** One step of a plan: a tool with its input, or a question for the model. */
export type PlanStep = {
  /** What later steps refer to its output by. */
  readonly id: string
  /** What it is for, or what is asked, in the model's words. */
  readonly goal: string
  /** Registered name of the tool; without one the model carries the step out in words. */
  readonly tool?: string
  /** Of the tool; may refer to outputs of earlier steps. Absent: `{}`. */
  readonly input?: JsonObject
}

/** What a step came to. The whole of it stands in the history, at the effect of that key. */
export type StepResult = {
  /** Of the step. */
  readonly id: string
  /** Of the step. */
  readonly goal: string
  /** Key of the step's effect; absent where the step failed before it. */
  readonly key?: string
  /** `failed` led to a new plan. */
  readonly status: 'completed' | 'failed'
  /** The beginning of the result or the error, for whoever reads the history. */
  readonly summary: string
}

/** What the plan-and-execute planner keeps in the history with each decision. */
export type PlanState = {
  /** What the last decision asked for: a plan, a step of it, or the answer. */
  readonly phase: 'planning' | 'working' | 'answering'
  /** The last one that could be read; empty before the first. */
  readonly plan: readonly PlanStep[]
  /** Index of the step that is being carried out. */
  readonly step: number
  /** New plans made so far. */
  readonly revisions: number
  /** Of this plan and the earlier ones, in order. */
  readonly results: readonly StepResult[]
  /** How many of the results the conversation with the model holds already. */
  readonly told: number
  /** Key of the model effect that the conversation stands at. */
  readonly conversation?: string
}

/** The state as the last decision left it. */
export function planState(run: RunView): PlanState | undefined {
  return run.state as PlanState | undefined
}

/** Where a run begins. */
export const initialState: PlanState = { phase: 'planning', plan: [], step: 0, revisions: 0, results: [], told: 0 }

/** The last completed step of an id. */
export function resultOf(results: readonly StepResult[], id: string): StepResult | undefined {
  return results.findLast((result) => result.id === id && result.status === 'completed')
}
