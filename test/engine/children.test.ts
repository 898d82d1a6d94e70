import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, jsonSchema, type Planner } from '../../src/index.ts'
import { manualClock, scriptedModel } from '../../src/testing/index.ts'
import { call, child, gate, never, noting, planner, stepsPlanner, untilAborted } from './support/parts.ts'
import { closeAll, historyOf, now, ofType, outcomeAt, outcomeOf, settle, until, world } from './support/world.ts'
import { memoryStore, wrapStore } from './support/wrappers.ts'

afterEach(closeAll)

const finishing = (output: unknown): Planner => planner(() => ({ type: 'finish', output: output as string }))

describe('agents as tools', () => {
  test("a model calls an agent like a tool and gets its output as the tool's result", async () => {
    const helperModel = scriptedModel([{ text: 'It rains.', expect: { lastUserText: 'Weather in Bergen?' } }])
    const helper = defineAgent({ name: 'helper', model: helperModel, description: 'Knows the weather.' })
    const model = scriptedModel([
      { toolCalls: [{ name: 'helper', input: { input: 'Weather in Bergen?' } }], expect: { toolNames: ['helper'] } },
      { text: 'Take an umbrella.', expect: { toolResults: ['It rains.'] } },
    ])
    const agent = defineAgent({ name: 'chief', model, agents: [helper] })
    const { ops } = await world({ agents: [agent, helper] })
    const run = await ops.start(agent, 'Do I need an umbrella?')
    expect(await run.result).toEqual({ status: 'completed', output: 'Take an umbrella.' })
    model.assertComplete()
    helperModel.assertComplete()
    const [sub] = (await ops.list({ parentId: run.id })).runs
    expect(sub).toMatchObject({ agent: 'helper', rootId: run.id, depth: 1, parent: { runId: run.id }, status: 'completed' })
  })

  test('three levels deep, every level has its own run in one tree', async () => {
    const third = defineAgent({ name: 'third', planner: finishing('bottom') })
    const second = defineAgent({ name: 'second', agents: [third], planner: stepsPlanner([child('third')]) })
    const first = defineAgent({ name: 'first', agents: [second], planner: stepsPlanner([child('second')]) })
    const { ops } = await world({ agents: [first, second, third] })
    const run = await ops.start(first, 'go')
    expect(await run.result).toEqual({ status: 'completed', output: [['bottom']] })
    const tree = (await ops.list({ rootId: run.id })).runs
    expect(tree.map(({ agent, depth }) => [agent, depth])).toEqual([
      ['third', 2],
      ['second', 1],
      ['first', 0],
    ])
  })

  test('several children of one decision run at once', async () => {
    const open = gate()
    let inside = 0
    const helper = defineAgent({
      name: 'helper',
      tools: [
        noting('meet', async () => {
          inside += 1
          if (inside === 3) open.open()
          await open.promise
          return null
        }),
      ],
      planner: stepsPlanner([call('meet')]),
    })
    const agent = defineAgent({
      name: 'chief',
      agents: [helper],
      planner: stepsPlanner(['a', 'b', 'c'].map((key) => child('helper', key, key))),
    })
    const { ops } = await world({ agents: [agent, helper] })
    expect(await (await ops.start(agent, 'go')).result).toMatchObject({ status: 'completed' })
  })

  test('parallel children of an agent with concurrency 1 do not deadlock', async () => {
    let inside = 0
    let most = 0
    const tool = noting('work', async () => {
      inside += 1
      most = Math.max(most, inside)
      await Promise.resolve()
      inside -= 1
      return null
    })
    const helper = defineAgent({ name: 'helper', tools: [tool], concurrency: 1, planner: stepsPlanner([call('work')]) })
    const keys = Array.from({ length: 8 }, (_, index) => `child-${index}`)
    const agent = defineAgent({
      name: 'chief',
      concurrency: 1,
      agents: [helper],
      planner: stepsPlanner(keys.map((key) => child('helper', key, key))),
    })
    const { ops } = await world({ agents: [agent, helper] })
    const runs = await Promise.all([ops.start(agent, 'one'), ops.start(agent, 'two')])
    for (const run of runs) expect(await run.result).toMatchObject({ status: 'completed' })
    expect(most).toBe(1)
    expect(tool.calls).toHaveLength(16)
  })

  test('an agent with concurrency 1 that calls itself does not deadlock', async () => {
    const agent: Agent = defineAgent({
      name: 'self',
      concurrency: 1,
      agents: ['self'],
      planner: planner((run) => {
        if (run.input === 0) return { type: 'finish', output: 'bottom' }
        if (run.decisions === 0) return { type: 'act', effects: [child('self', (run.input as number) - 1)] }
        return run.open > 0 ? { type: 'idle' } : { type: 'finish', output: run.latest[0]?.outcome?.status ?? '' }
      }),
    }) as Agent
    const { ops, clock } = await world({ agents: [agent] })
    expect(await now(clock, (await ops.start(agent, 3)).result)).toEqual({ status: 'completed', output: 'completed' })
  })

  test('ids of children follow from the parent and the key', async () => {
    const helper = defineAgent({ name: 'helper', planner: finishing('x') })
    const agent = defineAgent({ name: 'chief', agents: [helper], planner: stepsPlanner([child('helper', 'go', 'k')]) })
    const ids: string[][] = []
    for (let round = 0; round < 2; round += 1) {
      const { ops } = await world({ agents: [agent, helper] })
      const run = await ops.start(agent, 'go', { runId: 'fixed' })
      await run.result
      ids.push((await ops.list({ parentId: 'fixed' })).runs.map(({ runId }) => runId))
    }
    expect(ids[0]).toHaveLength(1)
    expect(ids[0]).toEqual(ids[1])
  })
})

