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
} from '../../core/index.ts'
import type { ToolsTexts } from './texts.ts'

/** A call with its tool and its arguments. */
export interface GoodCall {
  readonly call: AnswerToolCall
  readonly tool: OfferedTool
  readonly input: JsonObject
}

/** The tool calls of an answer: those to carry out, and those that are only answered. */
export interface SortedCalls {
  readonly good: readonly GoodCall[]
  /** Tells the model what was wrong with the others, call by call. Absent when nothing was. */
  readonly refusal: Message | undefined
}

/**
 * Sorts an answer's tool calls. A handoff beside other calls is refused: it ends this run, and nobody would read what the
 * others came to. The same answer and tools always give the same, so that nothing need be kept.
 */
export function sortCalls(run: RunView, answer: ModelAnswer, texts: ToolsTexts): SortedCalls {
  const calls = answerToolCalls(answer)
  const [only] = calls
  if (calls.length === 1 && only !== undefined) {
    const sorted = sortCall(run, only, true, texts)
    return typeof sorted === 'string'
      ? { good: [], refusal: refusalOf([refused(only, sorted)]) }
      : { good: [sorted], refusal: undefined }
  }
  const good: GoodCall[] = []
  const bad: ToolResultPart[] = []
  for (const call of calls) {
    const sorted = sortCall(run, call, false, texts)
    if (typeof sorted === 'string') bad.push(refused(call, sorted))
    else good.push(sorted)
  }
  return { good, refusal: bad.length === 0 ? undefined : refusalOf(bad) }
}

/** A call that can be carried out, or why it cannot. */
function sortCall(run: RunView, call: AnswerToolCall, isAlone: boolean, texts: ToolsTexts): GoodCall | string {
  const { toolName } = call
  const tool = offeredTool(run, toolName)
  if (tool === undefined) return texts.unknownTool(toolName, run.tools)
  const read = parseArguments(call.input)
  if (read.problem !== undefined) return texts.badArguments(toolName, read.problem, run.tools)
  if (tool.delegate?.handoff === true && !isAlone) return texts.handoffNotAlone(toolName)
  return { call, tool, input: read.input }
}

function refused({ toolCallId, toolName }: AnswerToolCall, value: string): ToolResultPart {
  return { type: 'tool-result', toolCallId, toolName, output: { type: 'error-text', value } }
}

function refusalOf(content: readonly ToolResultPart[]): Message {
  return { role: 'tool', content }
}
