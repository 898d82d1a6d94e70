import type { Planner, RunDefinition } from '../core/index.ts'
import { drivePlanner } from './planner-drive.ts'
import type { PlannerRule } from './planner-rule.ts'
import { type PlannerDialect, type PlannerScenario, nativeDialect } from './planner-scenario.ts'
import { plannerScenarios, scenarioDefinition } from './planner-scenarios.ts'
import { type ConformanceCase, registerCases, type TestFunction } from './suite.ts'

/** What the planner suite needs. */
export interface PlannerConformanceOptions {
  /** The runner's `test`. */
  readonly test: TestFunction
  /** Makes the planner under test. Called often: planners of one factory must decide alike. */
  readonly createPlanner: () => Planner | Promise<Planner>
  /** How a scripted model speaks to this planner. @default native tool calls */
  readonly dialect?: PlannerDialect
  /** Further runs to drive it through, after the suite's own. */
  readonly scenarios?: readonly PlannerScenario[]
  /** Members of the definition in which the planner's runs differ from the suite's, such as the tools that a workflow names. */
  readonly definition?: Partial<RunDefinition>
  /** Decisions within which every run must end. @default 50 */
  readonly maxDecisions?: number
  /** Cases to leave out, by name, each with the reason. */
  readonly skip?: Readonly<Record<string, string>>
  /**
   * Rules that do not apply to this planner, in any case, each with the reason.
   *
   * @property same-decision Why not: the same view gives the same decision.
   * @property view-unchanged Why not: deciding changes nothing in the view.
   * @property no-ambient Why not: no clock, randomness, timer or I/O while deciding.
   * @property valid-decision Why not: decisions are of known kinds and name only what is offered.
   * @property unique-keys Why not: no key is used twice in a run.
   * @property answered-calls Why not: every tool call of a model is answered exactly once.
   * @property idles-while-open Why not: a planner that is not reactive waits for all effects.
   * @property ends Why not: a run comes to the end that the scenario asks for.
   * @property failures-told Why not: what went wrong reaches the model or ends the run.
   */
  readonly skipRules?: { readonly [R in PlannerRule]?: string }
}

const FIRST = 'it is a planner'

/** The names of the suite's own cases, for `skip`. */
export const PLANNER_CASES: readonly string[] = [FIRST, ...plannerScenarios.map((one) => one.name)]

/**
 * Registers the conformance cases of `planner/1` with a test runner. Each drives the planner through one run, with a history
 * that the suite makes itself, and checks every decision: that it is pure, valid, plain data with fresh keys, that calls are
 * answered and failures told, and that the run ends; see `PlannerRule`. A broken rule is thrown as an Error that says which,
 * where and how.
 *
 * While a planner decides, the process's clocks, timers and random sources are watched: do not run cases side by side.
 *
 * @throws OpspawnError `OPTIONS_INVALID` when `skip` names an unknown case.
 *
 * @example
 * import { test } from 'node:test'
 * plannerConformance({ test, createPlanner: () => myPlanner() })
 */
export function plannerConformance(options: PlannerConformanceOptions): void {
  const { test, createPlanner, dialect = nativeDialect, maxDecisions = 50, scenarios = [], skip = {}, skipRules = {} } = options
  const definition: RunDefinition = { ...scenarioDefinition, ...options.definition }
  const drive = { createPlanner, definition, dialect, maxDecisions, skipped: Object.keys(skipRules) }
  const cases: ConformanceCase<undefined>[] = [{ name: FIRST, run: () => checkPlanner(createPlanner) }]
  for (const scenario of [...plannerScenarios, ...scenarios])
    cases.push({ name: scenario.name, run: () => drivePlanner(drive, scenario) })
  const reasons: Record<string, string> = { ...skip }
  // A rule that is left out shows as a case of its own.
  for (const [rule, reason] of Object.entries(skipRules)) {
    cases.push({ name: `rule ${rule}`, run: () => Promise.resolve() })
    reasons[`rule ${rule}`] = reason
  }
  registerCases(test, cases, reasons, (run) => run(undefined))
}

function requirePlanner(planner: Planner): void {
  if (typeof planner !== 'object' || planner === null)
    throw new Error(`a planner is an object, found ${typeof planner}; did you forget to call the factory?`)
  if (planner.spec !== 'planner/1') throw new Error(`the spec of a planner is 'planner/1', not '${planner.spec as string}'`)
  if (typeof planner.name !== 'string' || planner.name === '') throw new Error('a planner has a name')
  if (typeof planner.decide !== 'function') throw new Error('a planner has a decide function')
}

async function checkPlanner(createPlanner: PlannerConformanceOptions['createPlanner']): Promise<void> {
  const planner = await createPlanner()
  requirePlanner(planner)
  if (planner.version !== undefined && typeof planner.version !== 'string') throw new Error('the version of a planner is a text')
  if (planner.reactive !== undefined && typeof planner.reactive !== 'boolean') throw new Error('reactive is true or false')
  const needs: readonly string[] = planner.requires ?? []
  for (const need of needs)
    if (need !== 'model' && need !== 'memory') throw new Error(`a planner can require 'model' and 'memory', not '${need}'`)
  const { version } = await createPlanner()
  if (version !== planner.version) throw new Error('planners of one factory have different versions')
}
