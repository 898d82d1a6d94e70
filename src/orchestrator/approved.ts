import { type Effect, type Json, type OfferedTool, OpspawnError, toJson } from '../core/index.ts'
import type { RunContext } from './run-context.ts'
import { hashJson } from './system.ts'

/** An effect that rules and people judge. */
export type Call = Effect & { kind: 'tool' | 'run' }

/** The tool that an effect uses; for an agent that is called directly, a stand-in of its name. */
export function offeredFor({ view }: RunContext, effect: Call): OfferedTool | undefined {
  return offeredAmong(view.tools, effect)
}

/** The same among any tools. */
export function offeredAmong(tools: readonly OfferedTool[], effect: Call): OfferedTool | undefined {
  if (effect.kind === 'tool') return tools.find((tool) => tool.name === effect.tool && tool.delegate === undefined)
  return tools.find((tool) => tool.delegate?.agent === effect.agent && (effect.tool === undefined || tool.alias === effect.tool))
}

/** What a schema made of a call's arguments, as rules and people see it; the arguments themselves where that is not JSON. */
export function judgedInput(effect: Call, made: unknown): Json {
  if (made === effect.input) return effect.input
  try {
    return toJson(made, { maxSize: Infinity })
  } catch {
    return effect.input
  }
}

/** The arguments as rules know them: the text for an agent that takes one stands in `/input`, as models write it. */
export function ruledInput({ delegate }: OfferedTool, input: Json): Json {
  return delegate?.text === true ? { input } : input
}

/** What an approval binds to: a call by name with exactly the arguments that the body gets. */
export function approvalHash(name: string, input: Json): string {
  return hashJson({ name, input })
}

/** What a person's word on an interrupted call binds to: the call as it was asked for. */
export function resolutionHash(name: string, input: Json): string {
  return hashJson({ resolve: name, input })
}

/**
 * An approval is for what the person saw: a schema that makes something else of the arguments when the call is made, by
 * chance or after a change, does not get it through.
 *
 * @throws OpspawnError `TOOL_INPUT_INVALID`, `INPUT_INVALID`
 */
export function requireApproved(context: RunContext, effect: Call, made: unknown): void {
  const record = context.view.effects.get(effect.key)
  const hash = record?.argumentsHash
  if (hash === undefined) return
  const offered = offeredFor(context, record?.effect as Call)
  const name = offered === undefined ? '' : effect.kind === 'tool' ? effect.tool : offered.name
  if (hash === approvalHash(name, judgedInput(effect, made)) || hash === resolutionHash(name, effect.input)) return
  throw new OpspawnError(
    effect.kind === 'tool' ? 'TOOL_INPUT_INVALID' : 'INPUT_INVALID',
    `${name} was not called: its schema makes other arguments of the call now than those that were approved; ask again`,
  )
}
