import type { Agent, Disposer, ExtensionHost, Tool } from '../core/index.ts'
import type { LocalOptions } from '../index.ts'

/** What a configuration registers. */
export interface Parts {
  /** Tools of the configuration, of its extensions, and of agents that bring their own. */
  readonly tools: readonly Tool[]
  readonly agents: readonly Agent[]
  /** Names of the tools that an orchestrator finds by name: all but those that agents bring. */
  readonly registered: ReadonlySet<string>
}

/**
 * Gathers the tools and agents of a configuration. Its extensions are set up for it, as an orchestrator would, and undone
 * again before `use` resolves.
 */
export async function withParts<T>({ agents = [], plugins = [] }: LocalOptions, use: (parts: Parts) => Promise<T>): Promise<T> {
  const found: { readonly tools: Map<string, Tool>; readonly agents: Map<string, Agent> } = {
    tools: new Map(),
    agents: new Map(),
  }
  const disposers: Disposer[] = []
  const add = (part: { readonly spec: string }): void => {
    if (part.spec === 'tool/1') found.tools.set((part as Tool).name, part as Tool)
    if (part.spec === 'agent/1') found.agents.set((part as Agent).name, part as Agent)
  }
  const host: ExtensionHost = { add, addRule() {}, addMiddleware() {}, observe() {} }
  try {
    for (const part of [...plugins, ...agents]) {
      if (part.spec !== 'extension/1') add(part)
      else {
        const undo = await part.setup(host)
        if (undo !== undefined) disposers.push(undo)
      }
    }
    const registered = new Set(found.tools.keys())
    for (const agent of found.agents.values()) for (const tool of agent.tools) if (typeof tool !== 'string') add(tool)
    return await use({ tools: [...found.tools.values()], agents: [...found.agents.values()], registered })
  } finally {
    for (const undo of disposers.reverse()) await undo()
  }
}
