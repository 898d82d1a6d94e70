import type { Issue, JsonObject, OfferedTool } from '../../core/index.ts'

/** What {@link reactTemplate} is made from. */
export interface ReactTemplateInput {
  /** What an action may name. */
  readonly tools: readonly OfferedTool[]
  /** JSON Schema of the output, where it must be JSON. */
  readonly output: JsonObject | undefined
}

/** Everything that the ReAct planner ever says to a model besides instructions, conversation and input. */
export interface ReactTexts {
  /** Stands behind the agent's instructions in the system message. */
  readonly template: (input: ReactTemplateInput) => string
  /** User message that brings a result; `cut` when the model had gone on writing behind its first action. */
  readonly observation: (text: string, cut: boolean) => string
  /** Result of an action whose name is no tool's. */
  readonly unknownTool: (name: string, offered: readonly OfferedTool[]) => string
  /** User message after a turn that does not have the form. */
  readonly malformed: (problem: string) => string
  /** User message after a final answer that does not fit the schema. */
  readonly repairMessage: (issues: readonly Issue[]) => string
}

/** The prompt of the ReAct planner: the form to keep, the tools with their JSON Schemas, the form of the final answer. */
export function reactTemplate({ tools, output }: ReactTemplateInput): string {
  const final = 'Thought: why you can answer now\nFinal Answer: your answer'
  const form =
    tools.length === 0
      ? `You have no tools. Write your answer in exactly this form:\n\n${final}`
      : `Work in turns. In each turn write one action or the final answer, in exactly one of these two forms:

Thought: what you know and what to find out next
Action: the name of one tool
Action Input: one JSON object with the arguments of the tool

${final}

Stop after an action: the next message brings its result as "Observation:". Never write an observation yourself.

The tools:

${tools.map(describeTool).join('\n\n')}`
  return output === undefined
    ? form
    : `${form}\n\nThe final answer must be nothing but one JSON value that fits this JSON Schema:\n${JSON.stringify(output)}`
}

function describeTool({ alias, description, inputSchema }: OfferedTool): string {
  return `${alias}: ${description}\nArguments, as JSON Schema: ${JSON.stringify(inputSchema)}`
}

/** Says what is wrong with a final answer, point by point. */
export function reactRepairMessage(issues: readonly Issue[]): string {
  const points = issues.map(({ path, message }) => `- ${path}: ${message}`)
  return `Your final answer does not fit the schema:\n${points.join('\n')}\nWrite "Final Answer:" again, in full, with these points corrected.`
}

/** The words used where the options give no others. */
export const reactTexts: ReactTexts = {
  template: reactTemplate,
  observation: (text, cut) =>
    `Observation: ${text}${cut ? '\n(Only your first action was carried out. Disregard what you wrote behind it.)' : ''}`,
  unknownTool: (name, offered) =>
    `there is no tool "${name}". ${offered.length === 0 ? 'You have no tools.' : `The tools are: ${offered.map((tool) => tool.alias).join(', ')}.`}`,
  malformed: (problem) =>
    `Your last turn could not be read: ${problem}. Write it again: "Thought:", then either "Action:" and "Action Input:" with one JSON object, or "Final Answer:".`,
  repairMessage: reactRepairMessage,
}
