import {
  type Agent,
  type Disposer,
  type EffectMiddleware,
  type Extension,
  type ExtensionHost,
  type Memory,
  OpspawnError,
  type Planner,
  type Plugin,
  type Policy,
  type PolicyRule,
  toFailure,
  type Scheduler,
  type Store,
  type Tool,
} from '../core/index.ts'
import { requireAgent } from './checks/agent.ts'
import { requireExtension, requirePlugin } from './checks/plugin.ts'
import { show } from './checks/show.ts'
import { requireTool } from './checks/tool.ts'
import { requireNoCircles } from './checks/workflow-circles.ts'
import { type DefinitionContext, prepareAgent, prepareTool, type ReadyAgent, type RoutedTool } from './definition.ts'
import type { Hub } from './hub.ts'
import { loadJsonSchemaCompiler } from './json-schema.ts'
import { compilePolicy, type CompiledPolicy, requirePolicy } from './policy.ts'
import { createRoutedTools, isSameTool, requireTransactions } from './routed-tools.ts'
import { isPlainJsonSchema } from './schema.ts'

/** What can be composed. */
export interface Parts {
  readonly agents?: readonly Agent[]
  readonly plugins?: readonly Plugin[]
  readonly store?: Store
  readonly scheduler?: Scheduler
  readonly planner?: Planner
  readonly policy?: Policy
}

/** Everything checked, made ready and joined. */
export interface Composition {
  readonly store: Store
  readonly scheduler: Scheduler
  readonly agents: ReadonlyMap<string, ReadyAgent>
  readonly policy: CompiledPolicy
  readonly prepareRouted: (tool: Tool) => RoutedTool
  readonly middleware: readonly EffectMiddleware[]
  /** Undoes all set-ups, last first; rejects with all failures together. */
  dispose(): Promise<void>
}

/** What has been registered, by kind. */
interface Registry {
  readonly agents: Map<string, Agent>
  readonly tools: Map<string, Tool>
  readonly memories: Map<string, Memory>
  readonly extensions: Map<string, Extension>
  readonly stores: Map<string, Store>
  readonly schedulers: Map<string, Scheduler>
  readonly planners: Map<string, Planner>
}

/**
 * Registers every part, sets the extensions up, and makes the agents ready. When it rejects, what was set up is undone.
 *
 * @throws OpspawnError see `createOrchestrator`
 */
export async function compose(parts: Parts, hub: Hub): Promise<Composition> {
  const registry = emptyRegistry()
  const rules: PolicyRule[] = []
  const middleware: EffectMiddleware[] = []
  const disposers: Disposer[] = []
  const dispose = (): Promise<void> => undo(disposers)
  try {
    for (const plugin of allParts(parts)) register(registry, plugin, disposers)
    let isOpen = true
    const whileOpen = (act: () => void): void => {
      if (isOpen) return act()
      throw new OpspawnError('PLUGIN_INVALID', 'an extension can change the orchestrator only while it is set up')
    }
    const hostOf = (name: string): ExtensionHost => ({
      add: (plugin) => whileOpen(() => register(registry, plugin, disposers)),
      addRule: (rule) => whileOpen(() => void rules.push(rule)),
      addMiddleware: (layer) => whileOpen(() => void middleware.push(requireFunction(name, 'addMiddleware', layer))),
      observe: (listener) => whileOpen(() => hub.observe(requireFunction(name, 'observe', listener))),
    })
    await setUp(registry.extensions, hostOf, disposers)
    isOpen = false
    if (parts.policy !== undefined) requirePolicy(parts.policy)
    const policy = compilePolicy({ ...parts.policy, rules: [...(parts.policy?.rules ?? []), ...rules] })
    const store = only('store', registry.stores)
    const scheduler = only('scheduler', registry.schedulers)
    requireAbilities(registry, store)
    const { agents, context } = await prepareAll(registry, policy, parts.planner ?? onlyPlanner(registry))
    const prepareRouted = createRoutedTools(context, store, toolsOf(registry))
    return { store, scheduler, agents, policy, prepareRouted, middleware, dispose }
  } catch (error) {
    await dispose().catch(() => {})
    throw error
  }
}

