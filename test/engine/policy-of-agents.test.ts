/** Rules about agents that call and are called, and what models are shown of tools and agents under rules. */
import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent, type Json, type Policy, type PolicyRule } from '../../src/index.ts'
import { scriptedModel } from '../../src/testing/index.ts'
import { ask, call, child, noting, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, now, outcomeAt, outcomeOf, world } from './support/world.ts'

afterEach(closeAll)

describe('what the model is shown', () => {
  test('a tool that is denied whatever its arguments is not offered', async () => {
    const model = scriptedModel([{ text: 'ok', expect: { toolNames: ['read'] } }])
    const agent = defineAgent({ name: 'clerk', model, tools: [noting('read'), noting('send')] })
    const { ops } = await world({ agents: [agent], policy: { rules: [{ verdict: 'deny', tool: 'send' }] } })
    expect(await (await ops.start(agent, 'hi')).result).toMatchObject({ status: 'completed' })
    model.assertComplete()
  })

  test('a tool that is denied only with some arguments is offered', async () => {
    const model = scriptedModel([{ text: 'ok', expect: { toolNames: ['send'] } }])
    const agent = defineAgent({ name: 'clerk', model, tools: [noting('send')] })
    const rules: PolicyRule[] = [{ verdict: 'deny', tool: 'send', arguments: { '/to': { equals: 'eve' } } }]
    const { ops } = await world({ agents: [agent], policy: { rules } })
    await (
      await ops.start(agent, 'hi')
    ).result
    model.assertComplete()
  })

  test('a tool that is denied to one tenant is offered to the others', async () => {
    const model = scriptedModel([
      { text: 'a', expect: { toolNames: [] } },
      { text: 'b', expect: { toolNames: ['send'] } },
    ])
    const agent = defineAgent({ name: 'clerk', model, tools: [noting('send')] })
    const { ops } = await world({ agents: [agent], policy: { rules: [{ verdict: 'deny', tool: 'send', tenant: 'acme' }] } })
    await (
      await ops.start(agent, 'hi', { tenant: 'acme' })
    ).result
    await (
      await ops.start(agent, 'hi', { tenant: 'globex' })
    ).result
    model.assertComplete()
  })

  test('a planner that names a hidden tool does not get it shown to the model', async () => {
    const model = scriptedModel(['ok'])
    const agent = defineAgent({
      name: 'clerk',
      model,
      tools: [noting('read'), noting('send')],
      planner: stepsPlanner([{ ...ask('hi'), tools: ['read', 'send'] } as ReturnType<typeof ask>]),
    })
    const { ops } = await world({ agents: [agent], policy: { rules: [{ verdict: 'deny', tool: 'send' }] } })
    await (
      await ops.start(agent, 'hi')
    ).result
    expect((model.calls[0]?.options.tools ?? []).map((tool) => tool.name)).toEqual(['read'])
  })

  test('a call of a hidden tool is refused all the same', async () => {
    const send = noting('send')
    const agent = defineAgent({ name: 'clerk', tools: [send], planner: stepsPlanner([call('send')]) })
    const { ops } = await world({ agents: [agent], policy: { rules: [{ verdict: 'deny', tool: 'send' }] } })
    const run = await ops.start(agent, 'hi')
    await run.result
    expect(send.calls).toHaveLength(0)
    expect(outcomeAt(await historyOf(ops, run.id), 'send')?.status).not.toBe('completed')
  })
})

describe('a rule on another agent holds for every way to call it', () => {
  const ways = ['called', 'handed over to'] as const
  const names = ['billing', 'transfer_to_billing'] as const
  const both = ways.flatMap((way) => names.map((name) => [name, way] as const))

  /** What becomes of a call of agent `billing`: not shown, refused, waiting for a person, or made. */
  async function fateOfBilling(rule: PolicyRule, way: (typeof ways)[number], otherwise: Policy['otherwise'] = 'allow') {
    const handoff = way === 'handed over to'
    const shown = handoff ? 'transfer_to_billing' : 'billing'
    const billing = defineAgent({ name: 'billing', model: scriptedModel(['Fixed.']) })
    const model = scriptedModel([{ toolCalls: [{ name: shown, input: { input: 'Refund 900' } }] }, 'Well.'])
    const desk = defineAgent({ name: 'desk', model, agents: [{ agent: 'billing', handoff }] })
    const { ops, clock } = await world({ agents: [desk, billing], policy: { rules: [rule], otherwise } })
    const run = await ops.start(desk, 'go')
    await now(clock, run.result)
    const made = async (): Promise<number> => (await ops.list({ agent: 'billing' })).runs.length
    if ((await made()) > 0) return 'made'
    const [pending] = await run.approvals()
    if (pending === undefined) return (model.calls[0]?.options.tools ?? []).length === 0 ? 'not shown' : 'refused'
    await run.approve(pending.key, { by: 'grace' })
    await outcomeOf(clock, run)
    return (await made()) === 1 ? 'asked' : 'asked in vain'
  }

  test.each(both)('deny %s, %s', async (tool, way) => {
    expect(await fateOfBilling({ verdict: 'deny', tool }, way)).toBe('not shown')
    expect(await fateOfBilling({ verdict: 'deny', tool, arguments: { '/input': { matches: '*900' } } }, way)).toBe('refused')
    expect(await fateOfBilling({ verdict: 'deny', tool: `${tool}s` }, way)).toBe('made')
  })
  test.each(both)('ask about %s, %s', async (tool, way) => {
    expect(await fateOfBilling({ verdict: 'ask', tool }, way)).toBe('asked')
  })
  test.each(both)('allow %s where nothing else is, %s', async (tool, way) => {
    expect(await fateOfBilling({ verdict: 'allow', tool }, way, 'deny')).toBe('made')
    expect(await fateOfBilling({ verdict: 'allow', tool: `${tool}s` }, way, 'deny')).toBe('not shown')
  })
})

