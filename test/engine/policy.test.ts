import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent, type Json, type Policy, type PolicyRule, type StandardSchema } from '../../src/index.ts'
import { scriptedModel } from '../../src/testing/index.ts'
import { call, child, noting, type NotingTool, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, now, ofType, outcomeAt, world } from './support/world.ts'

afterEach(closeAll)

type Fate = 'allowed' | 'asked' | 'denied'

/** Calls a tool under rules and tells what became of the call. */
async function fate(
  rules: readonly PolicyRule[],
  input = {},
  { tool = noting('send'), otherwise, tenant }: { tool?: NotingTool; otherwise?: Policy['otherwise']; tenant?: string } = {},
): Promise<Fate> {
  const agent = defineAgent({ name: 'clerk', tools: [tool], planner: stepsPlanner([call(tool.name, input, 'it')]) })
  const { ops, clock } = await world({
    agents: [agent],
    policy: { rules, ...(otherwise === undefined ? {} : { otherwise }) },
  })
  const run = await ops.start(agent, 'go', tenant === undefined ? {} : { tenant })
  const outcome = await now(clock, run.result)
  const pending = (await run.approvals()).length
  const ended = outcome === undefined ? undefined : outcomeAt(await historyOf(ops, run.id), 'it')
  const found = outcome === undefined ? 'asked' : ended?.status === 'completed' ? 'allowed' : 'denied'
  expect({ pending, bodies: tool.calls.length }).toEqual({
    pending: found === 'asked' ? 1 : 0,
    bodies: found === 'allowed' ? 1 : 0,
  })
  return found
}

