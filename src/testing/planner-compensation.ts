import { type Json, type Planner, type RunView, toFailure, toJson } from '../core/index.ts'
import { firstDifference } from './planner-difference.ts'
import type { PlannerRule } from './planner-rule.ts'
import type { ScriptedHistory } from './planner-history.ts'
import { watchAmbient } from './planner-traps.ts'

/** What is asked, and who hears of a broken rule. */
export interface CompensationCheck {
  readonly planner: Planner
  readonly history: ScriptedHistory
  readonly createPlanner: () => Planner | Promise<Planner>
  readonly hold: (rule: PlannerRule, problem: string | undefined) => void
}

/** What a planner would have made good if its run were cancelled now, asked in every way that must give the same; `undefined` for nothing. */
export async function askToCompensate({ planner, history, createPlanner, hold }: CompensationCheck): Promise<Json | undefined> {
  if (planner.compensate === undefined) return undefined
  const view = history.cancelled()
  const before = structuredClone(view)
  const { touched, late, value } = await watchAmbient(async () => asked(planner, view))
  const all = late ? [...touched, 'something that takes longer than a turn of the event loop'] : touched
  hold('no-ambient', all.length === 0 ? undefined : `compensate touched ${[...new Set(all)].join(', ')}`)
  hold('valid-decision', value.problem)
  const changed = firstDifference(before, view)
  hold('view-unchanged', changed === undefined ? undefined : `compensate changed the view, ${changed}`)
  const others = [
    ['asked twice with the same view', planner, view],
    ['asked with a view folded anew from the stored history', planner, history.cancelled()],
    ['a fresh planner, asked with the same history,', await createPlanner(), history.cancelled()],
  ] as const
  for (const [how, one, other] of others) {
    const difference = firstDifference(value, asked(one, other))
    hold('same-decision', difference === undefined ? undefined : `${how} compensate gave something else, ${difference}`)
  }
  return value.input
}

interface Asked {
  readonly input?: Json
  readonly problem?: string
}

function asked(planner: Planner, view: RunView): Asked {
  try {
    const input: unknown = planner.compensate?.(view)
    return input === undefined ? {} : { input: toJson(input, { maxSize: Infinity }) }
  } catch (error) {
    return { problem: `compensate gave no JSON, or threw: ${toFailure(error, 'PLANNER_FAILED').message}` }
  }
}
