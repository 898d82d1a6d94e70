/** Agents, rules and calls that tests of rules of tasks share. */
import { expect } from 'vitest'
import {
  type Agent,
  defineAgent,
  type Effect,
  type Json,
  type Policy,
  type PolicyRule,
  type RunEvent,
  type Run,
  type RunOutcome,
  type RunRecord,
  type TaskRule,
  type Tool,
} from '../../../src/index.ts'
import { call, child, stepsPlanner } from './parts.ts'
import { historyOf, now, world, type World } from './world.ts'

export const NO_PAYING: TaskRule = { name: 'no paying', verdict: 'deny', tool: 'pay', arguments: { '/to': { exists: true } } }
export const HIDDEN: TaskRule = { name: 'no paying', verdict: 'deny', tool: 'pay' }
export const ASK: TaskRule = { name: 'ask first', verdict: 'ask', tool: 'pay' }
export const PAY: Effect = call('pay', { to: 'ada' }, 'it')

export const under = (effect: Effect, rules: readonly PolicyRule[], task?: string): Effect =>
  ({ ...effect, rules, ...(task === undefined ? undefined : { task }) }) as Effect

export const agentOf = (name: string, tools: readonly (Tool | string)[], ...steps: readonly (readonly Effect[])[]): Agent =>
  defineAgent({ name, tools, planner: stepsPlanner(...steps) }) as unknown as Agent

/** An agent that runs another one as a task, under rules. */
export const boss = (of: string, rules: readonly TaskRule[], name = 'boss', agents: readonly string[] = [of]): Agent =>
  defineAgent({ name, agents, planner: stepsPlanner([under(child(of), rules, `of-${of}`)]) }) as unknown as Agent

/** Runs the first of some agents to its end, or until it waits. */
export async function ran(
  agents: readonly Agent[],
  policy?: Policy,
): Promise<World & { readonly run: Run; readonly outcome: RunOutcome | undefined; readonly events: readonly RunEvent[] }> {
  const made = await world({ agents, ...(policy === undefined ? undefined : { policy }) })
  const run = await made.ops.start(agents[0]?.name ?? '', 'go')
  const outcome = await now(made.clock, run.result)
  return { ...made, run, outcome, events: outcome === undefined ? [] : await historyOf(made.ops, run.id) }
}

export const completed = (...output: readonly Json[]): RunOutcome => ({ status: 'completed', output })
export const asText = (...output: readonly Json[]): RunOutcome => ({ status: 'completed', output: [output] })

/** The only child of a run. */
export async function childOf({ ops }: Pick<World, 'ops'>, parentId: string): Promise<RunRecord> {
  const { runs } = await ops.list({ parentId })
  expect(runs).toHaveLength(1)
  return runs[0] as RunRecord
}