describe('agents as tools', () => {
  test('a rule about an agent holds where the agent is called like a tool', async () => {
    const rules: PolicyRule[] = [{ verdict: 'deny', tool: 'helper', arguments: { '/input': { equals: 'go' } } }]
    const helper = defineAgent({ name: 'helper', planner: planner(() => ({ type: 'finish', output: 'helped' })) })
    const agent = defineAgent({ name: 'clerk', agents: [helper], planner: stepsPlanner([child('helper')]) })
    const { ops } = await world({ agents: [agent, helper], policy: { rules } })
    expect(await (await ops.start(agent, 'hi')).result).toEqual({ status: 'completed', output: ['denied: POLICY_DENIED'] })
    expect((await ops.list({ agent: 'helper' })).runs).toHaveLength(0)
  })

  test.each<[string, Json, PolicyRule['arguments'], boolean]>([
    ['the text', 'delete all', { '/input': { matches: '*delete*' } }, true],
    ['another text', 'list all', { '/input': { matches: '*delete*' } }, false],
    ['that there is one', 'delete all', { '/input': { exists: false } }, false],
    ['all of it', 'go', { '': { equals: { input: 'go' } } }, true],
    ['data of a planner, in the form of a model', { a: 1 }, { '/input/a': { equals: 1 } }, true],
    ['data of a planner, as it is', { a: 1 }, { '/a': { equals: 1 } }, true],
    ['data that looks like the form of a model', { input: 'delete' }, { '/input': { equals: 'delete' } }, true],
  ])('rules look into what an agent that takes a text is called with: %s', async (_what, input, conditions, denied) => {
    const helper = defineAgent({ name: 'helper', planner: planner(() => ({ type: 'finish', output: 'helped' })) })
    const agent = defineAgent({ name: 'clerk', agents: [helper], planner: stepsPlanner([child('helper', input)]) })
    const rules: PolicyRule[] = [{ verdict: 'deny', tool: 'helper', arguments: conditions ?? {} }]
    const { ops } = await world({ agents: [agent, helper], policy: { rules } })
    const output = [denied ? 'denied: POLICY_DENIED' : 'helped']
    expect(await (await ops.start(agent, 'hi')).result).toEqual({ status: 'completed', output })
  })

  test('an agent that may never be called is not offered', async () => {
    const helper = defineAgent({ name: 'helper', planner: planner(() => ({ type: 'finish', output: 'helped' })) })
    const model = scriptedModel([{ text: 'ok', expect: { toolNames: [] } }])
    const agent = defineAgent({ name: 'clerk', model, agents: [helper] })
    const { ops } = await world({ agents: [agent, helper], policy: { rules: [{ verdict: 'deny', tool: 'helper' }] } })
    await (
      await ops.start(agent, 'hi')
    ).result
    model.assertComplete()
  })

  test('asking about an agent starts it only once approved', async () => {
    const helper = defineAgent({ name: 'helper', planner: planner(() => ({ type: 'finish', output: 'helped' })) })
    const agent = defineAgent({ name: 'clerk', agents: [helper], planner: stepsPlanner([child('helper')]) })
    const { ops, clock } = await world({ agents: [agent, helper], policy: { rules: [{ verdict: 'ask', tool: 'helper' }] } })
    const run = await ops.start(agent, 'hi')
    expect(await now(clock, run.result)).toBeUndefined()
    expect((await ops.list({ agent: 'helper' })).runs).toHaveLength(0)
    await run.approve('helper', { by: 'ada' })
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['helped'] })
  })

  test('rules hold in child runs, by the name of the child agent', async () => {
    const send = noting('send')
    const helper = defineAgent({ name: 'helper', tools: [send], planner: stepsPlanner([call('send', { to: 'eve' })]) })
    const agent = defineAgent({
      name: 'clerk',
      agents: [helper],
      tools: [send],
      planner: stepsPlanner([call('send', { to: 'eve' }), child('helper')]),
    })
    const rules: PolicyRule[] = [{ verdict: 'deny', agent: 'helper', arguments: { '/to': { equals: 'eve' } } }]
    const { ops } = await world({ agents: [agent, helper], policy: { rules } })
    const { output } = (await (await ops.start(agent, 'hi')).result) as { output?: unknown }
    expect(output).toEqual(['send done', ['denied: POLICY_DENIED']])
    expect(send.calls).toHaveLength(1)
  })
})
