import type {
  Effect,
  Message,
  ModelEffect,
  RecallEffect,
  RememberEffect,
  RunView,
  ToolEffect,
  WaitEffect,
} from '../core/index.ts'
import { show } from './planner-difference.ts'

/** Checks an effect against what the run offers; gives what is wrong, in words. */
export function effectProblem(run: RunView, effect: Effect): string | undefined {
  switch (effect.kind) {
    case 'model':
      return modelProblem(run, effect)
    case 'tool':
      return toolProblem(run, effect)
    case 'run':
      if (typeof effect.agent !== 'string' || effect.agent === '') return 'it names no agent'
      return effect.input === undefined ? 'it has no input' : undefined
    case 'recall':
    case 'remember':
      return memoryProblem(run, effect)
    case 'wait':
      return waitProblem(effect.for)
    default:
      return `there is no effect of kind ${show((effect as { kind?: unknown }).kind)}`
  }
}

function modelProblem(run: RunView, effect: ModelEffect): string | undefined {
  const { model = 'default', tools = 'all', results = [] } = effect
  if (!run.models.includes(model)) return `the agent has no model "${model}"`
  if (results.length > 0 && effect.continues === undefined) return 'results need a model effect to continue'
  const unknown =
    tools === 'all' ? undefined : tools.find((name) => !run.tools.some((tool) => tool.name === name || tool.alias === name))
  return unknown === undefined ? messagesProblem(effect.messages ?? []) : `no tool named "${unknown}" is offered`
}

function toolProblem(run: RunView, effect: ToolEffect): string | undefined {
  if (!run.tools.some((tool) => tool.name === effect.tool && tool.delegate === undefined))
    return `no tool named "${effect.tool}" is offered`
  return effect.input === undefined ? 'it has no input' : undefined
}

function memoryProblem(run: RunView, effect: RecallEffect | RememberEffect): string | undefined {
  if (effect.memory !== undefined && !run.memories.includes(effect.memory)) return `the agent has no memory "${effect.memory}"`
  if (effect.kind === 'recall') return typeof effect.query === 'string' ? undefined : 'its query is not a text'
  return Array.isArray(effect.entries) ? undefined : 'its entries are not a list'
}

function waitProblem(wait: WaitEffect['for'] | undefined): string | undefined {
  const isGood =
    (wait?.type === 'time' && typeof wait.ms === 'number' && wait.ms >= 0) ||
    (wait?.type === 'signal' && typeof wait.name === 'string') ||
    (wait?.type === 'approval' && typeof wait.question === 'string')
  return isGood ? undefined : `it waits for something unknown: ${show(wait)}`
}

const ROLES: readonly unknown[] = ['user', 'assistant', 'tool']

/** Checks that a list holds nothing but messages. */
export function messagesProblem(messages: readonly Message[]): string | undefined {
  if (!Array.isArray(messages)) return 'messages are a list'
  const bad = (messages as readonly { readonly role?: unknown; readonly content?: unknown }[]).find((message) =>
    message.role === 'system'
      ? typeof message.content !== 'string'
      : !ROLES.includes(message.role) || !Array.isArray(message.content),
  )
  return bad === undefined ? undefined : `not a message: ${show(bad)}`
}
