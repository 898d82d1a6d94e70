import type { Agent } from './agent.ts'
import type { Effect } from './effect.ts'
import { OpspawnError } from './errors.ts'
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

/** The contracts that this version speaks. */
export const SPECS = ['tool/1', 'agent/1', 'planner/1', 'memory/1', 'scheduler/1', 'store/1', 'extension/1'] as const

/** Around the performing of an effect. */
export interface EffectContext {
  readonly runId: string
  readonly agent: string
  readonly tenant: string
  readonly session: string | undefined
  /** 1 for the first execution; middleware runs anew for each. */
  readonly attempt: number
  readonly signal: AbortSignal
}

/**
 * Wraps the performing of effects: cache, guardrail, trace, fault injection. It sees each execution, never the journal:
 * retries, time-outs, policy and recording stay with the engine. Return `next()`'s value or another JSON value; throwing
 * counts as a failure of the effect. The first registered is the outermost.
 */
export type EffectMiddleware = (effect: Effect, context: EffectContext, next: () => Promise<Json>) => Promise<Json>

/** What an extension may do while it is set up. */
export interface ExtensionHost {
  /** Registers a part, as if it stood in the list of plugins. */
  add(plugin: Tool | Agent | Memory): void
  addRule(rule: PolicyRule): void
  addMiddleware(middleware: EffectMiddleware): void
  /** Sees every recorded event of every run in this process, after it was recorded. One that throws harms nobody. */
  observe(listener: (runId: string, event: RunEvent) => void): void
}

/** Bundles several parts and hooks in. */
export interface Extension {
  readonly spec: 'extension/1'
  readonly name: string
  /** Names of extensions that must be registered before it. */
  readonly requires?: readonly string[] | undefined
  /** May return a function that undoes it, called at the end in reverse order. */
  setup(host: ExtensionHost): void | Disposer | Promise<void | Disposer>
}

/** Undoes a set-up. */
export type Disposer = () => void | Promise<void>

/** Checks an extension and gives it its spec. @throws OpspawnError `PLUGIN_INVALID` */
export function defineExtension(extension: Omit<Extension, 'spec'>): Extension {
  if (typeof extension.name !== 'string' || extension.name === '')
    throw new OpspawnError('PLUGIN_INVALID', 'an extension needs a name')
  if (typeof extension.setup !== 'function')
    throw new OpspawnError('PLUGIN_INVALID', `extension "${extension.name}" has no setup function`)
  return { ...extension, spec: 'extension/1' }
}

/** The members that every implementation of a contract must have. */
const MEMBERS: Readonly<Record<(typeof SPECS)[number], readonly string[]>> = {
  'tool/1': ['execute'],
  'agent/1': [],
  'planner/1': ['decide'],
  'memory/1': ['bind', 'maintain', 'export', 'import'],
  'scheduler/1': ['publish', 'consume', 'depth', 'drain'],
  'store/1': ['create', 'claim', 'heartbeat', 'append', 'release', 'sweep', 'signal', 'read', 'list'],
  'extension/1': ['setup'],
}

/**
 * Checks that a value is a plugin and keeps its type: for authors of stores, schedulers, memories and planners.
 *
 * @throws OpspawnError `PLUGIN_INVALID`, `PLUGIN_SPEC_UNSUPPORTED`
 */
export function definePlugin<P extends Plugin>(plugin: P): P {
  requirePlugin(plugin)
  return plugin
}

/** Checks that a value is a plugin. @throws OpspawnError `PLUGIN_INVALID`, `PLUGIN_SPEC_UNSUPPORTED` */
export function requirePlugin(value: unknown): asserts value is Plugin {
  const plugin = (typeof value === 'object' && value !== null ? value : {}) as Partial<Plugin>
  if (typeof plugin.spec !== 'string') {
    throw new OpspawnError(
      'PLUGIN_INVALID',
      `a plugin is an object with a spec, found ${value === null ? 'null' : typeof value}${typeof value === 'function' ? '; did you forget to call the factory?' : ''}`,
    )
  }
  const name = typeof plugin.name === 'string' && plugin.name !== '' ? `"${plugin.name}"` : undefined
  if (name === undefined) throw new OpspawnError('PLUGIN_INVALID', `a plugin of spec ${plugin.spec} has no name`)
  if (!Object.hasOwn(MEMBERS, plugin.spec)) {
    throw new OpspawnError(
      'PLUGIN_SPEC_UNSUPPORTED',
      `plugin ${name} speaks ${plugin.spec}; this version speaks ${SPECS.join(', ')}`,
      { details: { spec: plugin.spec } },
    )
  }
  for (const member of MEMBERS[plugin.spec]) {
    if (typeof (plugin as unknown as Record<string, unknown>)[member] !== 'function') {
      throw new OpspawnError('PLUGIN_INVALID', `plugin ${name} (${plugin.spec}) has no ${member} function`, {
        details: { member },
      })
    }
  }
}
