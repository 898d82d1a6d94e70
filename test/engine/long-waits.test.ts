import { afterEach, expect, test } from 'vitest'
import { type Agent, defineAgent } from '../../src/index.ts'
import { stepsPlanner } from './support/parts.ts'
import { closeAll, now, settle, world } from './support/world.ts'

afterEach(closeAll)

const DAY_MS = 86_400_000

test('a wait may be longer than a timer of Node can be', async () => {
  const ms = 40 * DAY_MS
  const agent: Agent = defineAgent({
    name: 'flow',
    planner: stepsPlanner([{ kind: 'wait', key: 'time', for: { type: 'time', ms } }]),
  })
  // Nothing else wakes up meanwhile, so that forty days are few timers.
  const timing = { sweepMs: DAY_MS, heartbeatMs: DAY_MS, leaseMs: 2 * DAY_MS }
  const { ops, clock } = await world({ agents: [agent], timing })
  const run = await ops.start('flow', 'go')
  await settle(clock)
  await clock.advance(ms - 1)
  expect(await now(clock, run.result)).toBeUndefined()
  await clock.advance(1)
  expect(await now(clock, run.result)).toEqual({ status: 'completed', output: [null] })
})
