import {
  type Agent,
  type Memory,
  type MemoryRecord,
  type MemoryScope,
  type ModelCallOptions,
  type Planner,
  type RunEvent,
  type StartOptions,
} from '../../../src/index.ts'
import { inProcessMemory } from '../../../src/plugins/memory-in-process/index.ts'
import { planExecutePlanner } from '../../../src/plugins/planner-plan-execute/index.ts'
import { reactPlanner } from '../../../src/plugins/planner-react/index.ts'
import { type MemoryOptions, toolsPlanner } from '../../../src/plugins/planner-tools/index.ts'
import { manualClock, promptText } from '../../../src/testing/index.ts'
import { historyOf, outcomeOf, world } from './world.ts'

const PLAN = '{"steps":[{"id":"a","goal":"think"}]}'
/** An answer as ReAct wants it. */
export const FINAL: string = 'Thought: ok\nFinal Answer: Noted.'

/** The three planners with a script that ends a run with `Noted.`, and the model calls that it takes. */
export const planners: readonly (readonly [string, (memory?: false | MemoryOptions) => Planner, readonly string[]])[] = [
  ['tools', (memory) => toolsPlanner(given(memory)), ['Noted.']],
  ['react', (memory) => reactPlanner(given(memory)), [FINAL]],
  ['plan-execute', (memory) => planExecutePlanner(given(memory)), [PLAN, 'thought', 'Noted.']],
]

/** The options of a planner. */
export function given(memory?: false | MemoryOptions): { readonly memory?: false | MemoryOptions } {
  return memory === undefined ? {} : { memory }
}

/** A memory without anything in it. */
export const quiet = (): Memory => inProcessMemory({ clock: manualClock() })

/** What the agent `guide` has kept in a scope. */
export async function records(memory: Memory, scope: Partial<MemoryScope> = {}): Promise<readonly MemoryRecord[]> {
  const handle = memory.bind({ tenant: 'default', agent: 'guide', ...scope })
  return (await handle.list({ limit: 200 })).records
}

/** A run that has ended. */
export interface Played {
  readonly history: readonly RunEvent[]
  readonly outcome: unknown
  readonly runId: string
}

/** Plays runs of one agent, one after the other. */
export async function play(
  agent: Agent,
  ...starts: readonly (readonly [input: string, options?: StartOptions])[]
): Promise<Played[]> {
  const { ops, clock } = await world({ agents: [agent] })
  const all: Played[] = []
  for (const [input, options] of starts) {
    const run = await ops.start(agent.name, input, options)
    const outcome = await outcomeOf(clock, run)
    all.push({ history: await historyOf(ops, run.id), outcome, runId: run.id })
  }
  return all
}

/** The block that tells what is remembered, as a prompt has it. */
export function blockOf(call: { readonly options: Pick<ModelCallOptions, 'prompt'> } | undefined): string | undefined {
  return call === undefined ? undefined : /<memory>.*?<\/memory>/s.exec(promptText(call.options))?.[0]
}
