import {
  type Agent,
  type Disposer,
  type ExtensionHost,
  OpspawnError,
  type Plugin,
  type PolicyRule,
  type Tool,
} from '../../core/index.ts'
import type { LocalOptions } from '../../index.ts'

/** What a configuration registers. */
export interface Parts {
  /** Tools of the configuration, of its extensions, and of agents that bring their own. */
  readonly tools: readonly Tool[]
  readonly agents: readonly Agent[]
  /** Names of the tools that an orchestrator finds by name: all but those that agents bring. */
  readonly registered: ReadonlySet<string>
  /** All that is registered beside agents, what extensions add too. */
  readonly plugins: readonly Plugin[]
  /** Rules that extensions add to the policy. */
  readonly rules: readonly PolicyRule[]
}

/**
 * Gathers the tools and agents of a configuration. Its extensions are set up for it, as an orchestrator would, and undone
 * again before `use` resolves.
 *
 * @throws OpspawnError `PLUGIN_INVALID`
 */
export async function withParts<T>({ agents = [], plugins = [] }: LocalOptions, use: (parts: Parts) => Promise<T>): Promise<T> {
  const tools = new Map<string, Tool>()
  const found = new Map<string, Agent>()
  const others: Plugin[] = []
  const rules: PolicyRule[] = []
  const disposers: Disposer[] = []
  const add = (part: Plugin): void => {
    if (part.spec === 'agent/1') found.set(part.name, part)
    else others.push(part)
    if (part.spec === 'tool/1') tools.set(part.name, part)
  }
  const host: ExtensionHost = { add, addRule: (rule) => void rules.push(rule), addMiddleware() {}, observe() {} }
  try {
    for (const part of [...plugins, ...agents]) {
      if (typeof part.spec !== 'string')
        throw new OpspawnError('PLUGIN_INVALID', 'an agent or a plugin of the configuration has no spec')
      if (part.spec !== 'extension/1') add(part)
      else {
        const undo = await part.setup(host)
        if (undo !== undefined) disposers.push(undo)
      }
    }
    const registered = new Set(tools.keys())
    for (const agent of found.values()) for (const tool of agent.tools) if (typeof tool !== 'string') tools.set(tool.name, tool)
    return await use({ tools: [...tools.values()], agents: [...found.values()], registered, plugins: others, rules })
  } finally {
    for (const undo of disposers.reverse()) await undo()
  }
}