describe('what goes in and out', () => {
  const numbers = jsonSchema<{ n: number }>({ type: 'object', properties: { n: { type: 'number' } }, required: ['n'] })

  test("a child's input is validated before it starts, and the failure is data", async () => {
    const helper = defineAgent({ name: 'helper', input: numbers, planner: finishing('x') })
    const agent = defineAgent({ name: 'chief', agents: [helper], planner: stepsPlanner([child('helper', { n: 'one' })]) })
    const { ops } = await world({ agents: [agent, helper] })
    expect(await (await ops.start(agent, 'go')).result).toEqual({ status: 'completed', output: ['failed: INPUT_INVALID'] })
    expect((await ops.list({ agent: 'helper' })).runs).toHaveLength(0)
  })

  test('an agent with an input schema is offered with that schema and gets the arguments as they are', async () => {
    const helper = defineAgent({
      name: 'helper',
      input: numbers,
      planner: planner((run) => ({ type: 'finish', output: (run.input as { n: number }).n + 1 })),
    })
    const model = scriptedModel([
      { toolCalls: [{ name: 'helper', input: { n: 41 } }] },
      { text: 'ok', expect: { toolResults: [42] } },
    ])
    const agent = defineAgent({ name: 'chief', model, agents: [helper] })
    const { ops } = await world({ agents: [agent, helper] })
    expect(await (await ops.start(agent, 'go')).result).toMatchObject({ status: 'completed' })
    expect(model.calls[0]?.options.tools?.[0]).toMatchObject({ inputSchema: { properties: { n: { type: 'number' } } } })
    model.assertComplete()
  })

  test("a child's output fits its schema or it has failed", async () => {
    const helper = defineAgent({ name: 'helper', output: numbers, planner: finishing({ n: 'x' }), limits: { repairs: 0 } })
    const agent = defineAgent({ name: 'chief', agents: [helper], planner: stepsPlanner([child('helper')]) })
    const { ops } = await world({ agents: [agent, helper] })
    expect(await (await ops.start(agent, 'go')).result).toMatchObject({ output: ['failed: OUTPUT_INVALID'] })
  })

  test('the failure of a child is data that the model reads', async () => {
    const failing = planner(() => ({ type: 'fail', error: { code: 'PLAN_FAILED', message: 'no way', retryable: false } }))
    const helper = defineAgent({ name: 'helper', planner: failing })
    const model = scriptedModel([
      { toolCalls: [{ name: 'helper', input: { input: 'try' } }] },
      { text: 'It failed.', expect: { toolResults: [/PLAN_FAILED: no way/] } },
    ])
    const agent = defineAgent({ name: 'chief', model, agents: [helper] })
    const { ops } = await world({ agents: [agent, helper] })
    expect(await (await ops.start(agent, 'go')).result).toEqual({ status: 'completed', output: 'It failed.' })
    model.assertComplete()
  })

  test('a child that is cancelled by itself is data for its parent', async () => {
    const helper = defineAgent({ name: 'helper', tools: [noting('wait', never)], planner: stepsPlanner([call('wait')]) })
    const agent = defineAgent({ name: 'chief', agents: [helper], planner: stepsPlanner([child('helper')]) })
    const { ops, clock } = await world({ agents: [agent, helper] })
    const run = await ops.start(agent, 'go')
    await until(
      clock,
      'the child runs',
      async () => (await ops.list({ parentId: run.id, status: ['running'] })).runs.length === 1,
    )
    await (await ops.run((await ops.list({ parentId: run.id })).runs[0]?.runId ?? '')).cancel('enough')
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['cancelled: RUN_CANCELLED'] })
  })

  test('a child has the tenant and the session of its parent and leaves nothing in the session', async () => {
    const helper = defineAgent({ name: 'helper', planner: finishing('secret of the child') })
    const agent = defineAgent({ name: 'chief', agents: [helper], planner: stepsPlanner([child('helper')]) })
    const model = scriptedModel([{ text: 'ok', expect: { messages: 3 } }])
    const later = defineAgent({ name: 'later', model })
    const { ops } = await world({ agents: [agent, helper, later] })
    const run = await ops.start(agent, 'go', { tenant: 'acme', session: 's' })
    await run.result
    expect((await ops.list({ parentId: run.id })).runs[0]).toMatchObject({ tenant: 'acme', session: 's' })
    expect(await (await ops.start(later, 'and?', { tenant: 'acme', session: 's' })).result).toMatchObject({ status: 'completed' })
  })

  test('a planner that asks for an agent that it was not given is refused', async () => {
    const helper = defineAgent({ name: 'helper', planner: finishing('x') })
    const agent = defineAgent({ name: 'chief', planner: stepsPlanner([child('helper')]) })
    const { ops } = await world({ agents: [agent, helper] })
    expect(await (await ops.start(agent, 'go')).result).toMatchObject({ output: ['failed: AGENT_UNKNOWN'] })
  })
})

