import { type Decision, type Effect, type Failure, type RunView, toJson } from '../core/index.ts'
import { show } from './planner-difference.ts'
import { effectProblem, messagesProblem } from './planner-effect.ts'
import { tryPrompt, unansweredCalls } from './planner-prompt.ts'

/** What is wrong with a decision, and the rule that it breaks. */
export interface DecisionProblem {
  readonly rule: 'valid-decision' | 'unique-keys' | 'answered-calls'
  readonly text: string
}

/** Checks a decision against the view that it was made from. */
export function decisionProblem(run: RunView, decision: Decision): DecisionProblem | undefined {
  if (typeof decision !== 'object' || decision === null) return invalid(`a decision is an object, not ${show(decision)}`)
  try {
    toJson(decision)
  } catch (error) {
    return invalid(`the decision is not plain JSON: ${(error as Error).message}`)
  }
  switch (decision.type) {
    case 'act':
      return actProblem(run, decision.effects)
    case 'idle':
      return run.open > 0 ? undefined : invalid('it waits although nothing is under way')
    case 'finish':
      return invalid(decision.output === undefined ? 'a finish has an output' : messagesProblem(decision.messages ?? []))
    case 'fail':
      return invalid(failureProblem(decision))
    case 'continue':
      return continueProblem(decision)
    default:
      return invalid(`there is no decision of type ${show((decision as { type?: unknown }).type)}`)
  }
}

function continueProblem({ input }: { readonly input?: unknown }): DecisionProblem | undefined {
  return invalid(input === undefined ? 'a continue has an input' : undefined)
}

function invalid(text: string | undefined): DecisionProblem | undefined {
  return text === undefined ? undefined : { rule: 'valid-decision', text }
}

function failureProblem(decision: { readonly error?: Partial<Record<keyof Failure, unknown>> }): string | undefined {
  const { error } = decision
  const isFailure = typeof error?.code === 'string' && typeof error.message === 'string' && typeof error.retryable === 'boolean'
  return isFailure ? undefined : `a fail carries an error with code, message and retryable, not ${show(error)}`
}

function actProblem(run: RunView, effects: readonly Effect[] | undefined): DecisionProblem | undefined {
  if (!Array.isArray(effects) || effects.length === 0) return invalid('an act asks for at least one effect; to wait, be idle')
  const keys = new Set<string>()
  for (const effect of effects as readonly (Effect | null)[]) {
    if (typeof effect !== 'object' || effect === null) return invalid(`an effect is an object, not ${show(effect)}`)
    const { key } = effect
    if (typeof key !== 'string' || key === '') return invalid(`an effect has a key, a text that is not empty; found ${show(key)}`)
    if (keys.has(key) || run.effects.has(key))
      return { rule: 'unique-keys', text: `the key "${key}" was used before in this run` }
    keys.add(key)
    const problem = effectProblem(run, effect)
    const found = problem === undefined ? promptProblem(run, effect) : ({ rule: 'valid-decision', text: problem } as const)
    if (found !== undefined) return { rule: found.rule, text: `effect "${key}": ${found.text}` }
  }
  return undefined
}

function promptProblem(run: RunView, effect: Effect): DecisionProblem | undefined {
  if (effect.kind !== 'model') return undefined
  const written = tryPrompt(run, effect)
  if (written.problem !== undefined) return invalid(written.problem)
  if (written.prompt.length === 0) return invalid('its prompt is empty')
  const unanswered = unansweredCalls(written.prompt)
  return unanswered === undefined ? undefined : { rule: 'answered-calls', text: unanswered }
}
