import { type Effect, type EffectRecord, modelAnswer, type ModelEffect, type Outcome } from './effect.ts'
import { OpspawnError } from './errors.ts'
import type { Json, JsonObject } from './json.ts'
import type { Message, ToolResultOutput, ToolResultPart } from './message.ts'
import type { AnswerPart, ModelAnswer } from './model.ts'
import { toJson } from './to-json.ts'
import type { OfferedTool, RunView } from './view.ts'

/**
 * Makes the assistant message that tells a model its own earlier answer. Provider metadata goes back as provider
 * options, unread; sources and approval requests are left out; arguments that are not a JSON object become `{}`, since
 * several providers refuse anything else (the history keeps the model's own text).
 *
 * @param inputOf arguments that have been read already, so that they are not read again
 */
export function assistantMessage(answer: ModelAnswer, inputOf?: (callId: string) => Json | undefined): Message {
  const content = answer.content.map((part) => toldPart(part, inputOf))
  // Nearly always all is told: then there is one list, as long as it has to be.
  return {
    role: 'assistant',
    content: content.includes(undefined) ? content.filter((part) => part) : content,
  } as unknown as Message
}

function toldPart(part: AnswerPart, inputOf?: (callId: string) => Json | undefined): object | undefined {
  const told = bareTold(part, inputOf)
  const { providerMetadata } = part
  return told && providerMetadata ? { ...told, providerOptions: providerMetadata } : told
}

function bareTold(part: AnswerPart, inputOf?: (callId: string) => Json | undefined): object | undefined {
  const { type, toolCallId, toolName } = part
  if (type === 'text' || type === 'reasoning') return { type, text: part['text'] }
  if (type === 'file' || type === 'reasoning-file') return { type, mediaType: part['mediaType'], data: part['data'] }
  if (type === 'custom') return { type, kind: part['kind'] }
  if (type === 'tool-result') {
    const output = { type: part['isError'] === true ? 'error-json' : 'json', value: part['result'] }
    return { type, toolCallId, toolName, output }
  }
  if (type !== 'tool-call') return undefined
  const input = inputOf?.(toolCallId as string) ?? argumentsObject(part['input'] as string)
  const executed = part['providerExecuted'] === true ? { providerExecuted: true } : undefined
  return { type, toolCallId, toolName, input, ...executed }
}

/**
 * A tool call's arguments as data, or why they are none.
 *
 * @property input The arguments.
 * @property problem Why they are none, as a model can be told.
 */
export type ParsedArguments =
  | { readonly input: JsonObject; readonly problem?: undefined }
  | { readonly input?: undefined; readonly problem: string }

/**
 * Reads the arguments of a tool call: empty text counts as `{}`. What a history cannot hold (`__proto__` keys, endless
 * nesting) is a problem too, and so is what is no text at all.
 */
export function parseArguments(text: string): ParsedArguments {
  try {
    const value: unknown = JSON.parse(text.trim() || '{}')
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return { problem: 'the arguments must be a JSON object' }
    // A short text without the two tell-tales can be neither too deep nor harmful.
    const isPlain = text.length < 128 && !/__proto__|\\u/.test(text)
    return { input: (isPlain ? value : toJson(value, { maxSize: Infinity })) as JsonObject }
  } catch (error) {
    if (OpspawnError.is(error)) return { problem: error.message }
    return { problem: `the arguments are not valid JSON (${(error as Error).message})` }
  }
}

const argumentsObject = (text: string): JsonObject => parseArguments(text).input ?? {}

/** What a model is told about an effect's outcome. */
export function toolResultOutput(outcome: Outcome): ToolResultOutput {
  if (outcome.status === 'completed') {
    const { value } = outcome
    return typeof value === 'string' ? { type: 'text', value } : { type: 'json', value }
  }
  const { code, message } = outcome.error
  return outcome.status === 'denied'
    ? { type: 'execution-denied', reason: message }
    : { type: 'error-text', value: `${code}: ${message}` }
}

/**
 * Makes the tool message that gives a model the outcomes of what it asked for, in the order of `keys`.
 *
 * @property role Always `tool`.
 */
