import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent, OpspawnError, type Store } from '../../src/index.ts'
import { MOST_ON_THE_WAY } from '../../src/orchestrator/writing.ts'
import { manualClock, scriptedModel } from '../../src/testing/index.ts'
import { call, child, gate, never, noting, type NotingTool, stepsPlanner } from './support/parts.ts'
import { slowStore, types } from './support/slow-store.ts'
import { closeAll, outcomeOf, settle, world } from './support/world.ts'
import { memoryStore, wrapStore } from './support/wrappers.ts'

afterEach(closeAll)

const pure = (name = 'pure') => noting(name)
const unsafe = () => noting('unsafe', undefined, { effect: 'unsafe' })

/** Two calls, one after the other, of tools that may be repeated. */
const inTurn = (...tools: readonly NotingTool[]) =>
  defineAgent({ name: 'a', tools: [...tools], planner: stepsPlanner([call('pure', {}, 'p')], [call('pure', {}, 'q')]) })

describe('what may be repeated', () => {
  test('goes on while the writes are on their way, to the end', async () => {
    const slow = slowStore()
    const tool = pure()
    const agent = inTurn(tool)
    const { ops, heard } = await world({ agents: [agent], ...slow.options })
    const run = await ops.start(agent, 'go')
    await settle(slow.clock)
    expect(tool.calls).toHaveLength(2)
    expect(types(slow.held)).toEqual(['decision', 'effect-end decision', 'effect-end run-end'])
    // The end waits for all that comes before it, and nobody hears of what is not written.
    expect(heard.map(({ event }) => event.type)).toEqual(['run-start', 'run-claim'])
    await slow.release()
    expect(await outcomeOf(slow.clock, run)).toMatchObject({ status: 'completed' })
    expect(heard.map(({ event }) => event.seq)).toEqual([1, 2, 3, 4, 5, 6, 7])
  })

  test.each(['idempotent', 'unsafe', 'transactional'] as const)('is no %s tool', async (effect) => {
    const slow = slowStore()
    const careful = noting('careful', undefined, { effect })
    const steps = [[call('pure', {}, 'p')], [call('careful', {}, 'c')]]
    const agent = defineAgent({ name: 'a', tools: [pure(), careful], planner: stepsPlanner(...steps) })
    const store: Store = {
      ...slow.options.store,
      capabilities: { ...slow.options.store.capabilities, transactions: true },
      transaction: async () => {
        throw new OpspawnError('STORE_FAILED', 'no transactions here', { retryable: false })
      },
    }
    const { ops } = await world({ agents: [agent], clock: slow.clock, store })
    await ops.start(agent, 'go')
    await settle(slow.clock)
    expect(types(slow.held)).toHaveLength(2)
    expect(careful.calls).toHaveLength(0)
    await slow.open()
    expect(careful.calls).toHaveLength(effect === 'transactional' ? 0 : 1)
  })

  test('waits for the result of a call that may not be repeated', async () => {
    const slow = slowStore()
    const [tool, careful] = [pure(), unsafe()]
    const planned = stepsPlanner([call('unsafe', {}, 'u')], [call('pure', {}, 'p')])
    const agent = defineAgent({ name: 'a', tools: [tool, careful], planner: planned })
    const { ops } = await world({ agents: [agent], ...slow.options })
    await ops.start(agent, 'go')
    await settle(slow.clock)
    await slow.release()
    expect(types(slow.held)).toEqual(['effect-end decision'])
    expect([careful.calls.length, tool.calls.length]).toEqual([1, 0])
    await slow.open()
    expect(tool.calls).toHaveLength(1)
  })

  test('waits where the store keeps nothing, and where somebody watches', async () => {
    for (const watch of [false, true]) {
      const slow = slowStore({ durability: watch ? 'disk' : 'none' })
      const tool = pure()
      const agent = inTurn(tool)
      const { ops } = await world({ agents: [agent], ...slow.options, watch })
      await ops.start(agent, 'go')
      await settle(slow.clock)
      await slow.release()
      expect(tool.calls).toHaveLength(1)
      await slow.open()
    }
  })

  test('waits where the run was interrupted before', async () => {
    const slow = slowStore()
    const tool = pure()
    const agent = inTurn(tool)
    const store = wrapStore(slow.options.store, {
      async claim(...given) {
        const claims = await slow.options.store.claim(...given)
        return claims.map((claim) => ({ ...claim, run: { ...claim.run, deliveries: 2 } }))
      },
    })
    const { ops } = await world({ agents: [agent], clock: slow.clock, store })
    await ops.start(agent, 'go')
    await settle(slow.clock)
    expect(types(slow.held)).toEqual(['decision'])
    expect(tool.calls).toHaveLength(0)
    await slow.open()
    expect(tool.calls).toHaveLength(2)
  })

  test('goes on until so many writes are on their way', async () => {
    const slow = slowStore()
    const tool = pure()
    const steps = Array.from({ length: 30 }, (_, at) => [call('pure', {}, `p${at}`)])
    const agent = defineAgent({ name: 'a', tools: [tool], planner: stepsPlanner(...steps) })
    const { ops } = await world({ agents: [agent], ...slow.options })
    const run = await ops.start(agent, 'go')
    await settle(slow.clock)
    await settle(slow.clock, 30)
    expect(slow.held).toHaveLength(MOST_ON_THE_WAY + 1)
    expect(tool.calls).toHaveLength(MOST_ON_THE_WAY)
    await slow.open()
    expect(await outcomeOf(slow.clock, run)).toMatchObject({ status: 'completed' })
    expect(tool.calls).toHaveLength(30)
  })
})

