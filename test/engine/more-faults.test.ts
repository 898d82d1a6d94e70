import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent, OpspawnError, type RunEvent, type Store } from '../../src/index.ts'
import { manualClock, scriptedModel } from '../../src/testing/index.ts'
import { ask, call, child, gate, never, noting, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, now, ofType, outcomeOf, settle, until, world } from './support/world.ts'
import { memoryStore, sharedStore } from './support/wrappers.ts'

afterEach(closeAll)

const failure = (): OpspawnError => new OpspawnError('STORE_FAILED', 'the connection broke')

describe('a store that stumbles', () => {
  test('an append that was written but not acknowledged leaves no doubled event and the run goes on', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    let stumbles = 3
    const { ops } = await world({
      clock,
      agents: [defineAgent({ name: 'walker', tools: [noting('step')], planner: stepsPlanner([call('step')]) })],
      store: sharedStore(store, {
        async append(...given) {
          const tasks = await store.append(...given)
          stumbles -= 1
          if (stumbles >= 0) throw failure()
          return tasks
        },
      }),
    })
    const run = await ops.start('walker', 'go')
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['step done'] })
    expect(ofType(await historyOf(ops, run.id), 'effect-end')).toHaveLength(1)
  })

  test('a result is heard although the append of the end was not acknowledged', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const { ops } = await world({
      clock,
      agents: [defineAgent({ name: 'quick', planner: planner(() => ({ type: 'finish', output: 1 })) })],
      store: sharedStore(store, {
        async append(...given) {
          await store.append(...given)
          throw failure()
        },
      }),
    })
    expect(await outcomeOf(clock, await ops.start('quick', 'go'), { steps: 40 })).toEqual({ status: 'completed', output: 1 })
  })

  test('a child that cannot be created is tried again and then a failure as data, without an orphan', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const helper = defineAgent({ name: 'helper', tools: [noting('wait')], planner: stepsPlanner([call('wait')]) })
    const agent = defineAgent({ name: 'chief', agents: [helper], planner: stepsPlanner([child('helper')]) })
    const { ops } = await world({
      clock,
      agents: [agent, helper],
      store: sharedStore(store, {
        async create(given, options) {
          const created = await store.create(given, options)
          if (given.origin.parent !== undefined) throw failure()
          return created
        },
      }),
    })
    // Each try creates (or finds) the child and hears nothing of it: it runs all the same, and its outcome counts.
    expect(await outcomeOf(clock, await ops.start(agent, 'go'))).toEqual({ status: 'completed', output: [['wait done']] })
  })

  test('signals that the store refused are not lost silently: the caller hears of it', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const agent = defineAgent({
      name: 'flow',
      planner: stepsPlanner([{ kind: 'wait', key: 'w', for: { type: 'signal', name: 'x' } }]),
    })
    const { ops } = await world({
      clock,
      agents: [agent],
      store: sharedStore(store, { signal: () => Promise.reject(failure()) }),
    })
    const run = await ops.start(agent, 'go')
    await settle(clock)
    await expect(run.signal('x')).rejects.toMatchObject({ code: 'STORE_FAILED', retryable: true })
    await expect(run.cancel()).rejects.toMatchObject({ code: 'STORE_FAILED' })
  })
})

