import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, jsonSchema, type Planner } from '../../src/index.ts'
import { scriptedModel } from '../../src/testing/index.ts'
import { call, child, gate, never, noting, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, now, outcomeOf, until, world } from './support/world.ts'

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
