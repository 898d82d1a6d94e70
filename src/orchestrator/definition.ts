import {
  type Agent,
  canonicalJson,
  type FunctionTool,
  type Json,
  type JsonObject,
  type Memory,
  type Model,
  type OfferedTool,
  OpspawnError,
  type Planner,
  type RunDefinition,
  type Tool,
} from '../core/index.ts'
import { requirePlugin } from './checks/plugin.ts'
import { show } from './checks/show.ts'
import { requireTool } from './checks/tool.ts'
import { frozen } from './frozen.ts'
import { createLimiter, type Limiter } from './limiter.ts'
import type { PolicySubject } from './policy.ts'
import { type CompiledSchema, compileSchema, type JsonSchemaCompiler } from './schema.ts'
import { hashJson } from './system.ts'
import { aliasOf, handoffName, type NamedTool } from './tool-names.ts'

/** A tool made ready. */
export interface ReadyTool {
  readonly tool: Tool
  readonly input: CompiledSchema
  readonly output: CompiledSchema | undefined
  /** Labels of the data that its results bring into a run. */
  readonly brings: readonly string[] | undefined
  /** Shared by all agents that use the tool; absent when it may run any number of times at once. */
  readonly limiter: Limiter | undefined
}

/** A tool that calls of a front tool are meant for, made ready. */
export interface RoutedTool {
  readonly ready: ReadyTool
  readonly offered: OfferedTool
}

/** An agent made ready: everything that is computed once, at registration, and never per step. */
export interface ReadyAgent {
  readonly agent: Agent
  readonly planner: Planner
  /** Identifies this form of the agent: `name@hash` (S16). */
  readonly hash: string
  readonly tools: ReadonlyMap<string, ReadyTool>
  /** One of its tools stands in front of others. */
  readonly hasFronts: boolean
  readonly offered: ReadonlyMap<string, OfferedTool>
  /** What models are shown for a tool. */
  readonly functions: ReadonlyMap<string, FunctionTool>
  /** What models are shown for all tools of a view; made once for each list. */
  functionsFor(tools: readonly OfferedTool[]): FunctionTool[]
  readonly memories: ReadonlyMap<string, Memory>
  readonly input: CompiledSchema | undefined
  readonly output: CompiledSchema | undefined
  readonly limiter: Limiter | undefined
  /** What planners see of a run, since policy may hide tools from some tenants and callers, and tasks from what is done for them. */
  definitionFor(run: PolicySubject): RunDefinition
}

/** What an agent is made ready with. */
export interface DefinitionContext {
  readonly tools: ReadonlyMap<string, Tool>
  readonly memories: ReadonlyMap<string, Memory>
  readonly agents: ReadonlyMap<string, Agent>
  readonly planner: Planner | undefined
  readonly compiler: JsonSchemaCompiler
  readonly limiters: WeakMap<Tool, Limiter>
  hides(tool: NamedTool, run: PolicySubject): boolean
}

/**
 * Makes an agent ready: resolves names, converts schemas once, hashes the definition.
 *
 * @throws OpspawnError `TOOL_UNKNOWN`, `MEMORY_UNKNOWN`, `AGENT_UNKNOWN`, `NAME_DUPLICATE`, `AGENT_INVALID`,
 * `SCHEMA_NOT_CONVERTIBLE`, `PLUGIN_CAPABILITY_MISSING`
 */
