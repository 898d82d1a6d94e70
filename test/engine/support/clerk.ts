import { type Agent, defineAgent, type Run } from '../../../src/index.ts'
import { call, noting, type NotingTool, stepsPlanner } from './parts.ts'
import { until, world, type World } from './world.ts'

/** An agent that calls this tool once, under the key `it`. */
export function clerk(tool: NotingTool): Agent {
  return defineAgent({
    name: 'clerk',
    tools: [tool],
    planner: stepsPlanner([call(tool.name, { to: 'ada' }, 'it')]),
  }) as unknown as Agent
}

/** A run that waits for a person. */
export interface Asked extends World {
  readonly run: Run
  readonly tool: NotingTool
}

/** A run of the clerk that waits for a person. */
export async function asked(
  tool: NotingTool = noting('send', undefined, { approval: true, effect: 'unsafe' }),
  options: object = {},
): Promise<Asked> {
  const agent = clerk(tool)
  const made: World = await world({ agents: [agent], ...options })
  const run: Run = await made.ops.start(agent.name, 'go')
  await until(made.clock, 'the run waits', async () => (await made.ops.record(run.id)).status === 'waiting')
  return { ...made, run, tool }
}
