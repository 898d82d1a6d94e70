import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent, OpspawnError } from '../../src/index.ts'
import { manualClock, scriptedModel } from '../../src/testing/index.ts'
import { call, gate, never, noting, planner, stepsPlanner, untilAborted } from './support/parts.ts'
import { closeAll, historyOf, historySoFar, ofType, outcomeAt, outcomeOf, settle, until, world } from './support/world.ts'
import { fastqScheduler, memoryStore, sharedStore, wrapScheduler } from './support/wrappers.ts'

afterEach(closeAll)

/** Tells whether a promise settles within a moment of real time. */
async function soon<T>(promise: Promise<T>, ms = 45): Promise<T | 'still waiting'> {
  return Promise.race([promise, new Promise<'still waiting'>((resolve) => setTimeout(() => resolve('still waiting'), ms))])
}

const quick = defineAgent({ name: 'quick', planner: planner((run) => ({ type: 'finish', output: run.input })) })

describe('drain (S15)', () => {
  test('what runs reaches a safe point, the rest is handed back and nothing is charged', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const open = gate<string>()
    const tool = noting('step', ({ n }) => (n === 1 ? open.promise : 'second'))
    const agent = defineAgent({
      name: 'walker',
      tools: [tool],
      planner: stepsPlanner([call('step', { n: 1 }, 'a')], [call('step', { n: 2 }, 'b')]),
    })
    const first = await world({ agents: [agent], store: sharedStore(store), clock })
    const run = await first.ops.start(agent, 'go')
    await until(clock, 'the tool runs', () => tool.calls.length === 1)
    const draining = first.ops.drain(1000)
    open.open('first')
    expect(await draining).toEqual({ handedBack: [run.id] })
    expect(await first.ops.record(run.id)).toMatchObject({ status: 'queued', deliveries: 0 })
    expect(tool.calls).toHaveLength(1)

    const second = await world({ agents: [agent], store: sharedStore(store), clock })
    expect(await outcomeOf(clock, await second.ops.run(run.id))).toEqual({ status: 'completed', output: ['second'] })
    const history = await historyOf(second.ops, run.id)
    expect(tool.calls).toHaveLength(2)
    expect(outcomeAt(history, 'a')).toEqual({ status: 'completed', value: 'first' })
    expect(ofType(history, 'effect-retry')).toEqual([])
  })

  test('a run that ends meanwhile is not handed back', async () => {
    const open = gate<string>()
    const model = scriptedModel([async () => (await open.promise, 'ok')])
    const agent = defineAgent({ name: 'talker', model, planner: stepsPlanner() })
    const { ops } = await world({ agents: [agent, quick] })
    await (
      await ops.start(quick, 'x')
    ).result
    expect(await ops.drain(100)).toEqual({ handedBack: [] })
  })

  test('it is idempotent', async () => {
    const { ops } = await world({ agents: [quick] })
    const [one, two] = await Promise.all([ops.drain(10), ops.drain(10)])
    expect(one).toBe(two)
  })

  test('nothing is started while draining', async () => {
    const { ops } = await world({ agents: [quick] })
    const draining = ops.drain(10)
    await expect(ops.start(quick, 'x')).rejects.toMatchObject({ code: 'ORCHESTRATOR_DRAINING', retryable: true })
    await draining
    await expect(ops.start(quick, 'x')).rejects.toMatchObject({ code: 'ORCHESTRATOR_DRAINING' })
    expect((await ops.list()).runs).toEqual([])
  })

  test('looking and cancelling still work afterwards', async () => {
    const { ops } = await world({ agents: [quick] })
    const run = await ops.start(quick, 'x')
    await run.result
    await ops.drain(10)
    expect((await ops.list()).runs).toHaveLength(1)
    expect(await (await ops.run(run.id)).result).toMatchObject({ status: 'completed' })
    await run.cancel()
  })

  test('the deadline: a tool that does not end is left, its signal fires, the run goes to another worker', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const tool = noting('wait', (_input, context) => (context.epoch === 1 ? untilAborted(_input, context) : 'done'))
    const agent = defineAgent({ name: 'waiter', tools: [tool], planner: stepsPlanner([call('wait')]) })
    const first = await world({ agents: [agent], store: sharedStore(store), clock })
    const run = await first.ops.start(agent, 'go')
    await until(clock, 'the tool runs', () => tool.calls.length === 1)
    expect(await first.ops.drain(5)).toEqual({ handedBack: [run.id] })
    expect(OpspawnError.is(tool.calls[0]?.context.signal.reason, 'ORCHESTRATOR_DRAINING')).toBe(true)
    expect(await first.ops.record(run.id)).toMatchObject({ status: 'queued', deliveries: 0 })
    const second = await world({ agents: [agent], store: sharedStore(store), clock })
    expect(await outcomeOf(clock, await second.ops.run(run.id))).toEqual({ status: 'completed', output: ['done'] })
    expect(ofType(await historyOf(second.ops, run.id), 'effect-retry')).toEqual([])
  })

  test('an unsafe tool that is left at the deadline is unknown, never repeated (S5)', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const tool = noting('pay', never, { effect: 'unsafe' })
    const agent = defineAgent({ name: 'payer', tools: [tool], planner: stepsPlanner([call('pay')]) })
    const first = await world({ agents: [agent], store: sharedStore(store), clock })
    const run = await first.ops.start(agent, 'go')
    await until(clock, 'the tool runs', () => tool.calls.length === 1)
    await first.ops.drain(5)
    const second = await world({ agents: [agent], store: sharedStore(store), clock })
    expect(await outcomeOf(clock, await second.ops.run(run.id))).toEqual({
      status: 'completed',
      output: ['unknown: EFFECT_UNKNOWN'],
    })
    expect(tool.calls).toHaveLength(1)
  })

  test('an unsafe call whose start is being recorded while the drain begins is not turned into an unknown one', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const recording = gate()
    const tool = noting('pay', undefined, { effect: 'unsafe' })
    const agent = defineAgent({ name: 'payer', tools: [tool], planner: stepsPlanner([call('pay')]) })
    const slow = sharedStore(store, {
      async append(...given) {
        if (given[2].some((event) => event.type === 'effect-start')) await recording.promise
        return store.append(...given)
      },
    })
    const first = await world({ agents: [agent], store: slow, clock })
    const run = await first.ops.start(agent, 'go')
    await settle(clock)
    const draining = first.ops.drain(1000)
    recording.open()
    await draining
    const second = await world({ agents: [agent], store: sharedStore(store), clock })
    expect(await outcomeOf(clock, await second.ops.run(run.id))).toEqual({ status: 'completed', output: ['pay done'] })
    expect(tool.calls).toHaveLength(1)
  })

  test('a run that is being claimed while the drain begins is handed back, not lost', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const claiming = gate()
    const tool = noting('wait', (_input, { epoch }) => (epoch === 1 ? never() : 'done'))
    const agent = defineAgent({ name: 'waiter', tools: [tool], planner: stepsPlanner([call('wait')]) })
    const slow = sharedStore(store, {
      async claim(...given) {
        const claims = await store.claim(...given)
        await claiming.promise
        return claims
      },
    })
    const first = await world({ agents: [agent], store: slow, clock })
    const run = await first.ops.start(agent, 'go')
    await settle(clock)
    const draining = first.ops.drain(20)
    claiming.open()
    await soon(draining, 40)
    const second = await world({ agents: [agent], store: sharedStore(store), clock })
    expect(await outcomeOf(clock, await second.ops.run(run.id))).toEqual({ status: 'completed', output: ['done'] })
  })

  test.each<[string, () => Promise<never>]>([
    ['rejects', () => Promise.reject(new Error('the broker is away'))],
    [
      'throws',
      () => {
        throw new Error('the broker is away')
      },
    ],
  ])('a scheduler whose drain %s takes no time from what runs, and is told of', async (_how, drain) => {
    const open = gate<string>()
    const tool = noting('step', () => open.promise, { effect: 'unsafe' })
    const agent = defineAgent({ name: 'walker', tools: [tool], planner: stepsPlanner([call('step')]) })
    const scheduler = { ...wrapScheduler(fastqScheduler(), (tasks, pass) => pass(tasks)), drain }
    const { ops, clock, faults } = await world({ agents: [agent], scheduler })
    const run = await ops.start(agent, 'go')
    await until(clock, 'the tool runs', () => tool.calls.length === 1)
    const draining = ops.drain(60_000)
    await settle(clock)
    expect(tool.calls[0]?.context.signal.aborted).toBe(false)
    open.open('done')
    expect(await draining).toEqual({ handedBack: [run.id] })
    expect(outcomeAt(await historySoFar(ops, run.id), 'step')).toEqual({ status: 'completed', value: 'done' })
    expect(faults).toMatchObject([{ failure: { message: 'the broker is away' }, context: { where: 'drain' } }])
  })

  test('drain ends although the store never answers', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const stuck = sharedStore(store, { append: () => never() })
    const agent = defineAgent({ name: 'walker', tools: [noting('step')], planner: stepsPlanner([call('step')]) })
    const { ops } = await world({ agents: [agent], store: stuck, clock })
    await ops.start(agent, 'go')
    await settle(clock)
    // After the deadline it gives the store a second for what should take no time.
    expect(await soon(ops.drain(5), 4000)).not.toBe('still waiting')
  })

  test('drain keeps its deadline although a planner never answers', async () => {
    const agent = defineAgent({ name: 'stuck', planner: { spec: 'planner/1', name: 'stuck', decide: never } })
    const { ops, clock } = await world({ agents: [agent] })
    await ops.start(agent, 'go')
    await settle(clock)
    expect(await soon(ops.drain(5))).not.toBe('still waiting')
  })

  test('a run that waits for a place of its agent is left to another worker', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const tool = noting('wait', (_input, { epoch, signal }) => (epoch === 1 && !signal.aborted ? never() : 'done'))
    const agent = defineAgent({ name: 'waiter', concurrency: 1, tools: [tool], planner: stepsPlanner([call('wait')]) })
    const first = await world({ agents: [agent], store: sharedStore(store), clock })
    const runs = [await first.ops.start(agent, '1'), await first.ops.start(agent, '2')]
    await until(clock, 'one runs', () => tool.calls.length === 1)
    await first.ops.drain(5)
    const again = { ...agent, tools: [noting('wait', () => 'done')] }
    const second = await world({ agents: [again], store: sharedStore(store), clock })
    for (const { id } of runs) {
      expect(await outcomeOf(clock, await second.ops.run(id))).toEqual({ status: 'completed', output: ['done'] })
    }
  })

  test('a run in a retry delay is handed back at once', async () => {
    const tool = noting(
      'step',
      () => {
        throw new OpspawnError('TOOL_FAILED', 'again', { retryable: true })
      },
      { retry: { attempts: 9, baseMs: 900 } },
    )
    const agent = defineAgent({ name: 'walker', tools: [tool], planner: stepsPlanner([call('step')]) })
    const { ops, clock } = await world({ agents: [agent], random: () => 0.99 })
    const run = await ops.start(agent, 'go')
    await until(clock, 'it failed once', () => tool.calls.length === 1)
    await settle(clock)
    expect(await soon(ops.drain(1000))).toEqual({ handedBack: [run.id] })
    expect(await ops.record(run.id)).toMatchObject({ deliveries: 0 })
  })
})