test('what has been on its way for too long is waited for', async () => {
  const slow = slowStore()
  const work = gate()
  const long = noting('long', () => work.promise)
  const tool = pure()
  const agent = defineAgent({ name: 'a', tools: [long, tool], planner: stepsPlanner([call('long')], [call('pure')]) })
  const { ops } = await world({ agents: [agent], ...slow.options })
  await ops.start(agent, 'go')
  await settle(slow.clock)
  await slow.clock.advance(150)
  work.open()
  await settle(slow.clock)
  expect(types(slow.held)).toEqual(['decision', 'effect-end decision'])
  expect(tool.calls).toHaveLength(0)
  await slow.open()
  expect(tool.calls).toHaveLength(1)
})

test('a run that is abandoned while it is being written is given back to be gone on with', async () => {
  const slow = slowStore()
  const slowOne = noting('slow', never)
  const agent = defineAgent({
    name: 'a',
    tools: [slowOne, pure()],
    planner: stepsPlanner([call('slow', {}, 's'), call('pure', {}, 'p')]),
  })
  const { ops } = await world({ agents: [agent], ...slow.options })
  const run = await ops.start(agent, 'go')
  await settle(slow.clock)
  expect(types(slow.held)).toEqual(['decision', 'effect-end'])
  const draining = ops.drain(1)
  // Its patience goes by the real time.
  await new Promise((resolve) => setTimeout(resolve, 50))
  await slow.open()
  await draining
  await settle(slow.clock)
  const { runs } = await slow.options.store.list({ runId: run.id }, { limit: 1 })
  expect(runs).toMatchObject([{ status: 'queued' }])
})

describe('a model call', () => {
  const turns = () => scriptedModel([{ toolCalls: [{ name: 'pure' }] }, { toolCalls: [{ name: 'pure' }] }, 'done'])

  /** An agent that is asked three times, and may be asked so often. */
  const asked = async (steps: number) => {
    const slow = slowStore()
    const model = turns()
    const agent = defineAgent({ name: 'a', model, tools: [pure()], limits: { steps } })
    const { ops } = await world({ agents: [agent], ...slow.options })
    const run = await ops.start(agent, 'go')
    await settle(slow.clock)
    return { ...slow, model, run }
  }

  test('begins before it is on record, within a budget of its own', async () => {
    const { model, open, clock, run } = await asked(3)
    expect(model.calls).toHaveLength(3)
    await open()
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'completed', output: 'done' })
  })

  test('is not begun where the budget has no room for it', async () => {
    const { model, open, clock, run } = await asked(2)
    await open()
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed', error: { code: 'BUDGET_EXCEEDED' } })
    expect(model.calls).toHaveLength(2)
  })

  test('waits where parents or children spend of the same budget', async () => {
    const slow = slowStore()
    const model = turns()
    const inner = defineAgent({ name: 'inner', model, tools: [pure()] })
    const outer = defineAgent({ name: 'outer', agents: [inner], planner: stepsPlanner([child('inner')]) })
    const { ops } = await world({ agents: [inner, outer], ...slow.options })
    await ops.start(outer, 'go')
    for (let round = 0; round < 10 && model.calls.length === 0; round += 1) await slow.release()
    // The answer and the tool's result were sent; the second call waits for them.
    expect(types(slow.held)).toEqual(['effect-end decision', 'effect-end decision'])
    expect(model.calls).toHaveLength(1)
    await slow.open()
    expect(model.calls).toHaveLength(3)
  })
})

describe('a write that fails on its way', () => {
  /** Lets the first write through, and has the others fail as told, by their place. */
  async function failing(failures: Readonly<Record<number, 'before' | 'after' | 'lost'>>) {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    let made = 0
    const store = wrapStore(inner, {
      capabilities: { ...inner.capabilities, durability: 'disk' },
      async append(...given) {
        const how = failures[made++]
        if (how === 'lost') throw new OpspawnError('LEASE_LOST', 'another worker has it')
        if (how !== 'before') {
          const tasks = await inner.append(...given)
          if (how === undefined) return tasks
        }
        throw new OpspawnError('STORE_FAILED', 'the disk is full')
      },
    })
    const tool = pure()
    const careful = unsafe()
    const steps = [[call('pure', {}, 'p')], [call('pure', {}, 'q')], [call('pure', {}, 'r')], [call('unsafe', {}, 's')]]
    const agent = defineAgent({ name: 'a', tools: [tool, careful], planner: stepsPlanner(...steps) })
    const made1 = await world({ agents: [agent], clock, store })
    const run = await made1.ops.start(agent, 'go')
    return { ...made1, run, inner, tool, careful }
  }

  test.each([
    ['before it reached the store', { 1: 'before' }],
    ['when it was written', { 1: 'after' }],
    ['with the next one', { 1: 'before', 2: 'before' }],
    ['and the next one was written, but not answered', { 2: 'after', 3: 'after' }],
    ['and is refused once more', { 1: 'before', 4: 'before', 5: 'after' }],
  ] as const)('%s is made again, in its order', async (_, failures) => {
    const { clock, run, inner, tool, careful, heard } = await failing(failures)
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'completed' })
    expect(tool.calls).toHaveLength(3)
    expect(careful.calls).toHaveLength(1)
    const history = await inner.read(run.id, 1)
    expect(history.map(({ seq }) => seq)).toEqual(history.map((_event, at) => at + 1))
    expect(heard.map(({ event }) => event.seq)).toEqual(history.map(({ seq }) => seq))
  })

  test('because the run was lost, ends the work on it', async () => {
    const { clock, faults, careful } = await failing({ 1: 'lost', 2: 'lost', 3: 'lost' })
    await settle(clock, 10)
    expect(faults.map(({ failure }) => failure.code)).toContain('LEASE_LOST')
    expect(careful.calls).toHaveLength(0)
  })
})