describe('which rule decides', () => {
  test('without rules a call is allowed', async () => {
    expect(await fate([])).toBe('allowed')
  })

  test('deny beats ask and allow wherever it stands', async () => {
    const conditional = { arguments: { '/to': { equals: 'eve' } } } as const
    for (const rules of [
      [{ verdict: 'deny', ...conditional }, { verdict: 'ask' }, { verdict: 'allow' }],
      [{ verdict: 'allow' }, { verdict: 'ask' }, { verdict: 'deny', ...conditional }],
    ] satisfies PolicyRule[][]) {
      expect(await fate(rules, { to: 'eve' })).toBe('denied')
    }
  })

  test('ask beats allow wherever it stands', async () => {
    expect(await fate([{ verdict: 'ask' }, { verdict: 'allow' }])).toBe('asked')
    expect(await fate([{ verdict: 'allow' }, { verdict: 'ask' }])).toBe('asked')
  })

  test.each([
    ['send', 'denied'],
    ['s*', 'denied'],
    ['*nd', 'denied'],
    ['s*d', 'denied'],
    ['*e*', 'denied'],
    ['*', 'denied'],
    ['sen', 'allowed'],
    ['Send', 'allowed'],
    ['s*x*d', 'allowed'],
    ['send*send', 'allowed'],
  ] as const)('tool pattern %s', async (pattern, expected) => {
    expect(await fate([{ verdict: 'deny', tool: pattern, arguments: { '/to': { exists: true } } }], { to: 1 })).toBe(expected)
  })

  test('a rule of another agent or tenant does not apply', async () => {
    expect(await fate([{ verdict: 'deny', agent: 'other' }])).toBe('allowed')
    expect(await fate([{ verdict: 'deny', tenant: 'acme' }], {}, { tenant: 'globex' })).toBe('allowed')
    expect(await fate([{ verdict: 'deny', tenant: 'acme' }], {}, { tenant: 'acme' })).toBe('denied')
    expect(await fate([{ verdict: 'deny', agent: 'cl*' }])).toBe('denied')
  })

  test('otherwise: deny lets only what a rule allows pass', async () => {
    expect(await fate([], {}, { otherwise: 'deny' })).toBe('denied')
    expect(await fate([{ verdict: 'allow', tool: 'send' }], {}, { otherwise: 'deny' })).toBe('allowed')
    expect(
      await fate([{ verdict: 'allow', arguments: { '/to': { equals: 'ada' } } }], { to: 'eve' }, { otherwise: 'deny' }),
    ).toBe('denied')
  })

  test('otherwise: ask asks where no rule applies', async () => {
    expect(await fate([], {}, { otherwise: 'ask' })).toBe('asked')
    expect(await fate([{ verdict: 'allow' }], {}, { otherwise: 'ask' })).toBe('allowed')
  })

  test.each([
    ['equals', { equals: { b: 1, a: [2] } }, { v: { a: [2], b: 1 } }, true],
    ['equals another', { equals: 1 }, { v: '1' }, false],
    ['notEquals', { notEquals: 1 }, { v: 2 }, true],
    ['notEquals same', { notEquals: 1 }, { v: 1 }, false],
    ['notEquals missing', { notEquals: 1 }, {}, false],
    ['oneOf', { oneOf: ['a', 'b'] }, { v: 'b' }, true],
    ['oneOf none', { oneOf: ['a', 'b'] }, { v: 'c' }, false],
    ['above', { above: 10 }, { v: 11 }, true],
    ['above equal', { above: 10 }, { v: 10 }, false],
    ['above text', { above: 10 }, { v: '11' }, false],
    ['below', { below: 10 }, { v: 9 }, true],
    ['matches', { matches: '*@corp.example' }, { v: 'eve@corp.example' }, true],
    ['matches not', { matches: '*@corp.example' }, { v: 'eve@other.example' }, false],
    ['matches number', { matches: '*' }, { v: 1 }, false],
    ['exists', { exists: true }, { v: null }, true],
    ['exists missing', { exists: true }, {}, false],
    ['exists false', { exists: false }, {}, true],
    ['exists false and equal to something', { exists: false, equals: 1 }, {}, false],
    ['all members', { above: 1, below: 3 }, { v: 2 }, true],
    ['all members not', { above: 1, below: 3 }, { v: 3 }, false],
  ] as const)('argument condition %s', async (_name, condition, input, applies) => {
    expect(await fate([{ verdict: 'deny', arguments: { '/v': condition } }], input)).toBe(applies ? 'denied' : 'allowed')
  })

  test('pointers reach into lists and escaped keys', async () => {
    const rules: PolicyRule[] = [{ verdict: 'deny', arguments: { '/a~1b/1/~0c': { equals: true } } }]
    expect(await fate(rules, { 'a/b': [0, { '~c': true }] })).toBe('denied')
    expect(await fate(rules, { 'a/b': [{ '~c': true }] })).toBe('allowed')
  })

  test('all argument conditions of a rule must hold', async () => {
    const rules: PolicyRule[] = [{ verdict: 'deny', arguments: { '/a': { equals: 1 }, '/b': { equals: 2 } } }]
    expect(await fate(rules, { a: 1 })).toBe('allowed')
    expect(await fate(rules, { a: 1, b: 2 })).toBe('denied')
  })
  test('another way of writing the name of a tool changes nothing', async () => {
    const tool = noting('mail.send')
    expect(
      await fate([{ verdict: 'deny', tool: 'mail_send', arguments: { '/to': { exists: true } } }], { to: 1 }, { tool }),
    ).toBe('denied')
  })
})

