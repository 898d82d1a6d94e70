import type { Model } from '../core/index.ts'
import { modelCases } from './model-cases.ts'
import type { ModelScenario } from './model-scenarios.ts'
import { registerCases, type TestFunction } from './suite.ts'

/** What the model suite needs. */
export interface ModelConformanceOptions {
  /** The runner's `test`. */
  readonly test: TestFunction
  /**
   * Makes a model prepared for a scenario: a provider's model in front of a local server that plays it, or a wrapper
   * around a scripted model with {@link scenarioStep}. Called anew for almost every call.
   */
  readonly createModel: (scenario: ModelScenario) => Model | Promise<Model>
  /** Longest wait in milliseconds for what must settle at once, such as a call after its abort. @default 2000 */
  readonly promptMs?: number
  /** Cases to leave out, by name, each with the reason. */
  readonly skip?: Readonly<Record<string, string>>
}

/** The names of the cases, for `skip`. */
export const MODEL_CASES: readonly string[] = modelCases.map((one) => one.name)

/**
 * Registers the conformance cases of models with a test runner: shapes of answers and streams, agreement of `doGenerate`
 * and `doStream`, tool calls as JSON text, unknown usage as `undefined`, errors that say whether to try again, truncation
 * that cannot pass for an answer, prompt and clean aborts. For authors of models and of anything that wraps one. Options
 * of the calls are frozen, so a model that writes into them fails.
 *
 * @throws OpspawnError `OPTIONS_INVALID` when `skip` names an unknown case.
 */
export function modelConformance(options: ModelConformanceOptions): void {
  const { test, createModel, promptMs = 2000, skip = {} } = options
  registerCases(test, modelCases, skip, (run) => run({ open: async (scenario) => createModel(scenario), promptMs }))
}
