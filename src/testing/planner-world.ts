import type { Effect, Json, Outcome } from '../core/index.ts'
import type { ModelTurn, PlannerDialect, PlannerScenario, ScenarioTurn } from './planner-scenario.ts'

/** Performs an effect as the scenario says, else as in a world where everything succeeds. */
export function performScripted(scenario: PlannerScenario, dialect: PlannerDialect, effect: Effect, turn: ScenarioTurn): Outcome {
  return scenario.respond?.(effect, turn, dialect) ?? { status: 'completed', value: success(effect, turn, dialect) }
}

function success(effect: Effect, turn: ScenarioTurn, dialect: PlannerDialect): Json {
  switch (effect.kind) {
    case 'model':
      return dialect.answer('All done.', { ...turn, effect } satisfies ModelTurn) as unknown as Json
    case 'tool':
      return { done: effect.tool, at: effect.key }
    case 'run':
      return `the output of ${effect.agent}`
    case 'recall':
      return { items: [], degraded: [], omitted: 0, tokens: 0 }
    case 'remember':
      return {
        outcomes: effect.entries.map((entry, index) => ({ id: entry.id ?? `${effect.key}-${index}`, status: 'inserted' })),
      }
    case 'wait':
      return effect.for.type === 'approval' ? { approved: true, by: 'conformance' } : null
    default:
      return effect satisfies never
  }
}
