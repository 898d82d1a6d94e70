import type { ModelCallOptions, ModelMessage } from '../core/index.ts'

interface LooseParts {
  readonly type?: string
  readonly text?: unknown
  readonly toolCallId?: string
  readonly toolName?: string
  readonly input?: unknown
  readonly output?: { readonly type: string; readonly value?: unknown; readonly reason?: string }
}

/** A tool result as a prompt tells it. */
export interface ToldResult {
  /** Of the call; empty where the prompt names none. */
  readonly toolCallId: string
  /** As the prompt names it; empty where it does not. */
  readonly toolName: string
  /** `text`, `json`, `error-text`, `error-json`, `execution-denied` or `content`. */
  readonly type: string
  /** The output's value; the reason of a denial. */
  readonly value: unknown
}

function partsOf(message: ModelMessage): readonly LooseParts[] {
  return typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : (message.content as LooseParts[])
}

function textOfPart(part: LooseParts): string {
  if (typeof part.text === 'string') return part.text
  if (part.type === 'tool-call') return `${part.toolName}(${JSON.stringify(part.input)})`
  if (part.output === undefined) return ''
  const { value, reason } = part.output
  return typeof value === 'string' ? value : value === undefined ? (reason ?? '') : JSON.stringify(value)
}

/** Everything that a prompt says, one line for each part: texts, tool calls as `name(arguments)`, tool results. */
export function promptText(options: Pick<ModelCallOptions, 'prompt'>): string {
  return options.prompt.map((message) => messageText(message)).join('\n')
}

/** The texts of the system messages. */
export function systemText(options: Pick<ModelCallOptions, 'prompt'>): string {
  const told = options.prompt.filter((message) => message.role === 'system')
  return told.map(messageText).join('\n')
}

/** The text of the last user message; `undefined` without one. */
export function lastUserText(options: Pick<ModelCallOptions, 'prompt'>): string | undefined {
  const last = options.prompt.findLast((message) => message.role === 'user')
  return last === undefined ? undefined : messageText(last)
}

/** The tool results that came after the last answer, in order. */
export function lastToolResults(options: Pick<ModelCallOptions, 'prompt'>): readonly ToldResult[] {
  const answer = options.prompt.findLastIndex((message) => message.role === 'assistant')
  const results: ToldResult[] = []
  for (const message of options.prompt.slice(answer + 1)) {
    if (message.role !== 'tool') continue
    for (const { type, toolCallId = '', toolName = '', output } of partsOf(message)) {
      if (type === 'tool-result' && output !== undefined) {
        results.push({ toolCallId, toolName, type: output.type, value: output.value ?? output.reason })
      }
    }
  }
  return results
}

function messageText(message: ModelMessage): string {
  return partsOf(message)
    .map(textOfPart)
    .filter((text) => text !== '')
    .join('\n')
}
