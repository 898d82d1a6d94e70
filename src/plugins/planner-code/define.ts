import { createHash } from 'node:crypto'
import {
  type Agent,
  type Decision,
  type Delegate,
  type InferInput,
  type InferOutput,
  type Json,
  OpspawnError,
  type Planner,
  type RunLimits,
  type RunView,
  type Schema,
  type Tool,
  toFailure,
} from '../../core/index.ts'
import type { WorkflowFunction } from './context.ts'
import { CodeExecution } from './execution.ts'

/** What a workflow in code is made of. */
export interface CodeWorkflowOptions<I extends Schema = Schema, O extends Schema = Schema> {
  /** Registered like an agent's name. */
  readonly name: string
  /** What it is for, shown to agents that may call it. */
  readonly description?: string
  /** Checked at the start. @default any JSON */
  readonly input?: I
  /** Checked at the end. @default any JSON */
  readonly output?: O
  /** Tools, or names of registered ones, that the function may call. */
  readonly tools?: readonly (Tool | string)[]
  /** Agents and workflows, or names of registered ones, that it may run. */
  readonly agents?: readonly (Agent | string)[]
  /** @default 100,000 decisions, and what the engine gives else */
  readonly limits?: RunLimits
  /** Part of the definition's hash; raise it when the function does something else. @default follows from the function's text */
  readonly version?: string
  /** What it can do, for tasks that ask for an ability instead of a name. */
  readonly capabilities?: readonly string[]
}

const MEMBERS: readonly string[] = [
  'name',
  'description',
  'input',
  'output',
  'tools',
  'agents',
  'limits',
  'version',
  'capabilities',
]

/**
 * Makes a workflow of an ordinary asynchronous function. It reaches the world through `ctx` alone; after a crash it is run anew
 * over the outcomes that the history holds, and goes on where it was.
 *
 * @throws OpspawnError `OPTIONS_INVALID`
 */
export function defineWorkflow<I extends Schema = Schema<Json>, O extends Schema = Schema<unknown>>(
  options: CodeWorkflowOptions<I, O>,
  run: WorkflowFunction<InferOutput<I>, InferInput<O>>,
): Agent<InferInput<I>, InferOutput<O>> {
  const unknown = Object.keys(options).find((member) => !MEMBERS.includes(member))
  if (unknown !== undefined)
    throw new OpspawnError('OPTIONS_INVALID', `defineWorkflow has no member "${unknown}"; it may have ${MEMBERS.join(', ')}`)
  if (typeof run !== 'function')
    throw new OpspawnError(
      'OPTIONS_INVALID',
      `defineWorkflow needs the workflow's function as its second argument, not ${typeof run}`,
    )
  const { name, description, input, output, tools = [], agents = [], limits, version, capabilities } = options
  const delegates = agents.map((agent): Delegate => ({ agent: typeof agent === 'string' ? agent : agent.name }))
  const made: Agent = {
    spec: 'agent/1',
    name,
    description,
    planner: codePlanner(run as WorkflowFunction<Json, unknown>, version),
    models: {},
    tools,
    delegates,
    memories: [],
    input,
    output,
    limits: { decisions: 100_000, repairs: 0, ...limits },
    capabilities,
  }
  return made as Agent<InferInput<I>, InferOutput<O>>
}

/** An execution with the decision that was made at it. */
interface Place {
  readonly execution: CodeExecution
  decisions: number
  settled: number
  decision: Decision
}

/** The planner behind {@link defineWorkflow}, for agents that are put together by hand. */
export function codePlanner(run: WorkflowFunction<Json, unknown>, version?: string): Planner {
  // A cache: where a view is new, or is not where it was left, the function is run anew over it.
  const places = new WeakMap<RunView, Place>()
  const text = createHash('sha256').update(String(run)).digest('hex').slice(0, 16)
  return {
    spec: 'planner/1',
    name: 'code',
    version: version ?? `1 ${text}`,
    reactive: true,
    async decide(view) {
      if (view.rejectedNow) return rejected(view)
      const place = places.get(view)
      if (place !== undefined && isAt(place, view)) return place.decision
      const { decisions } = view
      const settled = view.settled.length
      // While it is gone on with, nothing is kept: a decision that is given up must not be taken for one that was made.
      places.delete(view)
      const execution = place !== undefined && isNext(place, view) ? place.execution : new CodeExecution(view)
      if (execution !== place?.execution) {
        await execution.start(run)
        await execution.feed(settled)
        execution.checkAll()
      } else await execution.feed(settled)
      const decision = decideAt(execution, view)
      places.set(view, { execution, decisions, settled, decision })
      return decision
    },
  }
}

function isAt({ decisions, settled }: Place, view: RunView): boolean {
  return decisions === view.decisions && settled === view.settled.length
}

function isNext({ decisions, settled, decision }: Place, view: RunView): boolean {
  return view.decisions === decisions + (decision.type === 'act' ? 1 : 0) && view.settled.length >= settled
}

function decideAt(execution: CodeExecution, view: RunView): Decision {
  const { fault, end, news } = execution
  if (fault !== undefined) return { type: 'fail', error: toFailure(fault, 'PLANNER_FAILED'), ...news }
  if (end !== undefined) {
    if ('input' in end) return { type: 'continue', input: end.input }
    if ('output' in end) return { type: 'finish', output: (end.output ?? null) as Json, ...news }
    return { type: 'fail', error: toFailure(end.thrown, 'PLANNER_FAILED'), ...news }
  }
  const effects = execution.take(view.limits.effects)
  if (effects.length > 0) return { type: 'act', effects, ...news }
  if (view.open > 0) return { type: 'idle' }
  const text =
    'the workflow function waits, and nothing that it asked for through ctx is open. It waits for something else, such as a timer or a request: make that a tool'
  return { type: 'fail', error: toFailure(new OpspawnError('PLANNER_FAILED', text), 'PLANNER_FAILED') }
}

function rejected(view: RunView): Decision {
  const issues = view.rejected.at(-1)?.issues ?? []
  const text = issues.map(({ path, message }) => `${path}: ${message}`).join('; ')
  const error = new OpspawnError('OUTPUT_INVALID', `the output of the workflow does not fit its schema: ${text}`)
  return { type: 'fail', error: toFailure(error, 'OUTPUT_INVALID') }
}