export function prepareAgent(agent: Agent, context: DefinitionContext): ReadyAgent {
  const where = `agent "${agent.name}"`
  const planner = agent.planner ?? context.planner
  if (planner === undefined)
    throw new OpspawnError('AGENT_INVALID', `${where} has no planner and the orchestrator has no default one`)
  requirePlugin(planner)
  const { tools, offered } = offerTools(agent, where, context)
  requireDistinct(where, offered)
  const memories = resolveMemories(agent, where, context)
  requireNeeds(where, planner, agent, memories)
  const output =
    agent.output === undefined ? undefined : compileSchema(agent.output, 'output', `${where}, output`, context.compiler)
  const plainViews = new Map<string, RunDefinition>()
  const callersViews = new Map<string, RunDefinition>()
  const functions = new Map(offered.map((tool) => [tool.name, toFunction(tool)]))
  const shown = new WeakMap<readonly OfferedTool[], FunctionTool[]>()
  return {
    agent,
    planner,
    hash: hashDefinition(agent, planner, offered, output, [...memories.keys()]),
    tools,
    hasFronts: [...tools.values()].some(({ tool }) => tool.route !== undefined),
    offered: new Map(offered.map((tool) => [tool.name, tool])),
    functions,
    functionsFor(visible) {
      let list = shown.get(visible)
      if (list === undefined) {
        list = visible.map((tool) => functions.get(tool.name)).filter((tool) => tool !== undefined)
        shown.set(visible, frozen(list))
      }
      return list
    },
    memories,
    input: agent.input === undefined ? undefined : compileSchema(agent.input, 'input', `${where}, input`, context.compiler),
    output,
    limiter: agent.concurrency === undefined ? undefined : createLimiter(agent.concurrency),
    definitionFor({ tenant, caller, actsFor, rules }) {
      const isPlain = caller === undefined && actsFor === undefined && rules === undefined
      const views = isPlain ? plainViews : callersViews
      const key = isPlain ? tenant : canonicalJson([tenant, caller ?? null, actsFor ?? null, rules ?? null] as unknown as Json)
      let view = views.get(key)
      if (view === undefined) {
        view = {
          instructions: agent.instructions,
          tools: offered.filter((tool) => !context.hides(tool, { agent: agent.name, tenant, caller, actsFor, rules })),
          models: Object.keys(agent.models),
          memories: [...memories.keys()],
          output: output?.jsonSchema,
        }
        // Tenants and callers come from outside: the cache must not grow with them.
        if (views.size < 1000) views.set(key, view)
      }
      return view
    },
  }
}

/** What a model is shown of a tool: the same for every call, so nobody may change it. */
function toFunction({ alias, description, inputSchema }: OfferedTool): FunctionTool {
  return frozen({ type: 'function', name: alias, description, inputSchema })
}

/** The agent's own tools made ready, and all that a planner is offered: these and other agents. */
function offerTools(
  agent: Agent,
  where: string,
  context: DefinitionContext,
): { readonly tools: ReadonlyMap<string, ReadyTool>; readonly offered: readonly OfferedTool[] } {
  const tools = new Map<string, ReadyTool>()
  const offered: OfferedTool[] = []
  for (const entry of agent.tools) {
    const tool = typeof entry === 'string' ? named(context.tools, entry, 'TOOL_UNKNOWN', `${where} lists tool`) : entry
    const ready = prepareTool(tool, context)
    tools.set(tool.name, ready)
    offered.push(offerTool(ready))
  }
  for (const delegate of agent.delegates) {
    const target = named(context.agents, delegate.agent, 'AGENT_UNKNOWN', `${where} may call agent`)
    offered.push(offerDelegate(delegate, target, context))
  }
  return { tools, offered }
}

/** What a planner is offered of a tool. */
export function offerTool({ tool, input }: ReadyTool): OfferedTool {
  const { name, description, effect, labels = [] } = tool
  return { name, alias: aliasOf(name), description, inputSchema: input.jsonSchema, effect, labels }
}

function resolveMemories(agent: Agent, where: string, context: DefinitionContext): ReadonlyMap<string, Memory> {
  const memories = new Map<string, Memory>()
  for (const entry of agent.memories) {
    const memory = typeof entry === 'string' ? named(context.memories, entry, 'MEMORY_UNKNOWN', `${where} has memory`) : entry
    requirePlugin(memory)
    memories.set(memory.name, memory)
  }
  return memories
}

/** Makes a tool ready. @throws OpspawnError `SCHEMA_NOT_CONVERTIBLE`, `PLUGIN_INVALID`, and what `requireTool` throws */
export function prepareTool(tool: Tool, context: DefinitionContext): ReadyTool {
  requirePlugin(tool)
  requireTool(tool)
  const where = `tool "${tool.name}"`
  let limiter = context.limiters.get(tool)
  if (limiter === undefined && tool.concurrency !== undefined) {
    limiter = createLimiter(tool.concurrency)
    context.limiters.set(tool, limiter)
  }
  const input = compileSchema(tool.input, 'input', where, context.compiler)
  requireObject(where, input.jsonSchema)
  return {
    tool,
    input,
    output: tool.output === undefined ? undefined : compileSchema(tool.output, 'output', `${where}, output`, context.compiler),
    brings: brought(tool),
    limiter,
  }
}