/** Makes agents ready to be asked, with nothing set up around them. @throws OpspawnError see `createOrchestrator` */
export async function composeAgents(parts: Parts): Promise<ReadonlyMap<string, ReadyAgent>> {
  const registry = emptyRegistry()
  for (const plugin of allParts(parts)) register(registry, plugin, [])
  if (parts.policy !== undefined) requirePolicy(parts.policy)
  const policy = compilePolicy(parts.policy ?? { rules: [] })
  return (await prepareAll(registry, policy, parts.planner ?? onlyPlanner(registry))).agents
}

function emptyRegistry(): Registry {
  return {
    agents: new Map(),
    tools: new Map(),
    memories: new Map(),
    extensions: new Map(),
    stores: new Map(),
    schedulers: new Map(),
    planners: new Map(),
  }
}

function allParts(parts: Parts): readonly Plugin[] {
  if (parts.plugins !== undefined && !Array.isArray(parts.plugins))
    throw new OpspawnError('OPTIONS_INVALID', 'plugins must be a list')
  if (parts.agents !== undefined && !Array.isArray(parts.agents))
    throw new OpspawnError('OPTIONS_INVALID', 'agents must be a list')
  const single = [parts.store, parts.scheduler, parts.planner].filter((part) => part !== undefined)
  return [...single, ...(parts.plugins ?? []), ...(parts.agents ?? [])]
}

function register(registry: Registry, plugin: Plugin, disposers: Disposer[]): void {
  requirePlugin(plugin)
  switch (plugin.spec) {
    case 'agent/1':
      requireAgent(plugin)
      add(registry.agents, 'agent', plugin)
      break
    case 'tool/1':
      requireTool(plugin)
      add(registry.tools, 'tool', plugin)
      break
    case 'memory/1':
      add(registry.memories, 'memory', plugin)
      break
    case 'extension/1':
      requireExtension(plugin)
      add(registry.extensions, 'extension', plugin)
      break
    case 'store/1':
      add(registry.stores, 'store', plugin)
      break
    case 'scheduler/1':
      add(registry.schedulers, 'scheduler', plugin)
      break
    case 'planner/1':
      add(registry.planners, 'planner', plugin)
      break
    default:
      plugin satisfies never
  }
  const disposable = plugin as { [Symbol.asyncDispose]?: () => Promise<void> }
  if (disposable[Symbol.asyncDispose] !== undefined) disposers.push(() => disposable[Symbol.asyncDispose]?.())
}

function add<T extends { readonly name: string }>(registered: Map<string, T>, kind: string, part: T): void {
  const other = registered.get(part.name)
  if (other !== undefined) {
    throw new OpspawnError(
      'NAME_DUPLICATE',
      `two ${kind}s are called "${part.name}"${other === part ? '; the same one is registered twice' : ''}`,
      {
        details: { kind, name: part.name },
      },
    )
  }
  registered.set(part.name, part)
}

function only<T extends { readonly name: string }>(kind: string, registered: ReadonlyMap<string, T>): T {
  const [first, second] = registered.values()
  if (first === undefined)
    throw new OpspawnError(
      'PLUGIN_CAPABILITY_MISSING',
      `an orchestrator needs a ${kind}; createOrchestrator of "opspawn" brings one, that of "opspawn/orchestrator" does not`,
    )
  if (second !== undefined)
    throw new OpspawnError(
      'NAME_DUPLICATE',
      `an orchestrator has one ${kind}, but "${first.name}" and "${second.name}" are registered`,
    )
  return first
}

/** What is no function would be passed over later, together with what stands behind it. */
function requireFunction<T>(extension: string, method: string, given: T): T {
  if (typeof given === 'function') return given
  throw new OpspawnError('PLUGIN_INVALID', `extension "${extension}": ${method} takes a function, not ${show(given)}`)
}

async function setUp(
  extensions: ReadonlyMap<string, Extension>,
  hostOf: (name: string) => ExtensionHost,
  disposers: Disposer[],
): Promise<void> {
  const done = new Set<string>()
  for (const extension of extensions.values()) {
    const missing = (extension.requires ?? []).filter((name) => !done.has(name))
    if (missing.length > 0) {
      const why = missing.some((name) => extensions.has(name)) ? 'register it after them' : 'they are not registered'
      throw new OpspawnError(
        'PLUGIN_CAPABILITY_MISSING',
        `extension "${extension.name}" requires ${missing.map((name) => `"${name}"`).join(', ')}: ${why}`,
      )
    }
    let undoIt: void | Disposer
    try {
      undoIt = await extension.setup(hostOf(extension.name))
    } catch (error) {
      if (OpspawnError.is(error)) throw error
      const why = toFailure(error, 'INTERNAL').message
      throw new OpspawnError('PLUGIN_INVALID', `extension "${extension.name}" could not be set up: ${why}`, { cause: error })
    }
    if (typeof undoIt === 'function') disposers.push(undoIt)
    else if (undoIt !== undefined) {
      const text = `extension "${extension.name}": setup gave ${show(undoIt)}; it may give a function that undoes it, or nothing`
      throw new OpspawnError('PLUGIN_INVALID', text)
    }
    done.add(extension.name)
  }
}