export function toolResultMessage(run: RunView, keys: readonly string[]): Message & { readonly role: 'tool' } {
  return { role: 'tool', content: keys.map((key) => toolResult(run, key)) }
}

function toolResult(run: RunView, key: string): ToolResultPart {
  const { effect, outcome } = requireEffect(run, key)
  if (outcome === undefined || (effect.kind !== 'tool' && effect.kind !== 'run') || effect.callId === undefined)
    throw invalid(`results name "${key}", which is no settled effect with a callId`)
  const toolName = effect.kind === 'run' ? (effect.tool ?? effect.agent) : (offeredTool(run, effect.tool)?.alias ?? effect.tool)
  return { type: 'tool-result', toolCallId: effect.callId, toolName, output: toolResultOutput(outcome) }
}

/** The messages that a model effect adds to what it continues; the whole prompt where it continues nothing. */
export function addedMessages(run: RunView, effect: ModelEffect): readonly Message[] {
  const { continues, results = [], messages = [] } = effect
  let added: Message[] = []
  if (continues !== undefined) {
    const answer = modelAnswer(requireEffect(run, continues))
    if (answer === undefined) throw invalid(`model effect "${effect.key}" continues "${continues}", which has no answer`)
    // An answer without content is no message to any provider.
    if (answer.content.length > 0) added = [assistantMessage(answer, (callId) => inputOf(run, results, callId))]
  }
  if (results.length > 0) {
    const told = toolResultMessage(run, results)
    // All that is said about one turn's calls is one message, as several providers require.
    if (messages[0]?.role === 'tool')
      return added.concat([{ ...told, content: told.content.concat(messages[0].content) }], messages.slice(1))
    // Joining arrays alone takes a tenth of the time that an item between them costs.
    added = added.concat([told])
  }
  return messages.length === 0 ? added : added.length === 0 ? messages : added.concat(messages)
}

function inputOf(run: RunView, keys: readonly string[], callId: string): Json | undefined {
  for (const key of keys) {
    const called = run.effects.get(key)?.effect
    if (called?.kind === 'tool' && called.callId === callId) return called.input
  }
  return undefined
}

/**
 * Writes out the whole prompt of a model effect from the history: exactly what the model was, or will be, shown.
 */
export function promptOf(run: RunView, effect: ModelEffect): readonly Message[] {
  if (effect.continues === undefined) return addedMessages(run, effect)
  const parts: (readonly Message[])[] = []
  let current: Effect | undefined = effect
  while (current?.kind === 'model') {
    parts.push(addedMessages(run, current))
    current = current.continues === undefined ? undefined : requireEffect(run, current.continues).effect
  }
  return parts.toReversed().flat()
}

function requireEffect(run: RunView, key: string): EffectRecord {
  const record = run.effects.get(key)
  if (record === undefined) throw invalid(`run ${run.id} has no effect "${key}"`)
  return record
}

const invalid = (text: string): OpspawnError => new OpspawnError('PLANNER_DECISION_INVALID', text)

/** Finds the tool that a model means by a name. */
export const offeredTool = (run: RunView, alias: string): OfferedTool | undefined =>
  run.tools.find((tool) => tool.alias === alias || tool.name === alias)

/** The model's call that asks for an effect, and the model effect that a handoff goes on from. */
type AskedFor = { readonly id?: string; readonly continues?: string }

/** Makes the effect that carries out a model's tool call: a tool effect, or a run effect where the tool is another agent. */
export function callEffect(key: string, tool: OfferedTool, input: Json, call: AskedFor = {}): Effect {
  const callId = call.id === undefined ? undefined : { callId: call.id }
  if (tool.delegate === undefined) return { kind: 'tool', key, tool: tool.name, input, ...callId }
  const { agent, handoff, text } = tool.delegate
  const told = text ? ((input as JsonObject)['input'] ?? '') : input
  const continues = handoff && call.continues !== undefined ? { continues: call.continues } : undefined
  return { kind: 'run', key, agent, input: told, tool: tool.alias, ...callId, ...continues }
}