describe('handoff', () => {
  test('the other agent gets the conversation without system messages, and its output is the output of the run', async () => {
    const billingModel = scriptedModel([
      (options) => {
        const roles = options.prompt.map((message) => message.role)
        expect(roles.filter((role) => role === 'system')).toHaveLength(1)
        const text = JSON.stringify(options.prompt)
        expect(text).toContain('My invoice is wrong')
        expect(text).toContain('I pass you on.')
        expect(text).not.toContain('You are the front desk')
        expect(text).not.toContain('transfer_to_billing')
        return 'Fixed.'
      },
    ])
    const billing = defineAgent({ name: 'billing', model: billingModel, instructions: 'You do invoices.' })
    const model = scriptedModel([
      { text: 'I pass you on.', toolCalls: [{ name: 'transfer_to_billing', input: { input: 'Fix the invoice' } }] },
    ])
    const desk = defineAgent({
      name: 'desk',
      model,
      instructions: 'You are the front desk.',
      agents: [{ agent: 'billing', handoff: true }],
    })
    const { ops } = await world({ agents: [desk, billing] })
    expect(await (await ops.start(desk, 'My invoice is wrong')).result).toEqual({ status: 'completed', output: 'Fixed.' })
    model.assertComplete()
    billingModel.assertComplete()
  })

  test('a handoff after tool calls passes their results on too', async () => {
    const billingModel = scriptedModel([{ text: 'Fixed.', expect: { promptIncludes: ['invoice 17', 'My invoice'] } }])
    const billing = defineAgent({ name: 'billing', model: billingModel })
    const model = scriptedModel([
      { toolCalls: [{ name: 'find', input: {} }] },
      { toolCalls: [{ name: 'transfer_to_billing', input: { input: 'Fix it' } }] },
    ])
    const desk = defineAgent({
      name: 'desk',
      model,
      tools: [noting('find', () => 'invoice 17')],
      agents: [{ agent: 'billing', handoff: true }],
    })
    const { ops } = await world({ agents: [desk, billing] })
    expect(await (await ops.start(desk, 'My invoice')).result).toEqual({ status: 'completed', output: 'Fixed.' })
    billingModel.assertComplete()
  })

  test('a handoff that fails fails the run', async () => {
    const failing = planner(() => ({ type: 'fail', error: { code: 'PLAN_FAILED', message: 'no', retryable: false } }))
    const billing = defineAgent({ name: 'billing', planner: failing })
    const model = scriptedModel([{ toolCalls: [{ name: 'transfer_to_billing', input: { input: 'x' } }] }])
    const desk = defineAgent({ name: 'desk', model, agents: [{ agent: 'billing', handoff: true }] })
    const { ops } = await world({ agents: [desk, billing] })
    expect(await (await ops.start(desk, 'go')).result).toMatchObject({ status: 'failed', error: { code: 'PLAN_FAILED' } })
  })
})

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
