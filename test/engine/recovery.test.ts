import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, defineExtension, defineTool, type RunEvent, type Store } from '../../src/index.ts'
import { manualClock, scriptedModel, type ScriptedModel } from '../../src/testing/index.ts'
import { fleet } from './support/fleet.ts'
import { ANYTHING, call, child, gate, never, noting, type NotingTool, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, now, ofType, outcomeAt, outcomeOf, until, world } from './support/world.ts'
import { cuttable, memoryStore, sharedStore } from './support/wrappers.ts'

afterEach(closeAll)

/** An agent with everything that a crash can hurt: two model turns of two calls each, a child, an unsafe tool. */
function cast(): { agents: Agent[]; model: ScriptedModel; helperModel: ScriptedModel; pay: NotingTool; look: NotingTool } {
  const pay = noting('pay', () => 'paid', { effect: 'unsafe' })
  const look = noting('look', ({ n }) => `seen ${n as number}`)
  // Answers by what it is asked, so that a repeated call gives the same answer.
  const model = scriptedModel(
    [
      ({ prompt }) => {
        const told = prompt.filter((message) => message.role === 'tool').length
        if (told === 0)
          return {
            toolCalls: [
              { name: 'look', input: { n: 1 } },
              { name: 'look', input: { n: 2 } },
            ],
          }
        if (told === 1)
          return {
            toolCalls: [
              { name: 'pay', input: { to: 'ada' } },
              { name: 'helper', input: { input: 'help' } },
            ],
          }
        return `done: ${JSON.stringify(prompt.at(-1)?.content).includes('EFFECT_UNKNOWN') ? 'payment unknown' : 'all well'}`
      },
    ],
    { repeat: true },
  )
  const helperModel = scriptedModel(
    [({ prompt }) => (prompt.length > 1 ? 'helped' : { toolCalls: [{ name: 'look', input: { n: 3 } }] })],
    {
      repeat: true,
    },
  )
  const helper = defineAgent({ name: 'helper', model: helperModel, tools: [look] })
  const chief = defineAgent({ name: 'chief', model, tools: [look, pay], agents: [helper] })
  return { agents: [chief, helper] as unknown as Agent[], model, helperModel, pay, look }
}

function recordedModelCalls(histories: readonly (readonly RunEvent[])[]): number {
  return histories
    .flat()
    .filter(
      (event) =>
        event.type === 'effect-end' &&
        event.outcome.status === 'completed' &&
        JSON.stringify(event.outcome).includes('finishReason'),
    ).length
}

describe('a worker dies at every append of a run', async () => {
  const reference = await fleet(cast().agents)
  const run = await reference.first.ops.start('chief', 'go', { runId: 'the-run' })
  const outcome = await outcomeOf(reference.clock, run)
  const count = reference.appends()
  await closeAll()

  test('the reference run is as expected', () => {
    expect(outcome).toEqual({ status: 'completed', output: 'done: all well' })
    expect(count).toBeGreaterThan(8)
  })

  const places = Array.from({ length: count }, (_, index) => index)
  describe.each(['before', 'after'] as const)('%s it is written', (moment) => {
    test.each(places)('append %i: another worker goes on, nothing is lost or done twice (S1, S2, S5)', async (dieAt) => {
      const { agents, model, helperModel, pay } = cast()
      const group = await fleet(agents, { dieAt, moment })
      await group.first.ops.start('chief', 'go', { runId: 'the-run' })
      await until(group.clock, 'the first worker dies', () => group.isDead())
      const { ops } = await group.second()
      const ended = await outcomeOf(group.clock, await ops.run('the-run'))
      const history = await historyOf(ops, 'the-run')
      const runs = (await ops.list({ rootId: 'the-run' })).runs
      const histories = await Promise.all(runs.map(({ runId }) => historyOf(ops, runId)))

      expect(pay.calls.length).toBeLessThanOrEqual(1)
      const paid = ofType(history, 'decision')
        .flatMap(({ effects }) => effects)
        .find((effect) => effect.kind === 'tool' && effect.tool === 'pay')
      const payment = outcomeAt(history, paid?.key ?? '')
      const unknown = payment?.status === 'unknown'
      expect(ended).toEqual(unknown ? { status: 'completed', output: 'done: payment unknown' } : outcome)
      expect([payment?.status, pay.calls.length]).not.toEqual(['completed', 0])

      for (const events of histories) {
        expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
        const keys = ofType(events, 'effect-end').map(({ key }) => key)
        expect(new Set(keys).size).toBe(keys.length)
      }
      // At most the one call whose answer was not written is made again; recorded ones never are.
      const made = model.calls.length + helperModel.calls.length
      expect(recordedModelCalls(histories)).toBe(5)
      expect(made).toBeLessThanOrEqual(6)
      expect(runs).toHaveLength(2)
      expect((await ops.record('the-run')).spending.used.steps).toBe(5)
      expect((await ops.record('the-run')).spending.reserved.steps).toBe(0)
    })
  })

  test.each(places)('append %i, the store never answers again: another worker goes on all the same', async (dieAt) => {
    const { agents, pay } = cast()
    const group = await fleet(agents, { dieAt, death: 'silent' })
    await group.first.ops.start('chief', 'go', { runId: 'the-run' })
    await until(group.clock, 'the first worker dies', () => group.isDead())
    const { ops } = await group.second()
    expect(await outcomeOf(group.clock, await ops.run('the-run'))).toMatchObject({ status: 'completed' })
    expect(pay.calls.length).toBeLessThanOrEqual(1)
  })
})