describe('budgets in awkward places', () => {
  test('a reactive planner whose second decision finds no budget leaves nothing reserved', async () => {
    const model = scriptedModel(['one', 'two', 'three'])
    const agent = defineAgent({
      name: 'flow',
      model,
      tools: [noting('bad')],
      limits: { steps: 1 },
      planner: planner(
        (run) => {
          // The second decision is made before the first is written: the refused call settles at once.
          if (run.decisions === 0) return { type: 'act', effects: [ask('one', 'm1'), call('bad', {}, 'b1')] }
          if (run.decisions === 1) return { type: 'act', effects: [ask('two', 'm2')] }
          return run.open > 0 ? { type: 'idle' } : { type: 'finish', output: run.settled.map(({ effect }) => effect.key) }
        },
        { reactive: true },
      ),
    })
    const rules = [{ verdict: 'deny', tool: 'bad', arguments: { '/x': { exists: false } } }] as const
    const { ops, clock } = await world({ agents: [agent], policy: { rules } })
    const run = await ops.start(agent, 'go')
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'completed' })
    const { spending } = await ops.record(run.id)
    expect(spending.reserved.steps).toBe(0)
    expect(spending.used.steps).toBe(model.calls.length)
    expect(model.calls.length).toBeLessThanOrEqual(1)
  })

  test('parallel children share one budget and never pass it together', async () => {
    const model = scriptedModel(['x'], { repeat: true })
    const helper = defineAgent({ name: 'helper', model })
    const keys = Array.from({ length: 10 }, (_, index) => `c${index}`)
    const agent = defineAgent({
      name: 'chief',
      agents: [helper],
      limits: { steps: 4 },
      planner: stepsPlanner(keys.map((key) => child('helper', key, key))),
    })
    const { ops, clock } = await world({ agents: [agent, helper] })
    const run = await ops.start(agent, 'go')
    const outcome = await outcomeOf(clock, run)
    expect(model.calls).toHaveLength(4)
    expect((outcome as unknown as { output: unknown[] }).output.filter((one) => one === 'x')).toHaveLength(4)
    expect((await ops.record(run.id)).spending).toMatchObject({ used: { steps: 4 }, reserved: { steps: 0 } })
  })

  test('a model call that failed once and is cancelled in its retry delay was made: it counts', async () => {
    const model = scriptedModel([{ fault: 'rate-limit', retryAfterMs: 60_000 }])
    const agent = defineAgent({ name: 'talker', model, limits: { steps: 5 } })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await until(clock, 'it failed once', async () => (await ops.record(run.id)).status === 'waiting')
    await run.cancel()
    await now(clock, run.result)
    expect((await ops.record(run.id)).spending).toMatchObject({ used: { steps: 1 }, reserved: { steps: 0 } })
  })

  test('a model call that was under way when its worker died may have been worked on: cancelled, it counts (unknown is never zero)', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const model = scriptedModel([{ fault: 'hang' }], { repeat: true })
    const agent = defineAgent({ name: 'talker', model, limits: { tokens: 10_000 } })
    const first = await world({ agents: [agent], store: sharedStore(store), clock })
    const run = await first.ops.start(agent, 'go')
    await until(clock, 'the model is asked', () => model.calls.length === 1)
    const reserved = (await first.ops.record(run.id)).spending.reserved.tokens
    await first.ops.drain(1)
    await run.cancel()
    const second = await world({ agents: [agent], store: sharedStore(store), clock })
    expect(await outcomeOf(clock, await second.ops.run(run.id))).toMatchObject({ status: 'cancelled' })
    const { spending } = await second.ops.record(run.id)
    expect(spending).toMatchObject({ used: { steps: 1, tokens: reserved }, reserved: { tokens: 0 }, unreported: 1 })
  })

  test('a cancelled model call gives its reservation back', async () => {
    const model = scriptedModel([{ fault: 'hang' }])
    const agent = defineAgent({ name: 'talker', model, limits: { tokens: 10_000 } })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await until(clock, 'the model is asked', () => model.calls.length === 1)
    expect((await ops.record(run.id)).spending.reserved.tokens).toBeGreaterThan(0)
    await run.cancel()
    await now(clock, run.result)
    expect((await ops.record(run.id)).spending.reserved).toEqual({ steps: 0, tokens: 0, cost: 0 })
  })
})

