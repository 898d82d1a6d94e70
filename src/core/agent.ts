import type { RunLimits } from './budget.ts'
import type { Gate } from './gate.ts'
import type { Memory } from './memory.ts'
import type { Model, ModelSettings } from './model.ts'
import type { Planner } from './planner.ts'
import type { InferInput, InferOutput, Schema } from './schema.ts'
import type { RetryPolicy, Tool } from './tool.ts'

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
  /** Marks an agent, and the version of its contract. */
  readonly spec: 'agent/1'
  /** Unique among the agents of an orchestrator. 1 to 64 letters, digits, `_`, `-` and `.`, beginning with neither of the last two. */
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
  /** Agents that it may call like tools or hand over to; empty: none. */
  readonly delegates: readonly Delegate[]
  /** Memories, or names of registered ones; the first is the default. */
  readonly memories: readonly (Memory | string)[]
  /** Checked at `start`. @default any JSON */
  readonly input?: Schema<Input> | undefined
  /** Checked at the end, with one turn to mend it. @default any JSON */
  readonly output?: Schema<Output> | undefined
  /** Of each of its runs. What is not given has the default of {@link RunLimits}. */
  readonly limits: RunLimits
  /** Runs of this agent at once in this process. */
  readonly concurrency?: number | undefined
  /** Bounds on its runs in all workers together, kept by the store; no caller can loosen them. At most one of each `by`. */
  readonly gates?: readonly Gate[] | undefined
  /** For every model call that does not say otherwise. */
  readonly settings?: ModelSettings | undefined
  /** Longest model call in milliseconds. @default the orchestrator's `timing.modelMs` */
  readonly modelTimeoutMs?: number | undefined
  /** Of model calls. */
  readonly retry?: RetryPolicy | undefined
  /**
   * It is but a form of the agents that call it, such as code that one of them has written: in its child runs rules about the
   * caller hold as well as those about itself, and what is allowed to it alone is not allowed. @default false
   */
  readonly asCaller?: boolean | undefined
  /** What it can do, for tasks that ask for an ability instead of a name. */
  readonly capabilities?: readonly string[] | undefined
}

type AgentMembers = { readonly [K in keyof Omit<Agent, 'name' | 'models' | 'input' | 'output'>]?: Agent[K] | undefined }

/** What {@link defineAgent} takes: an agent's members, with shorter forms for some. */
export interface AgentOptions<I extends Schema = Schema, O extends Schema = Schema> extends AgentMembers {
  /** See {@link Agent.name}. */
  readonly name: string
  /** The only model, or the one called `default`. */
  readonly model?: Model | undefined
  /** By name. `model` is put beside them as `default`, in the place of one of that name. */
  readonly models?: Readonly<Record<string, Model>> | undefined
  /** Agents to call like tools: by value, by name, or with details. */
  readonly agents?: readonly (Agent | string | Delegate)[] | undefined
  /** The memory, or several with the default one first; takes the place of `memories`. */
  readonly memory?: Memory | string | readonly (Memory | string)[] | undefined
  /** Schema of what runs are started with; without one the type is text, and any JSON is accepted. */
  readonly input?: I | undefined
  /** Schema of what runs give; without one the type is text, which the planners of this package give, and nothing is checked. */
  readonly output?: O | undefined
}

/**
 * Makes an agent, its input and output types inferred from the schemas. It is checked where it is registered; the
 * `defineAgent` of `opspawn` checks it at once.
 */
export function defineAgent<I extends Schema = Schema<string, string>, O extends Schema = Schema<string, string>>(
  options: AgentOptions<I, O>,
): Agent<InferInput<I>, InferOutput<O>> {
  const { model, models, agents = [], memory, tools = [], limits = {}, delegates = [], memories = [], ...rest } = options
  return {
    ...rest,
    spec: 'agent/1',
    models: model === undefined ? { ...models } : { ...models, default: model },
    tools,
    delegates: [...delegates, ...agents].map(toDelegate),
    memories: memory === undefined ? memories : [memory].flat(),
    limits,
  } as Agent<InferInput<I>, InferOutput<O>>
}

function toDelegate(entry: Agent | string | Delegate): Delegate {
  if (typeof entry === 'string') return { agent: entry }
  return 'spec' in entry ? { agent: entry.name } : entry
}