/** Models send the arguments of a call as an object, whatever a schema says. */
function requireObject(where: string, { type }: JsonObject): void {
  if (type === undefined || type === 'object' || (Array.isArray(type) && type.includes('object'))) return
  throw new OpspawnError(
    'OPTIONS_INVALID',
    `${where}: its input is of type ${show(type)}, but models can only send objects; make it a member of one`,
  )
}

function brought(tool: Tool): readonly string[] | undefined {
  const labels = tool.labels?.filter((label) => label !== 'outbound')
  return labels === undefined || labels.length === 0 ? undefined : labels
}

const TEXT_INPUT: JsonObject = {
  type: 'object',
  properties: { input: { type: 'string', description: 'What the agent is asked to do, in full: it sees nothing else.' } },
  required: ['input'],
  additionalProperties: false,
}

function offerDelegate(delegate: Agent['delegates'][number], target: Agent, context: DefinitionContext): OfferedTool {
  const handoff = delegate.handoff ?? false
  const text = target.input === undefined
  const name = handoff ? handoffName(target.name) : target.name
  return {
    name,
    alias: aliasOf(name),
    description: delegate.description ?? target.description ?? `Agent ${target.name}.`,
    inputSchema:
      target.input === undefined
        ? TEXT_INPUT
        : compileSchema(target.input, 'input', `agent "${target.name}", input`, context.compiler).jsonSchema,
    // A child run has its own history: asking for it twice finds the same one.
    effect: 'idempotent',
    labels: [],
    delegate: { agent: target.name, handoff, text },
  }
}

function named<T>(
  registered: ReadonlyMap<string, T>,
  name: string,
  code: 'TOOL_UNKNOWN' | 'MEMORY_UNKNOWN' | 'AGENT_UNKNOWN',
  what: string,
): T {
  const found = registered.get(name)
  if (found === undefined) {
    const known = [...registered.keys()].toSorted().join(', ')
    throw new OpspawnError(code, `${what} "${name}", which is not registered${known === '' ? '' : `; registered are ${known}`}`, {
      details: { name },
    })
  }
  return found
}

function requireDistinct(where: string, offered: readonly OfferedTool[]): void {
  const seen = new Map<string, string>()
  for (const { alias, name } of offered) {
    const other = seen.get(alias)
    if (other !== undefined) {
      throw new OpspawnError(
        'NAME_DUPLICATE',
        `${where}: "${other}" and "${name}" would both be called "${alias}" before a model`,
        { details: { name } },
      )
    }
    seen.set(alias, name)
  }
}

function requireNeeds(where: string, planner: Planner, agent: Agent, memories: ReadonlyMap<string, Memory>): void {
  for (const need of planner.requires ?? []) {
    const present = need === 'model' ? Object.keys(agent.models).length > 0 : memories.size > 0
    if (!present)
      throw new OpspawnError(
        'PLUGIN_CAPABILITY_MISSING',
        `${where}: planner "${planner.name}" needs a ${need} and the agent has none`,
      )
  }
}

function hashDefinition(
  agent: Agent,
  planner: Planner,
  offered: readonly OfferedTool[],
  output: CompiledSchema | undefined,
  memories: readonly string[],
): string {
  const definition = {
    name: agent.name,
    instructions: agent.instructions ?? '',
    planner: `${planner.name}@${planner.version ?? '1'}`,
    models: Object.entries(agent.models).map(([name, model]) => [name, describeModel(model)]),
    tools: offered.map(({ name, description, inputSchema, effect, labels }) => ({
      name,
      description,
      inputSchema,
      effect,
      labels,
    })),
    output: output?.jsonSchema ?? null,
    // Planners see them; without any the hash is what it was before they did.
    ...(memories.length === 0 ? undefined : { memories }),
  }
  return hashJson(definition as unknown as Json).slice(0, 16)
}

function describeModel(model: Model): string {
  return `${model.provider}/${model.modelId}`
}