/** A planner among the plugins is for the agents that name none. */
function onlyPlanner(registry: Registry): Planner | undefined {
  return registry.planners.size === 0 ? undefined : only('default planner', registry.planners)
}

function requireAbilities(registry: Registry, store: Store): void {
  const { transactions, gates } = store.capabilities
  const gated = [...registry.agents.values()].find((agent) => (agent.gates?.length ?? 0) > 0)
  if (!gates && gated !== undefined) {
    const text = `agent "${gated.name}" has gates, which store "${store.name}" cannot keep; take one that can (memoryStore, sqliteStore), or leave them out`
    throw new OpspawnError('PLUGIN_CAPABILITY_MISSING', text)
  }
  if (transactions && typeof store.transaction !== 'function')
    throw new OpspawnError('PLUGIN_INVALID', `store "${store.name}" declares transactions, and has no transaction function`)
  if (transactions) return
  for (const tool of toolsOf(registry)) requireTransactions(tool, store)
}

async function prepareAll(
  registry: Registry,
  policy: CompiledPolicy,
  planner: Planner | undefined,
): Promise<{ readonly agents: ReadonlyMap<string, ReadyAgent>; readonly context: DefinitionContext }> {
  requireOneToolPerName(registry)
  requireNoCircles(registry.agents)
  // What front tools stand before is not known yet.
  const needsCompiler = toolsOf(registry).some((tool) => tool.route !== undefined) || schemasOf(registry).some(isPlainJsonSchema)
  const compiler = needsCompiler ? await loadJsonSchemaCompiler() : unreachable
  const context: DefinitionContext = {
    tools: registry.tools,
    memories: registry.memories,
    agents: registry.agents,
    planner,
    compiler,
    limiters: new WeakMap(),
    hides: (tool, run) => policy.hides({ ...run, tool }),
  }
  // A tool that no agent uses yet must be sound as well.
  for (const tool of registry.tools.values()) prepareTool(tool, context)
  const agents = new Map<string, ReadyAgent>()
  for (const agent of registry.agents.values()) agents.set(agent.name, prepareAgent(agent, context))
  return { agents, context }
}

/** Rules, histories and approvals know a tool by its name alone: one name must not stand for two of them. */
function requireOneToolPerName({ tools, agents }: Registry): void {
  const known = new Map<string, { readonly tool: Tool; readonly where: string }>()
  for (const tool of tools.values()) known.set(tool.name, { tool, where: 'the plugins' })
  for (const agent of agents.values()) {
    for (const tool of agent.tools) {
      if (typeof tool === 'string') continue
      const where = `agent "${agent.name}"`
      const other = known.get(tool.name)
      if (other === undefined) known.set(tool.name, { tool, where })
      else if (!isSameTool(tool, other.tool)) {
        const text = `${other.where} and ${where} have different tools called "${tool.name}"; rename one, or share the tool`
        throw new OpspawnError('NAME_DUPLICATE', text, { details: { kind: 'tool', name: tool.name } })
      }
    }
  }
}

/** All tools: those of the plugins, and those that agents bring. */
function toolsOf({ tools, agents }: Registry): readonly Tool[] {
  return [...tools.values(), ...[...agents.values()].flatMap((agent) => agent.tools.filter((tool) => typeof tool !== 'string'))]
}

function schemasOf(registry: Registry): readonly unknown[] {
  const agents = [...registry.agents.values()]
  return [
    ...toolsOf(registry).flatMap((tool) => [tool.input, tool.output]),
    ...agents.flatMap((agent) => [agent.input, agent.output]),
  ]
}

function unreachable(): never {
  throw new OpspawnError('INTERNAL', 'a JSON Schema appeared after the parts were looked over')
}

async function undo(disposers: Disposer[]): Promise<void> {
  const failures: unknown[] = []
  for (const disposer of disposers.splice(0).toReversed()) {
    try {
      await disposer()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} part(s) could not be closed`)
}