describe('what a schema makes of the arguments', () => {
  const amount = z.object({ amount: z.coerce.number().default(5000) })

  /** Calls a tool with this schema; tells what became of the call and what the body got. */
  async function paid(schema: StandardSchema | object, rules: readonly PolicyRule[], input: Json, otherwise?: 'deny') {
    const tool = { ...noting('pay'), input: schema }
    const agent = defineAgent({ name: 'clerk', tools: [tool as never], planner: stepsPlanner([call('pay', input, 'it')]) })
    const { ops, clock } = await world({ agents: [agent], policy: { rules, ...(otherwise && { otherwise }) } })
    const run = await ops.start(agent, 'go')
    const outcome = await now(clock, run.result)
    const bodies = tool.calls.map((each) => each.input)
    if (outcome === undefined) return ['asked', (await run.approvals())[0]?.input]
    const end = outcomeAt(await historyOf(ops, run.id), 'it')
    return end?.status === 'completed' ? ['made', ...bodies] : [end?.code, ...bodies]
  }
  const asynchronous = z.object({
    amount: z.coerce
      .number()
      .default(5000)
      .refine(async () => Promise.resolve(true)),
  })

  test.each([
    ['at once', amount],
    ['later', asynchronous],
  ])('rules judge what the body gets, checked %s', async (_when, schema) => {
    const deny: PolicyRule[] = [{ verdict: 'deny', arguments: { '/amount': { above: 100 } } }]
    expect(await paid(schema, deny, { amount: '500' })).toEqual(['POLICY_DENIED'])
    expect(await paid(schema, deny, {})).toEqual(['POLICY_DENIED'])
    expect(await paid(schema, deny, { amount: '50' })).toEqual(['made', { amount: 50 }])
    const asking: PolicyRule[] = [{ verdict: 'ask', arguments: { '/amount': { above: 100 } } }]
    expect(await paid(schema, asking, {})).toEqual(['asked', { amount: 5000 }])
    expect(await paid(schema, asking, { amount: '500' })).toEqual(['asked', { amount: 500 }])
  })
  test('what forbids or asks counts on the arguments as given too', async () => {
    const upper = z.object({ to: z.string().toUpperCase() })
    const rule = { arguments: { '/to': { equals: 'eve' } } } as const
    expect(await paid(upper, [{ verdict: 'deny', ...rule }], { to: 'eve' })).toEqual(['POLICY_DENIED'])
    expect(await paid(upper, [{ verdict: 'ask', ...rule }], { to: 'eve' })).toEqual(['asked', { to: 'EVE' }])
  })
  test('what allows must hold for what the body gets, and for nothing else', async () => {
    const allow: PolicyRule[] = [{ verdict: 'allow', arguments: { '/amount': { below: 100 } } }]
    expect(await paid(amount, allow, { amount: '50' }, 'deny')).toEqual(['made', { amount: 50 }])
    expect(await paid(amount, allow, {}, 'deny')).toEqual(['POLICY_DENIED'])
    const grows = z.object({ amount: z.number().transform((value) => value * 1000) })
    const documented = { validator: grows, jsonSchema: { type: 'object' } }
    expect(await paid(documented, allow, { amount: 5 }, 'deny')).toEqual(['POLICY_DENIED'])
  })
  test('dates are judged as their text, what is no JSON as it was given', async () => {
    const dated = { validator: z.object({ at: z.coerce.date() }), jsonSchema: { type: 'object' } }
    const late: PolicyRule[] = [{ verdict: 'deny', arguments: { '/at': { matches: '2030-*' } } }]
    expect(await paid(dated, late, { at: Date.UTC(2030, 1) })).toEqual(['POLICY_DENIED'])
    const listed = {
      validator: z.object({ to: z.array(z.string()).transform((names) => new Set(names)) }),
      jsonSchema: { type: 'object' },
    }
    const eve: PolicyRule[] = [{ verdict: 'deny', arguments: { '/to/0': { equals: 'eve' } } }]
    expect(await paid(listed, eve, { to: ['eve'] })).toEqual(['POLICY_DENIED'])
    expect(await paid(listed, eve, { to: ['ada'] })).toEqual(['made', { to: new Set(['ada']) }])
  })
  test('arguments that do not fit are told as that, unless a rule forbids them as they are', async () => {
    const deny: PolicyRule[] = [{ verdict: 'deny', arguments: { '/amount': { equals: 'much' } } }]
    expect(await paid(amount, deny, { amount: 'more' })).toEqual(['TOOL_INPUT_INVALID'])
    expect(await paid(amount, deny, { amount: 'much' })).toEqual(['POLICY_DENIED'])
  })
  test('a schema is asked no more often than before where no rule looks into the arguments', async () => {
    let checks = 0
    const counting = {
      validator: z.object({}).refine(() => (checks += 1)),
      jsonSchema: { type: 'object' },
    }
    await paid(counting, [{ verdict: 'allow' }, { verdict: 'deny', tool: 'other', arguments: { '/a': { equals: 1 } } }], {})
    expect(checks).toBe(1)
  })
  test('the input of another agent is judged as it gets it', async () => {
    const helper = defineAgent({ name: 'helper', input: amount, planner: planner(() => ({ type: 'finish', output: 'helped' })) })
    const agent = defineAgent({ name: 'clerk', agents: [helper], planner: stepsPlanner([child('helper', {}, 'it')]) })
    const rules: PolicyRule[] = [{ verdict: 'deny', tool: 'helper', arguments: { '/amount': { above: 100 } } }]
    const { ops } = await world({ agents: [agent, helper] as never, policy: { rules } })
    expect(await (await ops.start(agent, 'hi')).result).toEqual({ status: 'completed', output: ['denied: POLICY_DENIED'] })
  })
})

