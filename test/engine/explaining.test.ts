import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent, defineTool, explainCall, explainPolicy, type Json, type Policy, type Tool } from '../../src/index.ts'
import { noting, stepsPlanner } from './support/parts.ts'

const policy: Policy = {
  rules: [
    { name: 'big', verdict: 'deny', tool: 'refund', arguments: { '/amount': { above: 500 } }, reason: 'too much' },
    { name: 'refunds', verdict: 'ask', agent: 'support', tool: 'refund' },
    { verdict: 'allow', tool: 'refund', role: 'chief' },
    { verdict: 'deny', tenant: 'acme', principal: 'eve' },
  ],
}
const call = { agent: 'support', tool: 'refund', input: { amount: 900 } as Json }

describe('explainPolicy', () => {
  test('says which rule decides, which apply, and on which condition the others fail', () => {
    expect(explainPolicy(policy, call)).toEqual({
      tool: 'refund',
      verdict: 'deny',
      rule: 'big',
      reason: 'too much',
      isHidden: false,
      mode: 'enforce',
      rules: [
        { rule: 'big', verdict: 'deny', applies: true, decides: true, reason: 'too much' },
        { rule: 'refunds', verdict: 'ask', applies: true, decides: false },
        { rule: 'rule 3', verdict: 'allow', applies: false, decides: false, failed: 'role is not "chief"' },
        { rule: 'rule 4', verdict: 'deny', applies: false, decides: false, failed: 'tenant is not "acme"' },
      ],
    })
  })

  test('goes by tenant, caller and arguments', () => {
    const small = explainPolicy(policy, { ...call, input: { amount: 5 }, caller: { principal: 'ada', roles: ['chief'] } })
    expect(small).toMatchObject({
      verdict: 'ask',
      rule: 'refunds',
      rules: [{ failed: 'argument "/amount" is not {"above":500}' }, {}, { applies: true }, {}],
    })
    const eve = explainPolicy(policy, { agent: 'other', tool: 'look', input: {}, tenant: 'acme', caller: { principal: 'eve' } })
    expect(eve).toMatchObject({ verdict: 'deny', rule: 'rule 4', isHidden: true })
  })

  test('where none applies, `otherwise` decides', () => {
    const explained = explainPolicy({ rules: [], otherwise: 'ask' }, call)
    expect(explained).toMatchObject({ verdict: 'ask', rule: 'otherwise', rules: [] })
  })

  test('refuses what is no call, and a wrong policy', () => {
    expect(() => explainPolicy(policy, { ...call, who: 'ada' } as never)).toThrow(/no member "who"/)
    expect(() => explainPolicy({ rules: [{ verdict: 'forbid' as never }] }, call)).toThrow(/forbid/)
  })
})

describe('rules of a task', () => {
  const own = [
    { verdict: 'deny', tool: 'refund', arguments: { '/amount': { above: 100 } }, reason: 'no refunds here' },
    { name: 'helpers', verdict: 'ask', agent: 'helper' },
  ] as const

  test('are told behind those of the policy, and decide where they are stricter', () => {
    const explained = explainPolicy(policy, { ...call, input: { amount: 200 }, rules: own })
    expect(explained).toMatchObject({ verdict: 'deny', rule: 'task rule 1', reason: 'no refunds here', isHidden: false })
    expect(explained.rules.slice(-2)).toEqual([
      { rule: 'task rule 1', verdict: 'deny', applies: true, decides: true, reason: 'no refunds here' },
      { rule: 'helpers', verdict: 'ask', applies: false, decides: false, failed: 'agent is not "helper"' },
    ])
    expect(explained.rules.filter(({ decides }) => decides)).toHaveLength(1)
  })

  test('do not decide where the policy, or its default, is as strict', () => {
    const deciding = (of: Policy) => {
      const { rule, rules } = explainPolicy(of, { ...call, rules: own })
      return [rule, rules.filter(({ decides }) => decides).map(({ rule: name }) => name)]
    }
    expect(deciding(policy)).toEqual(['big', ['big']])
    expect(deciding({ rules: [], otherwise: 'deny' })).toEqual(['otherwise', []])
    expect(deciding({ rules: [], otherwise: 'ask' })).toEqual(['task rule 1', ['task rule 1']])
  })

  test('hide what they always deny, and one that allows is refused', () => {
    expect(explainPolicy(policy, { ...call, rules: [{ verdict: 'deny', tool: 'refund' }] }).isHidden).toBe(true)
    const loose = { ...call, rules: [{ verdict: 'allow' as never, tool: 'refund' }] }
    expect(() => explainPolicy(policy, loose)).toThrow(/task rule 1: .*not allow/)
  })
})

