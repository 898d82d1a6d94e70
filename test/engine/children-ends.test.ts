/** How deep children go, and what their ends mean for their parents. */
import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, type Planner } from '../../src/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { call, child, gate, never, noting, planner, stepsPlanner, untilAborted } from './support/parts.ts'
import { closeAll, historyOf, now, ofType, outcomeAt, outcomeOf, settle, until, world } from './support/world.ts'
import { memoryStore, wrapStore } from './support/wrappers.ts'

afterEach(closeAll)

const finishing = (output: unknown): Planner => planner(() => ({ type: 'finish', output: output as string }))

describe('how deep', () => {
  const nested = (depth?: number): Agent =>
    defineAgent({
      name: 'nested',
      agents: ['nested'],
      ...(depth === undefined ? {} : { limits: { depth } }),
      planner: planner((run) => {
        if (run.decisions === 0) return { type: 'act', effects: [child('nested')] }
        if (run.open > 0) return { type: 'idle' }
        const outcome = run.latest[0]?.outcome
        return { type: 'finish', output: outcome?.status === 'completed' ? (outcome.value as number) + 1 : 0 }
      }),
    }) as Agent

  test.each([1, 2, 3, 5])('limits.depth %i allows so many generations below the run', async (depth) => {
    const agent = nested(depth)
    const { ops, clock } = await world({ agents: [agent] })
    expect(await now(clock, (await ops.start(agent, 'go')).result)).toEqual({ status: 'completed', output: depth })
  })

  test('without a limit eight generations are allowed', async () => {
    const agent = nested()
    const { ops, clock } = await world({ agents: [agent] })
    expect(await now(clock, (await ops.start(agent, 'go')).result)).toEqual({ status: 'completed', output: 8 })
  })

  test('a child that is too deep fails with BUDGET_EXCEEDED as data', async () => {
    const agent = nested(1)
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await now(clock, run.result)
    const [sub] = (await ops.list({ parentId: run.id })).runs
    expect(outcomeAt(await historyOf(ops, sub?.runId ?? ''), 'nested')).toEqual({ status: 'failed', code: 'BUDGET_EXCEEDED' })
  })
})

