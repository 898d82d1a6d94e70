import type { ModelCallOptions, ModelPart } from '../core/index.ts'
import type { NestedUsage, ScriptedPart, V4FinishReason, V4Result } from './scripted-shapes.ts'
import type { DeltaCut, FixedStep, ScriptedToolCall, ScriptedUsage } from './scripted-step.ts'

/** What holds for a step that does not say otherwise. */
export interface AnswerDefaults {
  readonly usage: ScriptedUsage | 'unreported'
  readonly deltas: DeltaCut
  readonly modelId: string
}

/** A step made ready: what is said, and what goes wrong after it. */
export interface Answer {
  /** Raw parts are among them, whatever their type. */
  readonly content: ScriptedPart[]
  readonly finishReason: V4FinishReason
  readonly usage: NestedUsage
  readonly structuredOutputText: string | undefined
  readonly response: { id: string; modelId: string }
  readonly deltas: DeltaCut
  readonly interleave: boolean
  readonly delayMs: number
  readonly fault: Exclude<FixedStep, string>
}

/** Makes a step ready. `index` counts calls and goes into ids, so that a script gives the same ids in every run. */
export function makeAnswer(step: FixedStep, options: ModelCallOptions, index: number, defaults: AnswerDefaults): Answer {
  const given: Exclude<FixedStep, string> = typeof step === 'string' ? { text: step } : step
  const content =
    given.fault === 'bad-json' && given.content === undefined ? brokenContent(given, options, index) : stepContent(given, index)
  if (given.fault === 'interrupted') cutLastCall(content)
  const unreported = given.fault === 'interrupted' || given.fault === 'truncated'
  return {
    content,
    finishReason: { unified: reasonOf(given, content), raw: undefined },
    usage: nestedUsage(given.usage ?? (unreported ? 'unreported' : defaults.usage)),
    structuredOutputText: given.fault === undefined ? given.structuredOutputText : undefined,
    response: { id: `scripted-${index + 1}`, modelId: defaults.modelId },
    deltas: given.deltas ?? defaults.deltas,
    interleave: given.interleave ?? false,
    delayMs: given.delayMs ?? 0,
    fault: given,
  }
}

/** The answer as `doGenerate` of V4 gives it. */
export function answerResult(answer: Answer): V4Result {
  const { content, finishReason, usage, response, structuredOutputText } = answer
  const result: V4Result = { content, finishReason, usage, warnings: [], response }
  if (structuredOutputText !== undefined) result.structuredOutputText = structuredOutputText
  return result
}

type StepParts = Pick<Exclude<FixedStep, string>, 'reasoning' | 'text' | 'toolCalls' | 'content'>

function stepContent(step: StepParts, index: number): ScriptedPart[] {
  if (step.content !== undefined) return step.content.map((part: ModelPart) => ({ ...part }) as ScriptedPart)
  const content: ScriptedPart[] = []
  if (step.reasoning !== undefined) content.push({ type: 'reasoning', text: step.reasoning })
  if (step.text !== undefined) content.push({ type: 'text', text: step.text })
  step.toolCalls?.forEach((call, at) => content.push(toolCall(call, index, at)))
  return content
}

function toolCall(call: ScriptedToolCall, index: number, at: number): ScriptedPart {
  return {
    type: 'tool-call',
    toolCallId: call.id ?? `call-${index + 1}-${at + 1}`,
    toolName: call.name,
    input: typeof call.input === 'string' ? call.input : JSON.stringify(call.input ?? {}),
  }
}

function brokenContent(
  step: StepParts & { readonly toolName?: string },
  options: ModelCallOptions,
  index: number,
): ScriptedPart[] {
  const name = step.toolName ?? options.tools?.[0]?.name
  const half = '{"unfinished": "jso'
  if (name === undefined) return stepContent({ ...step, text: half }, index)
  return stepContent({ ...step, toolCalls: [...(step.toolCalls ?? []), { name, input: half }] }, index)
}

/** What several providers do when a stream is cut inside a tool call: they hand out the half that they have. */
function cutLastCall(content: ScriptedPart[]): void {
  const last = content.at(-1)
  if (last?.type === 'tool-call') last.input = last.input.slice(0, Math.ceil(last.input.length / 2))
}

function reasonOf(step: Exclude<FixedStep, string>, content: readonly ScriptedPart[]): V4FinishReason['unified'] {
  if (step.fault === 'interrupted') return 'interrupted'
  if (step.fault === 'rate-limit' || step.fault === 'server-error') return 'error'
  // The union is open: a script may say what no version of the specification knows yet.
  if (step.fault === undefined && step.finishReason !== undefined) return step.finishReason as V4FinishReason['unified']
  const calls = content.some(
    (part) => part.type === 'tool-call' && (part as { providerExecuted?: boolean }).providerExecuted !== true,
  )
  return calls ? 'tool-calls' : 'stop'
}

function nestedUsage(usage: ScriptedUsage | 'unreported'): NestedUsage {
  const { inputTokens: input, outputTokens: output, cacheRead, cacheWrite, reasoning } = usage === 'unreported' ? {} : usage
  return {
    inputTokens: {
      total: input,
      noCache: input === undefined ? undefined : input - (cacheRead ?? 0) - (cacheWrite ?? 0),
      cacheRead,
      cacheWrite,
    },
    outputTokens: { total: output, text: output === undefined ? undefined : output - (reasoning ?? 0), reasoning },
  }
}
