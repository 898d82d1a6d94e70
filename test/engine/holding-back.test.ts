/** A store that keeps nothing is told of calls that may be repeated together with what they came to. */
import { afterEach, expect, test } from 'vitest'
import { type Agent, defineAgent, type Planner } from '../../src/index.ts'
import { MOST_HELD_BACK } from '../../src/orchestrator/writing.ts'
import { scriptedModel } from '../../src/testing/index.ts'
import { call, gate, noting, stepsPlanner } from './support/parts.ts'
import { slowStore, types } from './support/slow-store.ts'
import { closeAll, outcomeOf, settle, world } from './support/world.ts'

afterEach(closeAll)

const pure = () => noting('pure')
const keepsNothing = () => slowStore({ durability: 'none' })

/** Starts a run whose store answers no write. */
async function started(agent: Agent, { watch = false, store = keepsNothing() } = {}) {
  const { ops, heard } = await world({ agents: [agent], ...store.options, watch })
  const run = await ops.start(agent, 'go')
  await settle(store.clock)
  return { ...store, run, heard, ops }
}

test('steps of tools that end at once are written together, and told in order', async () => {
  const tool = pure()
  const steps = [[call('pure', {}, 'p')], [call('pure', {}, 'q'), call('pure', {}, 'r')]]
  const agent = defineAgent({ name: 'a', tools: [tool], planner: stepsPlanner(...steps) })
  const { held, clock, run, open, heard } = await started(agent)
  expect(tool.calls).toHaveLength(3)
  expect(types(held)).toEqual(['decision effect-end decision effect-end effect-end run-end'])
  await open()
  expect(await outcomeOf(clock, run)).toMatchObject({ status: 'completed' })
  expect(heard.map(({ event }) => event.seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
})

test('a call that takes longer is written while it is waited for', async () => {
  const done = gate()
  const tool = noting('pure', () => done.promise)
  const agent = defineAgent({ name: 'a', tools: [tool], planner: stepsPlanner([call('pure', {}, 'p')]) })
  const { held, clock, run, open } = await started(agent)
  expect(tool.calls).toHaveLength(1)
  expect(types(held)).toEqual(['decision'])
  await open()
  done.open()
  expect(await outcomeOf(clock, run)).toMatchObject({ status: 'completed' })
})

test.each(['idempotent', 'unsafe'] as const)(
  'an %s tool is on record before it begins, and its result before what follows',
  async (effect) => {
    const tool = pure()
    const careful = noting('careful', undefined, { effect })
    const steps = [[call('pure', {}, 'p')], [call('careful', {}, 'c')], [call('pure', {}, 'q')]]
    const agent = defineAgent({ name: 'a', tools: [tool, careful], planner: stepsPlanner(...steps) })
    const { held, release, open, clock, run } = await started(agent)
    const calls = (): number[] => [tool.calls.length, careful.calls.length]
    expect([types(held), ...calls()]).toEqual([[expect.stringMatching(/^decision effect-end decision/)], 1, 0])
    await release()
    expect([types(held), ...calls()]).toEqual([['effect-end decision'], 1, 1])
    await open()
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'completed' })
    expect(calls()).toEqual([2, 1])
  },
)

test('a model is not asked before all that was held back is written', async () => {
  const toolCall = { type: 'tool-call', toolCallId: 'c', toolName: 'pure', input: '{}' } as const
  const model = scriptedModel([{ content: [toolCall] }, { text: 'done' }])
  const { held, release, open, clock, run } = await started(defineAgent({ name: 'a', model, tools: [pure()] }))
  expect([types(held), model.calls.length]).toEqual([['decision'], 0])
  await release()
  expect([types(held), model.calls.length]).toEqual([['effect-end decision effect-end decision'], 1])
  await open()
  expect(await outcomeOf(clock, run)).toMatchObject({ status: 'completed', output: 'done' })
})

test('nothing is held back from who watches', async () => {
  const agent = defineAgent({ name: 'a', tools: [pure()], planner: stepsPlanner([call('pure', {}, 'p')]) })
  expect(types((await started(agent, { watch: true })).held)).toEqual(['decision'])
})

test('nothing is held back while something else is under way', async () => {
  const done = gate()
  const [tool, long] = [pure(), noting('long', () => done.promise, { effect: 'idempotent' })]
  const planner: Planner = {
    spec: 'planner/1',
    name: 'reactive',
    reactive: true,
    decide(run) {
      if (run.decisions === 0) return { type: 'act', effects: [call('long', {}, 'l'), call('pure', {}, 'p')] }
      if (run.decisions === 1) return { type: 'act', effects: [call('pure', {}, 'q')] }
      return run.open === 0 ? { type: 'finish', output: 'done' } : { type: 'idle' }
    },
  }
  const { held, release, open, clock, run } = await started(defineAgent({ name: 'a', tools: [tool, long], planner }))
  await release()
  expect([types(held), tool.calls.length, long.calls.length]).toEqual([['effect-end decision'], 1, 1])
  await open()
  expect(tool.calls).toHaveLength(2)
  done.open()
  expect(await outcomeOf(clock, run)).toMatchObject({ status: 'completed' })
})

test('no more than a certain number of events is held back', async () => {
  const steps = Array.from({ length: MOST_HELD_BACK }, (_, index) => [call('pure', {}, `p${index}`)])
  const tool = pure()
  const { held, open, clock, run } = await started(defineAgent({ name: 'a', tools: [tool], planner: stepsPlanner(...steps) }))
  expect(held[0]?.events.length).toBeLessThanOrEqual(MOST_HELD_BACK + 1)
  expect(tool.calls.length).toBeLessThan(MOST_HELD_BACK)
  await open()
  expect(await outcomeOf(clock, run)).toMatchObject({ status: 'completed' })
})
