import type { Agent } from './agent.ts'
import type { Effect, EffectContext } from './effect.ts'
import type { Json } from './json.ts'
import type { Memory } from './memory.ts'
import type { Planner } from './planner.ts'
import type { PolicyRule } from './policy.ts'
import type { RunEvent } from './event.ts'
import type { Scheduler } from './scheduler.ts'
import type { Store } from './store.ts'
import type { Tool } from './tool.ts'

/** Anything that an orchestrator is composed of: a value that carries a `spec`. */
export type Plugin = Tool | Agent | Planner | Memory | Scheduler | Store | Extension

/**
 * Wraps the performing of effects: cache, guardrail, trace, fault injection. It sees each execution, never the journal:
 * retries, time-outs, policy and recording stay with the engine. Return `next()`'s value or another JSON value; throwing
 * counts as a failure of the effect. A second `next()` is refused for tools that are neither pure nor idempotent. The first registered is the outermost.
 */
export type EffectMiddleware = (effect: Effect, context: EffectContext, next: () => Promise<Json>) => Promise<Json>

/** What an extension may do while it is set up. */
export interface ExtensionHost {
  /** Registers a part, as if it stood in the list of plugins. */
  add(plugin: Tool | Agent | Memory): void
  /** Puts a rule at the end of the policy. */
  addRule(rule: PolicyRule): void
  /** Puts a middleware around every effect, inside those that were added before. */
  addMiddleware(middleware: EffectMiddleware): void
  /** Sees every recorded event of every run in this process, after it was recorded. One that throws harms nobody. */
  observe(listener: (runId: string, event: RunEvent) => void): void
}

/** Bundles several parts and hooks in. */
export interface Extension {
  /** Marks an extension, and the version of its contract. */
  readonly spec: 'extension/1'
  /** Unique among the extensions of an orchestrator. */
  readonly name: string
  /** Names of extensions that must be registered before it. */
  readonly requires?: readonly string[] | undefined
  /** May return a function that undoes it, called at the end in reverse order. */
  setup(host: ExtensionHost): void | Disposer | Promise<void | Disposer>
}

/** Undoes a set-up. */
export type Disposer = () => void | Promise<void>

/** Gives an extension its spec. It is checked where it is registered; the `defineExtension` of `opspawn` checks it at once. */
export const defineExtension = (extension: Omit<Extension, 'spec'>): Extension => ({ ...extension, spec: 'extension/1' })

/**
 * Keeps a plugin's type: for authors of stores, schedulers, memories and planners. It is checked where it is registered;
 * the `definePlugin` of `opspawn` checks it at once.
 */
export const definePlugin = <P extends Plugin>(plugin: P): P => plugin
