import type { Issue, OfferedTool } from '../../core/index.ts'

/** Everything that the tools planner ever says to a model besides instructions, conversation, input and tool results. */
export interface ToolsTexts {
  /** User message after an answer without text and without tool calls. */
  readonly emptyAnswer: string
  /** User message after an answer that is not JSON where JSON is wanted. */
  readonly notJson: string
  /** User message after an output that does not fit the schema. */
  readonly repairMessage: (issues: readonly Issue[]) => string
  /** Result of a call of a tool that is not offered. */
  readonly unknownTool: (name: string, offered: readonly OfferedTool[]) => string
  /** Result of a call whose arguments cannot be used. */
  readonly badArguments: (name: string, problem: string, offered: readonly OfferedTool[]) => string
  /** Result of a handoff that is not the only call of its answer. */
  readonly handoffNotAlone: (name: string) => string
}

/** Says what is wrong with an output, point by point. */
export function repairMessage(issues: readonly Issue[]): string {
  const points = issues.map(({ path, message }) => `- ${path}: ${message}`)
  return `Your answer does not fit the requested schema:\n${points.join('\n')}\nAnswer again in full, with these points corrected.`
}

function offer(tools: readonly OfferedTool[]): string {
  return tools.length === 0 ? 'There are no tools.' : `The tools are: ${tools.map((tool) => tool.alias).join(', ')}.`
}

/** The words used where the options give no others. */
export const toolsTexts: ToolsTexts = {
  emptyAnswer: 'Your last answer was empty. Answer the request, or call a tool.',
  notJson: 'Your last answer is not JSON. Answer again with nothing but one JSON value that fits the requested schema.',
  repairMessage,
  unknownTool: (name, offered) => `There is no tool "${name}". ${offer(offered)}`,
  badArguments: (name, problem, offered) =>
    `The call of "${name}" was not made: ${problem}. Call it again with one JSON object. ${offer(offered)}`,
  handoffNotAlone: (name) =>
    `"${name}" was not called: it takes the conversation over, so call it alone, once all other results are there.`,
}