describe('time on two clocks (S9)', () => {
  /** A store whose sweeps are counted; one that is swept without an end stops answering, so that the test can end. */
  function counting(store: Store): { store: Store; sweeps: () => number } {
    let sweeps = 0
    const counted = sharedStore(store, {
      sweep(...given) {
        sweeps += 1
        return sweeps > 100 ? never() : store.sweep(...given)
      },
    })
    return { store: counted, sweeps: () => sweeps }
  }

  async function waits(skew: number): Promise<void> {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const skewed = { now: () => clock.now() + skew, setTimer: clock.setTimer.bind(clock) }
    const agent = defineAgent({
      name: 'flow',
      planner: stepsPlanner([{ kind: 'wait', key: 'w', for: { type: 'time', ms: 10_000 } }]),
      limits: { durationMs: 60_000 },
    })
    const { store: counted, sweeps } = counting(store)
    const { ops } = await world({ agents: [agent], store: counted, clock: skewed as never })
    const run = await ops.start(agent, 'go')
    await settle(clock)
    await clock.advance(9_000)
    expect(await now(clock, run.result)).toBeUndefined()
    await clock.advance(2_500)
    expect(await now(clock, run.result)).toMatchObject({ status: 'completed' })
    const history: readonly RunEvent[] = await store.read(run.id, 1)
    const times = history.map(({ at }) => at)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(times.at(-1)).toBeLessThanOrEqual(clock.now())
    expect(sweeps()).toBeLessThan(40)
  }

  async function due(skew: number): Promise<void> {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const skewed = { now: () => clock.now() + skew, setTimer: clock.setTimer.bind(clock) }
    const agent = defineAgent({ name: 'quick', planner: planner(() => ({ type: 'finish', output: 1 })) })
    const { store: counted, sweeps } = counting(store)
    const { ops } = await world({ agents: [agent], store: counted, clock: skewed as never })
    const run = await ops.start(agent, 'go', { dueAt: clock.now() + 10_000 })
    await clock.advance(9_900)
    expect((await ops.record(run.id)).status).toBe('queued')
    await clock.advance(1_200)
    expect(await now(clock, run.result)).toMatchObject({ status: 'completed' })
    expect(sweeps()).toBeLessThan(40)
  }

  test('a worker whose clock is an hour behind keeps waits and deadlines', () => waits(-3_600_000))
  test('a worker whose clock is an hour ahead keeps waits and deadlines, and does not sweep without a pause', () =>
    waits(3_600_000))
  test('dueAt is by the clock of the store, also for a worker that is an hour behind', () => due(-3_600_000))
  test('dueAt is by the clock of the store, also for a worker that is an hour ahead', () => due(3_600_000))
})

describe('memory in a long life', () => {
  test('a thousand runs leave no watcher, timer or driver behind', async () => {
    const agent = defineAgent({ name: 'walker', tools: [noting('step')], planner: stepsPlanner([call('step')]) })
    const { ops, clock } = await world({ agents: [agent] })
    await (
      await ops.start(agent, 'go')
    ).result
    await settle(clock)
    const before = clock.pending
    for (let round = 0; round < 10; round += 1) {
      const runs = await Promise.all(Array.from({ length: 100 }, () => ops.start(agent, 'go')))
      await Promise.all(runs.map((run) => run.result))
    }
    await settle(clock)
    expect(clock.pending).toBeLessThanOrEqual(before)
    expect(ops.agents()[0]).toMatchObject({ status: 'idle', runs: [] })
  })
})

describe('what is said twice', () => {
  test('a cancel that crosses the end of the run leaves the outcome alone', async () => {
    const open = gate()
    const agent = defineAgent({
      name: 'walker',
      tools: [noting('step', () => open.promise)],
      planner: stepsPlanner([call('step')]),
    })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await settle(clock)
    open.open()
    await run.cancel('at the same moment')
    const outcome = await now(clock, run.result)
    expect(['completed', 'cancelled']).toContain(outcome?.status)
    expect((await ops.record(run.id)).outcome).toEqual(outcome)
    expect(ofType(await historyOf(ops, run.id), 'run-end')).toHaveLength(1)
  })

  test('an approval and a cancellation at the same moment: the body is entered at most once, and the end is typed', async () => {
    const tool = noting('send', undefined, { approval: true, effect: 'unsafe' })
    const agent = defineAgent({ name: 'clerk', tools: [tool], planner: stepsPlanner([call('send', {}, 'it')]) })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await until(clock, 'it asks', async () => (await run.approvals()).length === 1)
    await Promise.allSettled([run.approve('it', { by: 'ada' }), run.cancel()])
    expect(await now(clock, run.result)).toMatchObject({ status: 'cancelled' })
    expect(tool.calls).toHaveLength(0)
  })
})
