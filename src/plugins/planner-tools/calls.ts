import {
  type AnswerToolCall,
  type JsonObject,
  type Message,
  type ModelAnswer,
  type OfferedTool,
  type RunView,
  type ToolResultPart,
  answerToolCalls,
  offeredTool,
  parseArguments,
  toJson,
} from '../../core/index.ts'
import type { ToolsTexts } from './texts.ts'

/** The tool calls of an answer: those to carry out, and those that are only answered. */
export interface SortedCalls {
  readonly good: readonly { readonly call: AnswerToolCall; readonly tool: OfferedTool; readonly input: JsonObject }[]
  /** Tells the model what was wrong with the others, call by call. Absent when nothing was. */
  readonly refusal: Message | undefined
}

/**
 * Sorts an answer's tool calls. A handoff beside other calls is refused: it ends this run, and nobody would read what the
 * others came to. The same answer and tools always give the same, so that nothing need be kept.
 */
export function sortCalls(run: RunView, answer: ModelAnswer, texts: ToolsTexts): SortedCalls {
  const good: { call: AnswerToolCall; tool: OfferedTool; input: JsonObject }[] = []
  const bad: ToolResultPart[] = []
  const calls = answerToolCalls(answer)
  for (const call of calls) {
    const { toolCallId, toolName } = call
    const refuse = (value: string): void => {
      bad.push({ type: 'tool-result', toolCallId, toolName, output: { type: 'error-text', value } })
    }
    const tool = offeredTool(run, toolName)
    const read = readArguments(call.input)
    if (tool === undefined) refuse(texts.unknownTool(toolName, run.tools))
    else if (typeof read === 'string') refuse(texts.badArguments(toolName, read, run.tools))
    else if (tool.delegate?.handoff === true && calls.length > 1) refuse(texts.handoffNotAlone(toolName))
    else good.push({ call, tool, input: read })
  }
  return { good, refusal: bad.length === 0 ? undefined : { role: 'tool', content: bad } }
}

function readArguments(text: string): JsonObject | string {
  const parsed = parseArguments(text)
  if (parsed.problem !== undefined) return parsed.problem
  try {
    // A history cannot hold every JSON text: `__proto__` keys and endless nesting are refused.
    return toJson(parsed.input) as JsonObject
  } catch (error) {
    return (error as Error).message
  }
}
