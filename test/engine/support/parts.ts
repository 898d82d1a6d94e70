import {
  type Decision,
  defineTool,
  type Effect,
  type Json,
  type JsonSchema,
  jsonSchema,
  type Planner,
  type RunView,
  type Tool,
  type ToolContext,
  type ToolOptions,
} from '../../../src/index.ts'

/** A promise that is settled from outside. */
export interface Gate<T = void> {
  readonly promise: Promise<T>
  open(value: T): void
  fail(error: unknown): void
}

/** Makes a gate. */
export function gate<T = void>(): Gate<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  promise.catch(() => {})
  return { promise, open: resolve, fail: reject }
}

/** Input of any shape. */
export const ANYTHING: JsonSchema<Record<string, Json>> = jsonSchema<Record<string, Json>>({ type: 'object' })

/** A tool that notes each call of its body. */
export interface NotingTool extends Tool<Record<string, Json>, unknown> {
  readonly calls: { readonly input: Record<string, Json>; readonly context: ToolContext }[]
}

type Body = (input: Record<string, Json>, context: ToolContext) => unknown

/** Makes a tool whose calls can be counted. */
export function noting(
  name: string,
  body: Body = () => `${name} done`,
  options: Partial<Omit<ToolOptions<typeof ANYTHING, unknown>, 'name' | 'execute' | 'input'>> = {},
): NotingTool {
  const calls: { input: Record<string, Json>; context: ToolContext }[] = []
  const tool = defineTool({
    name,
    description: `Does ${name}.`,
    input: ANYTHING,
    effect: 'pure',
    ...options,
    execute(input, context) {
      calls.push({ input, context })
      return body(input, context)
    },
  })
  return { ...tool, calls }
}

/** A body that never returns, whatever its signal says. */
export function never(): Promise<never> {
  return new Promise(() => {})
}

/** A body that rejects when its signal fires. */
export function untilAborted(_input: unknown, { signal }: { readonly signal: AbortSignal }): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

/** A planner made of a function. */
export function planner(decide: (run: RunView) => Decision, options: { readonly reactive?: boolean } = {}): Planner {
  return { spec: 'planner/1', name: 'test', decide, ...options }
}

/** A planner that asks for these effects, one decision after the other, and finishes with the outcomes of the last. */
export function stepsPlanner(...decisions: readonly (readonly Effect[])[]): Planner {
  return planner((run) => {
    if (run.open > 0) return { type: 'idle' }
    const effects = decisions[run.decisions]
    if (effects !== undefined) return { type: 'act', effects }
    return { type: 'finish', output: run.latest.map((record) => summary(record.outcome)) }
  })
}

function summary(outcome: RunView['settled'][number]['outcome']): Json {
  if (outcome === undefined) return null
  return outcome.status === 'completed' ? outcome.value : `${outcome.status}: ${outcome.error.code}`
}

/** A tool effect. */
export function call(tool: string, input: Json = {}, key: string = tool): Effect {
  return { kind: 'tool', key, tool, input }
}

/** A run effect. */
export function child(agent: string, input: Json = 'go', key: string = agent): Effect {
  return { kind: 'run', key, agent, input }
}

/** A model effect that asks one thing. */
export function ask(text: string, key: string = 'model'): Effect {
  return { kind: 'model', key, messages: [{ role: 'user', content: [{ type: 'text', text }] }] }
}
