import { type Agent, type Delegate, type Json, jsonSchema, OpspawnError, type RunLimits, type Tool } from '../../core/index.ts'
import { toolDeclarations } from './declarations.ts'
import { requireMembers, sandboxLimits, type SandboxLimits } from './limits.ts'
import type { Sandbox } from './port.ts'
import { quickjsSandbox } from './quickjs-sandbox.ts'
import { scriptPlanner } from './script-planner.ts'

/** What `codeMode` takes. */
export interface CodeModeOptions {
  /** Of the agent; models see it as a tool of that name. */
  readonly name: string
  /** What scripts may call. Of a tool given by name alone, models are told nothing but the name. */
  readonly tools?: readonly (Tool | string)[]
  /** Agents, or names of registered ones, that scripts may call as they call tools. Handoffs are none of them. */
  readonly agents?: readonly (Agent | string)[]
  /** Of each script. */
  readonly limits?: Partial<SandboxLimits>
  /** Of each run, its children included. @default what the engine gives */
  readonly runLimits?: RunLimits
  /** Shown to models before the declarations. @default a text that tells how to write a script */
  readonly description?: string
  /** Where scripts run. @default a `quickjsSandbox()` of its own */
  readonly sandbox?: Sandbox
}

/**
 * The input of an agent that carries out scripts.
 *
 * @property code Body of an asynchronous function.
 */
export type CodeModeInput = { readonly code: string }

/**
 * What a script gave. `console` is there when it wrote something.
 *
 * @property result What it returned.
 * @property console What it wrote, line by line.
 */
export type CodeModeOutput = { readonly result: Json; readonly console?: readonly string[] }

const MEMBERS = ['name', 'tools', 'agents', 'limits', 'runLimits', 'description', 'sandbox']

/**
 * Makes an agent that carries out scripts: give it to another agent as one of its `agents`, and its model can call many tools in
 * one turn by writing JavaScript. Each call of a script is a tool effect of the script's run: recorded, held against the policy,
 * approved, budgeted and cancelled like any other, and not made again when the script is run anew after a crash.
 *
 * @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID`
 */
export function codeMode(options: CodeModeOptions): Agent<CodeModeInput, CodeModeOutput> {
  requireMembers('options of codeMode', options, MEMBERS)
  const {
    name,
    tools = [],
    agents = [],
    limits = {},
    runLimits = {},
    sandbox = quickjsSandbox({ warm: 0, waiting: 10_000 }),
  } = options
  if (!Array.isArray(tools) || !Array.isArray(agents))
    throw new OpspawnError('OPTIONS_INVALID', 'codeMode: tools and agents must be lists')
  const all = sandboxLimits(limits)
  const { description = usage(all) } = options
  const declared = toolDeclarations([...tools, ...(agents as readonly (Agent | string)[]).map(agentTool)])
  return {
    spec: 'agent/1',
    name,
    description: `${description}\n\n${declared}`,
    planner: scriptPlanner(sandbox, all),
    models: {},
    tools,
    delegates: (agents as readonly (Agent | string)[]).map((agent): Delegate => ({
      agent: typeof agent === 'string' ? agent : agent.name,
    })),
    memories: [],
    asCaller: true,
    input: jsonSchema<CodeModeInput>({
      type: 'object',
      properties: { code: { type: 'string', description: 'Body of an async function.' } },
      required: ['code'],
      additionalProperties: false,
    }),
    limits: { repairs: 0, ...runLimits },
  }
}

function usage({ calls }: SandboxLimits): string {
  return `Runs JavaScript and gives { result, console }. code is the body of an async function: await the tools below, in parallel where it helps, and return JSON. At most ${calls} calls. A tool that fails throws an error with code and message. There is nothing else: no imports, network, files or timers.`
}

/** An agent as the tool that scripts see: one without an input schema takes a text. */
function agentTool(agent: Agent | string): Parameters<typeof toolDeclarations>[0][number] {
  if (typeof agent === 'string') return agent
  const text = { type: 'object', properties: { input: { type: 'string' } }, required: ['input'], additionalProperties: false }
  const { name, description = `Agent ${name}.`, input = jsonSchema(text), output = jsonSchema({ type: 'string' }) } = agent
  return { name, description, input, output }
}
