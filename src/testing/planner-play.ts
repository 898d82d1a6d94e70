import type { Decision, Effect, Json, ModelAnswer, ModelEffect, Outcome, Planner, RunDefinition, RunView } from '../core/index.ts'
import { promptOf } from '../core/index.ts'
import { type ScriptedHistory, scriptedHistory } from './planner-history.ts'
import type { PlannerScenario } from './planner-scenario.ts'
import { scenarioDefinition } from './planner-scenarios.ts'

/** A planner played by hand, decision by decision, for tests of what it says and asks for. */
export interface PlannerPlay {
  readonly history: ScriptedHistory
  readonly view: RunView
  /** The next decision; nothing is recorded. */
  readonly next: () => Decision
  /** Decides, records, and settles each effect with the outcome at its place; those without one stay open. */
  readonly step: (...outcomes: readonly Outcome[]) => readonly Effect[]
  /** The prompt of a model effect as JSON text, to look for words in. */
  readonly promptText: (effect: Effect | undefined) => string
}

/** Begins a run of the conformance suite's agent, without its memory, or of one that differs in some members. */
export function playPlanner(
  planner: Planner,
  scenario: Partial<Omit<PlannerScenario, 'definition'>> & { readonly definition?: Partial<RunDefinition> } = {},
): PlannerPlay {
  const history = scriptedHistory({ ...scenarioDefinition, memories: [] }, { name: 'play', ...scenario })
  const next = (): Decision => {
    const decision = planner.decide(history.view)
    if ('then' in decision) throw new Error('only planners that decide at once can be played')
    return decision
  }
  return {
    history,
    view: history.view,
    next,
    step: (...outcomes) => {
      const decision = next()
      if (decision.type !== 'act') throw new Error(`the planner does not act, it decided ${JSON.stringify(decision)}`)
      history.decide(decision.effects, decision.state)
      for (const [index, outcome] of outcomes.entries()) history.settle(decision.effects[index] as Effect, outcome)
      return decision.effects
    },
    promptText: (effect) => JSON.stringify(promptOf(history.view, effect as ModelEffect)),
  }
}

/** The outcome of a model call that answered with these parts. */
export function answered(content: ModelAnswer['content'], finishReason = 'stop', more: Partial<ModelAnswer> = {}): Outcome {
  return { status: 'completed', value: { content, finishReason, usage: {}, ...more } as unknown as Json }
}

/** The outcome of a model call that answered with a text. */
export function said(text: string, finishReason = 'stop'): Outcome {
  return answered([{ type: 'text', text }], finishReason)
}

/** The outcome of a tool or child run that went well. */
export function done(value: Json): Outcome {
  return { status: 'completed', value }
}