describe('an interrupted unsafe call (S5)', () => {
  async function interrupted(tool: NotingTool) {
    const agent = defineAgent({ name: 'payer', tools: [tool], planner: stepsPlanner([call(tool.name, { to: 'ada' })]) })
    const clock = manualClock()
    const store = memoryStore({ clock })
    const line = cuttable(store)
    const first = await world({ agents: [agent], store: line.store, clock })
    const run = await first.ops.start(agent, 'go')
    await until(clock, 'the body is entered', () => tool.calls.length === 1)
    line.cut()
    const second = await world({ agents: [agent], store: sharedStore(store), clock })
    return { clock, store, agent, second, run: await second.ops.run(run.id) }
  }

  test('without verify it is EFFECT_UNKNOWN and the body is not entered again', async () => {
    const tool = noting('pay', never, { effect: 'unsafe' })
    const { clock, run } = await interrupted(tool)
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['unknown: EFFECT_UNKNOWN'] })
    expect(tool.calls).toHaveLength(1)
  })

  test('verify says that it happened: its output is the result, the body is not entered again', async () => {
    const tool = noting('pay', never, { effect: 'unsafe', verify: () => ({ happened: true, output: 'paid before' }) })
    const { clock, run } = await interrupted(tool)
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['paid before'] })
    expect(tool.calls).toHaveLength(1)
  })

  test('verify says that it did not happen: the body is entered with the same idempotency key (S4)', async () => {
    const tool = noting('pay', (_input, { epoch }) => (epoch === 1 ? never() : 'paid now'), {
      effect: 'unsafe',
      verify: () => ({ happened: false }),
    })
    const { clock, run } = await interrupted(tool)
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['paid now'] })
    expect(tool.calls).toHaveLength(2)
    expect(tool.calls[0]?.context.idempotencyKey).toBe(tool.calls[1]?.context.idempotencyKey)
    expect(tool.calls[1]?.context.epoch).toBeGreaterThan(tool.calls[0]?.context.epoch ?? 0)
  })

  test('verify that throws leaves it unknown: nobody knows whether it happened', async () => {
    const tool = noting('pay', (_input, { epoch }) => (epoch === 1 ? never() : 'paid twice'), {
      effect: 'unsafe',
      verify: () => {
        throw new Error('the bank does not answer')
      },
    })
    const { clock, run } = await interrupted(tool)
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['unknown: EFFECT_UNKNOWN'] })
    expect(tool.calls).toHaveLength(1)
  })

  test('verify that fails for now leaves it unknown, whoever takes the run over: the body is not entered again', async () => {
    let asked = 0
    const tool = noting('pay', (_input, { epoch }) => (epoch === 1 ? never() : 'paid twice'), {
      effect: 'unsafe',
      retry: { attempts: 5, baseMs: 60_000, maxMs: 60_000 },
      verify: () => {
        asked += 1
        if (asked === 1) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
        return { happened: true, output: 'paid before' }
      },
    })
    const { clock, second, agent, store, run } = await interrupted(tool)
    await clock.advance(20_000)
    await until(clock, 'verify was asked', () => asked === 1)
    await second.ops.drain(1)
    const third = await world({ agents: [agent], store: sharedStore(store), clock })
    expect(await outcomeOf(clock, await third.ops.run(run.id))).toEqual({
      status: 'completed',
      output: ['unknown: EFFECT_UNKNOWN'],
    })
    expect(tool.calls).toHaveLength(1)
  })

  test.each(['pure', 'idempotent'] as const)(
    'a %s call is made again, with the same idempotency key (S2, S4)',
    async (effect) => {
      const tool = noting('look', (_input, { epoch }) => (epoch === 1 ? never() : 'seen'), { effect })
      const { clock, run } = await interrupted(tool)
      expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['seen'] })
      expect(new Set(tool.calls.map(({ context }) => context.idempotencyKey)).size).toBe(1)
      expect(tool.calls.map(({ context }) => context.attempt)).toEqual([1, 1])
    },
  )
})

