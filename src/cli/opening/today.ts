import type { Agent } from '../../core/index.ts'
import type { LocalOptions } from '../../index.ts'
import type { ReplayOptions } from '../../orchestrator/index.ts'
import { type Parts, withParts } from './parts.ts'

/** The agents of today, and what they are made ready with. */
export interface Today {
  readonly agents: readonly Agent[]
  readonly options: Omit<ReplayOptions, 'agents'>
}

/** Gathers what a configuration, and workflow documents beside it, register today; undone again before `use` resolves. */
export function withToday<T>(options: LocalOptions, workflows: readonly Agent[], use: (today: Today) => Promise<T>): Promise<T> {
  return withParts(options, async (parts) =>
    use({ agents: [...parts.agents, ...workflows], options: await composed(options, parts) }),
  )
}

async function composed({ planner, policy }: LocalOptions, { plugins, rules }: Parts): Promise<Today['options']> {
  // As `createOrchestrator` of `opspawn` composes them.
  const given = planner ?? plugins.find((plugin) => plugin.spec === 'planner/1')
  const standard = given ?? (await import('../../plugins/planner-tools/index.ts')).toolsPlanner()
  return {
    // What is no part at all stays, to be refused.
    plugins: plugins.filter(({ spec }) => !APART.includes(spec)),
    planner: standard,
    policy: { ...policy, rules: [...(policy?.rules ?? []), ...rules] },
  }
}

/** Nothing of an agent's definition comes from these; the planner is handed over by itself. */
const APART: readonly string[] = ['store/1', 'scheduler/1', 'planner/1', 'extension/1']
