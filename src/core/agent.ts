import type { RunLimits } from './budget.ts'
import { requireLimits } from './budget.ts'
import { OpspawnError } from './errors.ts'
import type { Memory } from './memory.ts'
import type { Model, ModelSettings } from './model.ts'
import type { Planner } from './planner.ts'
import type { InferInput, InferOutput, Schema } from './schema.ts'
import { named, requireName, requireShape, type Shape, show } from './require.ts'
import { requireRetry, type RetryPolicy, type Tool } from './tool.ts'

/** Another agent that an agent may call like a tool, or hand the conversation over to. */
export interface Delegate {
  /** Name of a registered agent; models see it as a tool of that name, and as `transfer_to_<name>` where it is a handoff. */
  readonly agent: string
  /** What the model sees. @default the agent's own description */
  readonly description?: string
  /** The other agent takes over: it gets the conversation, and its output is the run's output. @default false */
  readonly handoff?: boolean
}

/** An agent: plain data that names what it is made of. */
export interface Agent<Input = unknown, Output = unknown> {
  readonly spec: 'agent/1'
  readonly name: string
  /** What it is for, shown to agents that may call it. */
  readonly description?: string | undefined
  /** The system prompt. Nothing is ever added to it in secret. */
  readonly instructions?: string | undefined
  /** @default the orchestrator's default planner */
  readonly planner?: Planner | undefined
  /** By name; the one called `default` is used where an effect names none. */
  readonly models: Readonly<Record<string, Model>>
  /** Tools, or names of tools registered with the orchestrator. */
  readonly tools: readonly (Tool | string)[]
  readonly delegates: readonly Delegate[]
  /** Memories, or names of registered ones; the first is the default. */
  readonly memories: readonly (Memory | string)[]
  /** Checked at `start`. @default any JSON */
  readonly input?: Schema<Input> | undefined
  /** Checked at the end, with one turn to mend it. @default any JSON */
  readonly output?: Schema<Output> | undefined
  readonly limits: RunLimits
  /** Runs of this agent at once in this process. */
  readonly concurrency?: number | undefined
  /** For every model call that does not say otherwise. */
  readonly settings?: ModelSettings | undefined
  /** Longest model call in milliseconds. @default 300_000 */
  readonly modelTimeoutMs?: number | undefined
  /** Of model calls. */
  readonly retry?: RetryPolicy | undefined
  /** What it can do, for tasks that ask for an ability instead of a name. */
  readonly capabilities?: readonly string[] | undefined
}

/** What {@link defineAgent} takes: an agent's members, with shorter forms for some. */
export interface AgentOptions<I extends Schema = Schema, O extends Schema = Schema> extends Partial<
  Omit<Agent, 'name' | 'models' | 'input' | 'output'>
> {
  readonly name: string
  /** The only model, or the one called `default`. */
  readonly model?: Model
  readonly models?: Readonly<Record<string, Model>>
  /** Agents to call like tools: by value, by name, or with details. */
  readonly agents?: readonly (Agent | string | Delegate)[]
  readonly memory?: Memory | string | readonly (Memory | string)[]
  readonly input?: I
  readonly output?: O
}

/**
 * Makes an agent, its input and output types inferred from the schemas.
 *
 * @throws OpspawnError `NAME_INVALID`, `AGENT_INVALID`, `MODEL_UNSUPPORTED`, `NAME_DUPLICATE`, `LIMIT_INVALID`
 */