test('a worker sweeps up no more than it has room for, and asks again as soon as it has', async () => {
  const clock = manualClock()
  const store = memoryStore({ clock })
  const open = gate()
  const agent = defineAgent({
    name: 'walker',
    tools: [noting('step', () => open.promise)],
    planner: stepsPlanner([call('step')]),
  })
  const front = await world({ agents: [agent], store: sharedStore(store), clock, work: false })
  for (let index = 0; index < 6; index += 1) await front.ops.start(agent, 'go')
  const asked: number[] = []
  const sweep: Store['sweep'] = async (limit, options) => {
    asked.push(limit)
    return store.sweep(limit, options)
  }
  await world({ agents: [agent], store: sharedStore(store, { sweep }), clock, concurrency: 2 })
  await clock.advance(5_000)
  const running = async (): Promise<number> => (await store.list({ status: ['running'] }, {})).runs.length
  expect(await running()).toBe(2)
  expect(Math.max(...asked)).toBe(2)
  open.open()
  // A quarter of the time between sweeps: a worker that did not ask at once would have four left.
  await clock.advance(250)
  expect((await store.list({ status: ['completed'] }, {})).runs).toHaveLength(6)
})

describe('lost and doubled hints', () => {
  test('a run whose task was lost is found by the sweep (S1)', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const agent = defineAgent({ name: 'walker', tools: [noting('step')], planner: stepsPlanner([call('step')]) })
    const idle = await world({ agents: [agent], store: sharedStore(store), clock, work: false })
    const run = await idle.ops.start(agent, 'go')
    await world({ agents: [agent], store: sharedStore(store), clock })
    await clock.advance(2500)
    expect(await now(clock, run.result)).toMatchObject({ status: 'completed' })
  })
})

describe('children and places', () => {
  test.each([1, 3])(
    "with limits.parallel %i a run that is taken up again with its children's ends in the inbox goes on",
    async (parallel) => {
      const keys = Array.from({ length: parallel }, (_, index) => `child-${index}`)
      const look = noting('look')
      const helper = defineAgent({ name: 'helper', tools: [look], planner: stepsPlanner([call('look')]) })
      const agent = defineAgent({
        name: 'chief',
        agents: [helper],
        tools: [look],
        limits: { parallel },
        planner: stepsPlanner(
          keys.map((key) => child('helper', key, key)),
          [call('look')],
        ),
      })
      const { ops, clock } = await world({ agents: [agent, helper] })
      const run = await ops.start(agent, 'go')
      expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['look done'] })
    },
  )
})

describe('definitions (S16)', () => {
  test('a run is taken up only by a worker that knows its definition', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const make = (instructions: string): Agent =>
      defineAgent({
        name: 'walker',
        instructions,
        tools: [noting('step')],
        planner: stepsPlanner([call('step')]),
      }) as unknown as Agent
    const old = await world({ agents: [make('old')], store: sharedStore(store), clock, work: false })
    const run = await old.ops.start('walker', 'go')
    await world({ agents: [make('new')], store: sharedStore(store), clock })
    await clock.advance(10_000)
    expect((await old.ops.record(run.id)).status).toBe('queued')
    await world({ agents: [make('old')], store: sharedStore(store), clock })
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'completed' })
  })
})

test('faults may be injected by middleware: a tool call that is torn away is retried, another worker is not needed', async () => {
  let torn = 0
  const chaos = defineExtension({
    name: 'chaos',
    setup: (host) =>
      host.addMiddleware(async (effect, context, next) => {
        const value = await next()
        if (effect.kind === 'tool' && context.attempt === 1) {
          torn += 1
          throw Object.assign(new Error('torn'), { code: 'ECONNRESET' })
        }
        return value
      }),
  })
  const tool = defineTool({ name: 'look', description: 'Looks.', input: ANYTHING, effect: 'pure', execute: () => 'seen' })
  const agent = defineAgent({ name: 'walker', tools: [tool], planner: stepsPlanner([call('look')]) })
  const { ops, clock } = await world({ agents: [agent], plugins: [chaos] })
  expect(await outcomeOf(clock, await ops.start(agent, 'go'))).toEqual({ status: 'completed', output: ['seen'] })
  expect(torn).toBe(1)
})