describe('ends', () => {
  const deep = (): Agent[] => {
    const tool = noting('wait', untilAborted)
    const third = defineAgent({ name: 'third', tools: [tool], planner: stepsPlanner([call('wait')]) })
    const second = defineAgent({ name: 'second', agents: [third], planner: stepsPlanner([child('third')]) })
    const first = defineAgent({ name: 'first', agents: [second], planner: stepsPlanner([child('second')]) })
    return [first, second, third] as unknown as Agent[]
  }

  test('cancelling the root ends the child of a child', async () => {
    const { ops, clock } = await world({ agents: deep() })
    const run = await ops.start('first', 'go')
    await until(clock, 'all run', async () => (await ops.list({ agent: 'third', status: ['running'] })).runs.length === 1)
    await run.cancel('enough')
    expect(await now(clock, run.result)).toMatchObject({ status: 'cancelled' })
    expect((await ops.list({ rootId: run.id })).runs.map(({ status }) => status)).toEqual(['cancelled', 'cancelled', 'cancelled'])
  })

  test('a reactive parent that finishes while children run has them cancelled at once', async () => {
    const helper = defineAgent({ name: 'helper', tools: [noting('wait', untilAborted)], planner: stepsPlanner([call('wait')]) })
    const tool = noting('quick')
    const agent = defineAgent({
      name: 'chief',
      agents: [helper],
      tools: [tool],
      planner: planner(
        (run) => {
          if (run.decisions === 0) return { type: 'act', effects: [child('helper'), call('quick')] }
          return { type: 'finish', output: 'first come' }
        },
        { reactive: true },
      ),
    })
    const begun = gate()
    const slow = { ...tool, execute: () => begun.promise.then(() => 'quick') }
    const { ops, clock } = await world({ agents: [{ ...agent, tools: [slow] }, helper] })
    const run = await ops.start('chief', 'go')
    await until(clock, 'the child runs', async () => (await ops.list({ agent: 'helper', status: ['running'] })).runs.length === 1)
    begun.open()
    expect(await now(clock, run.result)).toMatchObject({ status: 'completed' })
    await settle(clock)
    expect((await ops.list({ agent: 'helper' })).runs[0]?.status).toBe('cancelled')
  })

  test('a reactive parent hears of a child that ends while another effect still runs, without waiting for a heartbeat', async () => {
    const helper = defineAgent({ name: 'helper', planner: finishing('early') })
    const agent = defineAgent({
      name: 'chief',
      agents: [helper],
      tools: [noting('wait', never)],
      planner: planner(
        (run) => {
          if (run.decisions === 0) return { type: 'act', effects: [child('helper'), call('wait')] }
          const first = run.settled[0]
          return first === undefined ? { type: 'idle' } : { type: 'finish', output: first.effect.key }
        },
        { reactive: true },
      ),
    })
    const { ops, clock } = await world({ agents: [agent, helper] })
    expect(await now(clock, (await ops.start(agent, 'go')).result)).toEqual({ status: 'completed', output: 'helper' })
  })

  test('a child that is being created while its parent is cancelled does not run on as an orphan', async () => {
    const time = manualClock()
    const store = memoryStore({ clock: time })
    const creating = gate()
    const slow = wrapStore(store, {
      async create(run, options) {
        if (run.origin.parent !== undefined) await creating.promise
        return store.create(run, options)
      },
    })
    const tool = noting('wait', untilAborted)
    const helper = defineAgent({ name: 'helper', tools: [tool], planner: stepsPlanner([call('wait')]) })
    const agent = defineAgent({ name: 'chief', agents: [helper], planner: stepsPlanner([child('helper')]) })
    const { ops, clock } = await world({ agents: [agent, helper], store: slow, clock: time })
    const run = await ops.start(agent, 'go')
    await settle(clock)
    await run.cancel()
    await settle(clock)
    creating.open()
    await clock.advance(20_000)
    expect(await now(clock, run.result)).toMatchObject({ status: 'cancelled' })
    expect((await ops.list({ agent: 'helper', status: ['running', 'queued', 'waiting'] })).runs).toEqual([])
  })

  test('a child whose end nobody reports is given up after cancelMs', async () => {
    const time = manualClock()
    const store = memoryStore({ clock: time })
    const children = new Set<string>()
    // Nobody takes the child up: its worker is gone and no other knows it.
    const deserted = wrapStore(store, {
      create(run, options) {
        if (run.origin.parent !== undefined) children.add(run.origin.runId)
        return store.create(run, options)
      },
      claim: async (query, options) => {
        if (children.has(query.runId ?? '')) return []
        const definitions = query.definitions?.filter((definition) => !definition.startsWith('helper@'))
        return store.claim({ ...query, ...(definitions && { definitions }) }, options)
      },
    })
    const helper = defineAgent({ name: 'helper', planner: finishing('x') })
    const agent = defineAgent({ name: 'chief', agents: [helper], planner: stepsPlanner([child('helper')]) })
    const { ops, clock } = await world({ agents: [agent, helper], timing: { cancelMs: 3000 }, store: deserted, clock: time })
    const run = await ops.start(agent, 'go')
    await until(clock, 'it waits for its child', async () => (await ops.record(run.id)).status === 'waiting')
    await run.cancel()
    await clock.advance(2900)
    expect(await now(clock, run.result)).toBeUndefined()
    await clock.advance(200)
    expect(await now(clock, run.result)).toMatchObject({ status: 'cancelled' })
  })

  test('a child that fails to start because its agent is full is tried again', async () => {
    const time = manualClock()
    const store = memoryStore({ capacity: 1, clock: time })
    const helper = defineAgent({ name: 'helper', planner: finishing('x') })
    const keys = ['a', 'b', 'c', 'd']
    const agent = defineAgent({
      name: 'chief',
      agents: [helper],
      planner: stepsPlanner(keys.map((key) => child('helper', key, key))),
    })
    const { ops, clock } = await world({ agents: [agent, helper], store, clock: time })
    const run = await ops.start(agent, 'go')
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['x', 'x', 'x', 'x'] })
    expect(ofType(await historyOf(ops, run.id), 'effect-retry')).not.toEqual([])
  })
})
