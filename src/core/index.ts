/**
 * The contracts, and the pure functions that every part shares. Imports nothing.
 *
 * What may have come from outside is taken as it is by `toJson`, `toFailure`, `parseArguments`, `errorInfo`, `isFinal`,
 * `requireTransition`, `foldHistory` and `OpspawnError.is`: they answer, or throw an `OpspawnError`. The other functions trust
 * their types, since they work on what the engine has checked and recorded; `decide` of a planner may throw what they throw, and
 * the run then fails with `PLANNER_FAILED`. Definitions are checked where they are registered.
 *
 * @module
 */

export * from './agent.ts'
export * from './budget.ts'
export * from './effect.ts'
export * from './errors.ts'
export * from './event.ts'
export * from './failure.ts'
export * from './gate.ts'
export * from './json.ts'
export * from './memory.ts'
export * from './message.ts'
export * from './model.ts'
export * from './operation.ts'
export * from './orchestrator.ts'
export * from './planner.ts'
export * from './plugin.ts'
export * from './policy.ts'
export * from './prompt.ts'
export * from './run.ts'
export * from './schedule.ts'
export * from './scheduler.ts'
export * from './schema.ts'
export * from './store.ts'
export * from './to-json.ts'
export * from './tool.ts'
export * from './view.ts'