describe('explainCall', () => {
  const refund = defineTool({
    name: 'refund',
    description: 'Pays back.',
    input: z.object({ amount: z.number().default(900) }),
    approval: true,
    execute: () => 'paid',
  }) as unknown as Tool
  const front = {
    ...noting('proxy'),
    route: (input: Json) => ({ tool: refund, input: (input as { arguments: Json }).arguments }),
  } as Tool
  const support = defineAgent({ name: 'support', tools: [refund, front], planner: stepsPlanner() })
  const parts = { agents: [support], policy }

  test('judges the arguments as the schema makes them', async () => {
    expect(await explainCall(parts, { ...call, input: {} })).toMatchObject({ verdict: 'deny', decidedBy: 'big' })
    await expect(explainCall(parts, { ...call, input: { amount: 'x' } })).rejects.toMatchObject({ code: 'TOOL_INPUT_INVALID' })
  })

  test('looks through a front tool', async () => {
    const explained = await explainCall(parts, { agent: 'support', tool: 'proxy', input: { arguments: { amount: 501 } } })
    expect(explained).toMatchObject({
      verdict: 'deny',
      decidedBy: 'big',
      parts: [{ tool: 'refund' }, { tool: 'proxy', verdict: 'allow' }],
    })
  })

  test('judges what goes through a front tool as the schema of the tool behind makes it', async () => {
    const through = (args: Json) => ({ agent: 'support', tool: 'proxy', input: { arguments: args } })
    expect(await explainCall(parts, through({}))).toMatchObject({ verdict: 'deny', decidedBy: 'big' })
    await expect(explainCall(parts, through({ amount: 'x' }))).rejects.toMatchObject({
      code: 'TOOL_INPUT_INVALID',
      message: expect.stringContaining('"refund"') as string,
    })
  })

  test('says of a tool that sends data out what a run must have read for it to ask', async () => {
    const mail = noting('mail', undefined, { labels: ['outbound'] })
    const proxy = { ...noting('proxy'), route: () => ({ tool: mail, input: {} }) } as Tool
    const agents = [defineAgent({ name: 'support', tools: [mail, proxy], planner: stepsPlanner() })]
    for (const tool of ['mail', 'proxy'])
      expect(await explainCall({ agents }, { agent: 'support', tool, input: {} })).toMatchObject({
        verdict: 'allow',
        dataFlow: ['private', 'untrusted'],
      })
    const denied = { rules: [{ verdict: 'deny', tool: 'mail' }] } as const
    const refused = await explainCall({ agents, policy: denied }, { agent: 'support', tool: 'mail', input: {} })
    expect(refused.dataFlow).toBeUndefined()
  })

  test('knows the wish of a tool for an approval', async () => {
    const free = { agents: [support], policy: { rules: [] } }
    expect(await explainCall(free, call)).toMatchObject({ verdict: 'ask', decidedBy: 'tool refund' })
  })

  test('of a dry run it tells what is noted, and that the call is made', async () => {
    const explained = await explainCall({ agents: [support], policy: { ...policy, mode: 'dry-run' } }, call)
    expect(explained).toMatchObject({ verdict: 'ask', decidedBy: 'tool refund', parts: [{ verdict: 'deny', mode: 'dry-run' }] })
  })

  test('knows the agent and its tools', async () => {
    await expect(explainCall(parts, { ...call, agent: 'nobody' })).rejects.toMatchObject({ code: 'AGENT_UNKNOWN' })
    await expect(explainCall(parts, { ...call, tool: 'nothing' })).rejects.toMatchObject({ code: 'TOOL_UNKNOWN' })
  })
})
