import type { Failure, Issue, OfferedTool } from '../../core/index.ts'

/** What {@link planTemplate} is made from. */
export interface PlanTemplateInput {
  /** What a step may name. */
  readonly tools: readonly OfferedTool[]
  /** Most steps of a plan. */
  readonly maxSteps: number
}

/** Everything that the plan-and-execute planner ever says to a model besides instructions, conversation and input. */
export interface PlanTexts {
  /** Stands behind the agent's instructions in the system message. */
  readonly template: (input: PlanTemplateInput) => string
  /** User message after a plan that cannot be read or carried out. */
  readonly badPlan: (problem: string) => string
  /** Tells the model what a step came to; stands before the next thing that it is asked. */
  readonly result: (id: string, goal: string, text: string) => string
  /** Asks the model to carry out a step in words. */
  readonly step: (id: string, goal: string) => string
  /** Asks for a new plan after a failed step. */
  readonly revise: (id: string, goal: string, failure: Failure) => string
  /** Asks for the answer, all steps being done. */
  readonly answer: string
  /** User message after an answer that is empty, or not JSON where JSON is wanted. */
  readonly badAnswer: (problem: string) => string
  /** User message after an output that does not fit the schema. */
  readonly repairMessage: (issues: readonly Issue[]) => string
}

/** The prompt of the plan-and-execute planner: the form of a plan, how steps refer to each other, the tools with their JSON Schemas. */
export function planTemplate({ tools, maxSteps }: PlanTemplateInput): string {
  const list = tools.map(
    ({ alias, description, inputSchema }) => `${alias}: ${description}\nInput, as JSON Schema: ${JSON.stringify(inputSchema)}`,
  )
  return `First write a plan for the request, of at most ${maxSteps} steps. Answer with nothing but JSON of this form:

{"steps": [
  {"id": "a", "goal": "what this step is for", "tool": "name of a tool", "input": {"argument": "value"}},
  {"id": "b", "goal": "a question for yourself, which needs no tool"}
]}

Steps are carried out in order, one at a time. A string in "input" may take over the output of an earlier step with {{steps.a.output}}, or a part of it with a JSON Pointer: {{steps.a.output/items/0}}.
You are then told the results and asked for the steps without a tool, one by one, and at the end for the answer.

${list.length === 0 ? 'There are no tools.' : `The tools:\n\n${list.join('\n\n')}`}`
}

/** Says what is wrong with an output, point by point. */
export function planRepairMessage(issues: readonly Issue[]): string {
  const points = issues.map(({ path, message }) => `- ${path}: ${message}`)
  return `The answer does not fit the requested schema:\n${points.join('\n')}\nWrite the answer again in full, with these points corrected.`
}

/** The words used where the options give no others. */
export const planTexts: PlanTexts = {
  template: planTemplate,
  badPlan: (problem) =>
    `The plan cannot be carried out: ${problem}. Write it again, with nothing but JSON of the form described.`,
  result: (id, goal, text) => `Step "${id}" (${goal}) gave:\n${text}`,
  step: (id, goal) => `Now carry out step "${id}": ${goal}\nAnswer with the result of this step alone.`,
  revise: (id, goal, failure) =>
    `Step "${id}" (${goal}) failed with ${failure.code}: ${failure.message}\nWrite a new plan, in the same form, for what is left to do. Steps that are done need not be repeated; their outputs can still be referred to.`,
  answer: 'All steps are done. Now write the answer to the request.',
  badAnswer: (problem) => `The last answer cannot be used: ${problem}. Write it again.`,
  repairMessage: planRepairMessage,
}