describe('what a refusal says', () => {
  test('the history names the rule and the model hears its reason', async () => {
    const model = scriptedModel([
      { toolCalls: [{ name: 'send', input: { to: 'eve' } }] },
      { text: 'sorry', expect: { toolResults: [/Eve is not to be written to/] } },
    ])
    const send = noting('send')
    const agent = defineAgent({ name: 'clerk', model, tools: [send] })
    const rules: PolicyRule[] = [
      { verdict: 'deny', name: 'no-eve', arguments: { '/to': { equals: 'eve' } }, reason: 'Eve is not to be written to' },
    ]
    const { ops } = await world({ agents: [agent], policy: { rules } })
    const run = await ops.start(agent, 'hi')
    expect(await run.result).toMatchObject({ status: 'completed' })
    model.assertComplete()
    const verdicts = ofType(await historyOf(ops, run.id), 'policy-verdict')
    expect(verdicts).toMatchObject([{ verdict: 'deny', rule: 'no-eve', reason: 'Eve is not to be written to' }])
    expect(send.calls).toHaveLength(0)
  })

  test('one denied call among several leaves the others alone', async () => {
    const send = noting('send')
    const effects = [call('send', { to: 'ada' }, 'a'), call('send', { to: 'eve' }, 'b'), call('send', { to: 'bob' }, 'c')]
    const agent = defineAgent({ name: 'clerk', tools: [send], planner: stepsPlanner(effects) })
    const rules: PolicyRule[] = [{ verdict: 'deny', arguments: { '/to': { equals: 'eve' } } }]
    const { ops } = await world({ agents: [agent], policy: { rules } })
    const run = await ops.start(agent, 'hi')
    expect(await run.result).toEqual({ status: 'completed', output: ['send done', 'denied: POLICY_DENIED', 'send done'] })
    expect(send.calls.map(({ input }) => input['to'])).toEqual(['ada', 'bob'])
  })
})

describe('policies that are wrong', () => {
  test.each([
    ['an unknown verdict', { rules: [{ verdict: 'forbid' }] }],
    ['a misspelt member', { rules: [{ verdict: 'deny', tools: 'send' }] }],
    ['a misspelt condition', { rules: [{ verdict: 'deny', arguments: { '/to': { equal: 1 } } }] }],
    ['a pointer without slash', { rules: [{ verdict: 'deny', arguments: { to: { equals: 1 } } }] }],
    ['an unknown otherwise', { rules: [], otherwise: 'maybe' }],
  ])('%s is refused at the start', async (_name, policy) => {
    await expect(world({ policy: policy as unknown as Policy })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
  })
})