export function defineAgent<I extends Schema = Schema<string>, O extends Schema = Schema<string>>(
  options: AgentOptions<I, O>,
): Agent<InferInput<I>, InferOutput<O>> {
  requireShape(named('agent', options, 'defineAgent'), options, GIVEN, 'AGENT_INVALID')
  const { model, models, agents = [], memory, tools = [], limits = {}, delegates = [], memories = [], ...rest } = options
  const where = `agent ${show(options.name)}`
  if (model !== undefined && models?.['default'] !== undefined) {
    throw new OpspawnError('AGENT_INVALID', `${where} has both model and models.default; give one`)
  }
  const agent = {
    ...rest,
    spec: 'agent/1',
    models: model === undefined ? { ...models } : { ...models, default: model },
    tools,
    delegates: [...delegates, ...agents].map((entry) => toDelegate(where, entry)),
    memories: memory === undefined ? memories : isList(memory) ? memory : [memory],
    limits,
  } as Agent<InferInput<I>, InferOutput<O>>
  requireAgent(agent)
  return agent
}

const AGENT: Shape = {
  spec: 'text',
  name: 'any',
  description: 'text?',
  instructions: 'text?',
  planner: 'object?',
  models: 'object',
  tools: 'list',
  input: 'any?',
  output: 'any?',
  limits: 'any',
  concurrency: 'whole?',
  settings: 'object?',
  modelTimeoutMs: 'positive?',
  retry: 'any?',
  capabilities: 'list?',
}
/** What `defineAgent` takes: also a whole agent, so that one can be made from another by spreading. */
const GIVEN: Shape = {
  ...AGENT,
  spec: 'any?',
  models: 'object?',
  tools: 'list?',
  limits: 'any?',
  model: 'any?',
  agents: 'list?',
  memory: 'any?',
  delegates: 'list?',
  memories: 'list?',
}

/**
 * Checks an agent, however it was made.
 *
 * @throws OpspawnError `NAME_INVALID`, `AGENT_INVALID`, `MODEL_UNSUPPORTED`, `NAME_DUPLICATE`, `LIMIT_INVALID`, `OPTIONS_INVALID`
 */
export function requireAgent(agent: Agent): void {
  requireName('agent', agent.name)
  const where = `agent "${agent.name}"`
  requireShape(where, agent, { ...AGENT, delegates: 'list', memories: 'list' }, 'AGENT_INVALID', true)
  for (const [name, model] of Object.entries(agent.models)) {
    requireName('model', name)
    requireModel(`${where}, model "${name}"`, model)
  }
  requireLimits(where, agent.limits)
  requireRetry(where, agent.retry)
  const seen = new Set<string>()
  for (const tool of [...agent.tools, ...agent.memories]) {
    const name = typeof tool === 'string' ? tool : (tool as { name?: unknown } | null | undefined)?.name
    if (typeof name !== 'string')
      throw new OpspawnError('AGENT_INVALID', `${where} lists ${show(tool)}, which is neither a part nor the name of one`)
    if (seen.has(name)) throw new OpspawnError('NAME_DUPLICATE', `${where} lists "${name}" twice`, { details: { name } })
    seen.add(name)
  }
}

function toDelegate(where: string, entry: Agent | string | Delegate): Delegate {
  if (typeof entry === 'string') return { agent: entry }
  if (typeof entry === 'object' && entry !== null && 'spec' in entry) return { agent: entry.name }
  requireShape(`${where}, agents`, entry, { agent: 'text', description: 'text?', handoff: 'flag?' }, 'AGENT_INVALID')
  return entry
}

/** Checks that a value is a model. @throws OpspawnError `MODEL_UNSUPPORTED` */
export function requireModel(where: string, value: unknown): asserts value is Model {
  const model = (typeof value === 'object' || typeof value === 'function' ? value : undefined) as
    | Partial<Model>
    | null
    | undefined
  if (model?.specificationVersion === 'v4' && typeof model.doGenerate === 'function' && typeof model.doStream === 'function')
    return
  const found =
    typeof value === 'string'
      ? `the string "${value}"; there is no default gateway, pass a model object`
      : `specification version ${JSON.stringify(model?.specificationVersion) ?? 'none'}`
  throw new OpspawnError(
    'MODEL_UNSUPPORTED',
    `${where} must be an AI SDK LanguageModelV4, found ${found}; lift V2 and V3 models with aiSdkModel() of opspawn/plugins/model-ai-sdk`,
  )
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value)
}
