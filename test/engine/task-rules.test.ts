/** Rules of tasks: they make a call stricter, and with it everything that is done for it. */
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  type Agent,
  auditOf,
  defineAgent,
  type Effect,
  type Json,
  type Policy,
  type PolicyRule,
  type TaskRule,
} from '../../src/index.ts'
import { call, child, noting, type NotingTool, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, ofType, outcomeAt, outcomeOf } from './support/world.ts'
import { NO_PAYING, HIDDEN, ASK, PAY, under, agentOf, boss, ran, completed, asText, childOf } from './support/task-rules.ts'

afterEach(closeAll)

describe('rules of a call of a tool', () => {
  test('deny it, and the history and the audit name rule and task', async () => {
    const pay = noting('pay')
    const { outcome, events } = await ran([agentOf('clerk', [pay], [under(PAY, [NO_PAYING], 'settle')])])
    expect(outcome).toEqual(completed('denied: POLICY_DENIED'))
    expect(pay.calls).toEqual([])
    expect(ofType(events, 'policy-verdict')).toMatchObject([{ key: 'it', verdict: 'deny', rule: 'no paying' }])
    expect(auditOf(events)).toMatchObject([{ tool: 'pay', task: 'settle', verdict: 'deny', rule: 'no paying', attempts: 0 }])
  })

  test('hold for that call alone', async () => {
    const pay = noting('pay')
    const { outcome } = await ran([agentOf('clerk', [pay], [under(PAY, [HIDDEN]), call('pay', { to: 'bob' }, 'other')])])
    expect(outcome).toEqual(completed('denied: POLICY_DENIED', 'pay done'))
    expect(pay.calls.map(({ input }) => input)).toEqual([{ to: 'bob' }])
  })

  test('have it ask, durably, where the policy says nothing', async () => {
    const pay = noting('pay')
    const { clock, run, outcome } = await ran([agentOf('clerk', [pay], [under(PAY, [ASK])])])
    expect(outcome).toBeUndefined()
    expect(await run.approvals()).toMatchObject([{ key: 'it', tool: 'pay' }])
    await run.approve('it', { by: 'grace' })
    expect(await outcomeOf(clock, run)).toEqual(completed('pay done'))
  })

  test.each<[string, readonly PolicyRule[], Policy['otherwise'], readonly TaskRule[], string]>([
    ['an ask loosens no deny', [NO_PAYING], 'allow', [ASK], 'denied: POLICY_DENIED'],
    ['an ask loosens no default', [], 'deny', [ASK], 'failed: TOOL_UNKNOWN'],
    ['a deny is stronger than an allow', [{ verdict: 'allow', tool: 'pay' }], 'deny', [NO_PAYING], 'denied: POLICY_DENIED'],
    ['one that does not apply changes nothing', [], 'allow', [{ ...NO_PAYING, tool: 'refund' }], 'pay done'],
    ['one about another caller changes nothing', [], 'allow', [{ ...NO_PAYING, role: 'trainee' }], 'pay done'],
    ['one about another agent changes nothing', [], 'allow', [{ ...NO_PAYING, agent: 'cook' }], 'pay done'],
  ])('%s', async (_, rules, otherwise, own, end) => {
    const agent = agentOf('clerk', [noting('pay')], [under(PAY, own)])
    const { outcome } = await ran([agent], { rules, ...(otherwise === undefined ? undefined : { otherwise }) })
    expect(outcome).toEqual(completed(end))
  })

  test('go by arguments as the policy does, also where the policy looks at none', async () => {
    const rules: readonly TaskRule[] = [{ verdict: 'deny', tool: 'pay', arguments: { '/amount': { above: 5 } } }]
    const effects = [3, 7].map((amount) => under(call('pay', { amount }, `of${amount}`), rules))
    const { outcome, events } = await ran([agentOf('clerk', [noting('pay')], effects)])
    expect(outcome).toEqual(completed('pay done', 'denied: POLICY_DENIED'))
    expect(ofType(events, 'policy-verdict')).toMatchObject([{ key: 'of7', rule: 'task rule 1' }])
  })

  test('hold for what the schema makes of the arguments', async () => {
    const pay = { ...noting('pay'), input: z.object({ amount: z.number().default(700) }) } as unknown as NotingTool
    const rules: readonly TaskRule[] = [{ verdict: 'deny', tool: 'pay', arguments: { '/amount': { above: 500 } } }]
    const { outcome } = await ran([agentOf('clerk', [pay], [under(call('pay', {}, 'it'), rules)])])
    expect(outcome).toEqual(completed('denied: POLICY_DENIED'))
    const below = await ran([boss('clerk', rules), agentOf('clerk', [pay], [call('pay', {}, 'it')])])
    expect(below.outcome).toEqual(asText('denied: POLICY_DENIED'))
    expect(pay.calls).toEqual([])
  })

  test('are only tried in a dry run', async () => {
    const agent = agentOf('clerk', [noting('pay')], [under(PAY, [HIDDEN])])
    const { outcome, events } = await ran([agent], { rules: [], mode: 'dry-run' })
    expect(outcome).toEqual(completed('pay done'))
    expect(ofType(events, 'policy-verdict')).toMatchObject([{ key: 'it', verdict: 'deny', rule: 'no paying', dryRun: true }])
  })

  test('hold for what is called through a front tool, which sees what they hide', async () => {
    const seen: boolean[] = []
    const behind = noting('pay')
    const front = {
      ...noting('proxy', (_, context) => void seen.push(context.isHidden('pay'))),
      route: (input: Json, context: { isHidden(tool: string): boolean }) => {
        seen.push(context.isHidden('pay'))
        return input === 'pay' || (input as { to?: string }).to !== undefined ? { tool: behind, input } : undefined
      },
    } as unknown as NotingTool
    const through = (rules: readonly TaskRule[], input: Json, key: string) => under(call('proxy', input, key), rules)
    const steps = [
      [through([HIDDEN], { to: 'ada' }, 'hidden')],
      [through([NO_PAYING], { to: 'ada' }, 'denied')],
      [through([HIDDEN], {}, 'own')],
      [call('proxy', {}, 'free')],
    ]
    const { events } = await ran([agentOf('clerk', [front], ...steps)])
    expect(outcomeAt(events, 'hidden')).toEqual({ status: 'failed', code: 'TOOL_UNKNOWN' })
    expect(outcomeAt(events, 'denied')).toEqual({ status: 'denied', code: 'POLICY_DENIED' })
    expect(seen).toEqual([true, false, true, true, false, false])
    expect(behind.calls).toEqual([])
  })
})

describe('rules that cannot be used fail the decision', () => {
  test.each<[string, unknown, RegExp]>([
    ['an allow', [{ verdict: 'allow', tool: 'pay' }], /task rule 1: .*ask or deny, not allow/],
    ['an unknown verdict', [{ verdict: 'forbid' }], /"forbid" is none of/],
    ['a misspelt member', [{ verdict: 'deny', tol: 'pay' }], /no member "tol"/],
    ['what is no list', { verdict: 'deny' }, /not a list/],
    ['what is no rule', ['deny'], /must be an object/],
    ['a wrong pointer', [{ verdict: 'deny', arguments: { to: {} } }], /not a JSON Pointer/],
  ])('%s', async (_, rules, text) => {
    for (const effect of [PAY, child('other', 'go', 'it')]) {
      const clerk = defineAgent({
        name: 'clerk',
        tools: [noting('pay')],
        agents: ['other'],
        planner: stepsPlanner([under(effect, rules as TaskRule[])]),
      })
      const { outcome } = await ran([clerk as unknown as Agent, agentOf('other', [])])
      expect(outcome).toMatchObject({ status: 'failed', error: { code: 'PLANNER_DECISION_INVALID' } })
      expect(outcome?.status === 'failed' ? outcome.error.message : '').toMatch(text)
    }
  })

  test('and so does a task that is no text', async () => {
    for (const effect of [PAY, child('clerk', 'go', 'it')]) {
      const { outcome } = await ran([agentOf('clerk', [noting('pay')], [{ ...effect, task: 7 } as unknown as Effect])])
      expect(outcome).toMatchObject({ error: { code: 'PLANNER_DECISION_INVALID', message: expect.stringMatching(/task is 7/) } })
    }
  })
})

describe('rules of a call of an agent', () => {
  test('hold for the call itself, as of any tool', async () => {
    const agents = [boss('clerk', [{ verdict: 'deny', tool: 'clerk' }]), agentOf('clerk', [])]
    expect((await ran(agents)).outcome).toEqual(completed('denied: POLICY_DENIED'))
  })

  test('hold for all that the child run does', async () => {
    const pay = noting('pay')
    const at = await ran([boss('clerk', [NO_PAYING]), agentOf('clerk', [pay], [PAY])])
    expect(at.outcome).toEqual(asText('denied: POLICY_DENIED'))
    expect(pay.calls).toEqual([])
    const { runId, task, rules } = await childOf(at, at.run.id)
    expect({ task, rules }).toEqual({ task: 'of-clerk', rules: [NO_PAYING] })
    expect(auditOf(await historyOf(at.ops, runId))).toMatchObject([
      { task: 'of-clerk', rule: 'no paying', code: 'POLICY_DENIED' },
    ])
  })

  test('hide from it what they always deny', async () => {
    let shown: readonly string[] = []
    const look = planner((run) => ((shown = run.tools.map(({ name }) => name)), { type: 'finish', output: null }))
    const clerk = defineAgent({ name: 'clerk', tools: [noting('pay'), noting('read')], planner: look }) as unknown as Agent
    const seen = async (rules: readonly TaskRule[], mode: Policy['mode']) => {
      await ran([boss('clerk', rules), clerk], { rules: [], ...(mode === undefined ? undefined : { mode }) })
      return shown
    }
    expect(await seen([HIDDEN], 'enforce')).toEqual(['read'])
    expect(await seen([NO_PAYING], 'enforce')).toEqual(['pay', 'read'])
    expect(await seen([HIDDEN], 'dry-run')).toEqual(['pay', 'read'])
    expect(await seen([{ ...HIDDEN, agent: 'boss' }], 'enforce')).toEqual(['pay', 'read'])
  })

  test('hide it from a run of the same agent under them alone', async () => {
    const shown: (readonly string[])[] = []
    const look = planner((run) => (shown.push(run.tools.map(({ name }) => name)), { type: 'finish', output: null }))
    const clerk = defineAgent({ name: 'clerk', tools: [noting('pay')], planner: look }) as unknown as Agent
    const steps = [[under(child('clerk', 1, 'a'), [HIDDEN])], [child('clerk', 2, 'b')], [under(child('clerk', 3, 'c'), [ASK])]]
    await ran([defineAgent({ name: 'boss', agents: ['clerk'], planner: stepsPlanner(...steps) }) as unknown as Agent, clerk])
    expect(shown).toEqual([[], ['pay'], ['pay']])
  })

  test('go on below it, together with those of the tasks in between', async () => {
    const [pay, mail] = [noting('pay'), noting('mail')]
    const clerk = agentOf('clerk', [pay, mail], [PAY, call('mail', { to: 'ada' }, 'post')])
    const NO_MAIL: TaskRule = { verdict: 'deny', tool: 'mail', arguments: { '/to': { exists: true } } }
    const at = await ran([boss('middle', [NO_PAYING]), boss('clerk', [NO_MAIL], 'middle'), clerk])
    expect(at.outcome).toEqual({ status: 'completed', output: [[['denied: POLICY_DENIED', 'denied: POLICY_DENIED']]] })
    const middle = await childOf(at, at.run.id)
    const { runId, task, rules } = await childOf(at, middle.runId)
    expect({ task, rules }).toEqual({ task: 'of-middle/of-clerk', rules: [NO_PAYING, NO_MAIL] })
    expect(auditOf(await historyOf(at.ops, runId)).map((record) => [record.task, record.rule])).toEqual([
      ['of-middle/of-clerk', 'no paying'],
      ['of-middle/of-clerk', 'task rule 2'],
    ])
  })

  test('hold for an agent that acts for its caller, by either name', async () => {
    const form = defineAgent({ name: 'form', tools: [noting('pay')], asCaller: true, planner: stepsPlanner([PAY]) })
    for (const agent of ['form', 'clerk']) {
      const clerk = defineAgent({ name: 'clerk', agents: ['form'], planner: stepsPlanner([child('form')]) }) as unknown as Agent
      const agents = [boss('clerk', [{ ...NO_PAYING, agent }]), clerk, form as unknown as Agent]
      expect((await ran(agents)).outcome).toEqual({ status: 'completed', output: [[['denied: POLICY_DENIED']]] })
      const hidden = [boss('clerk', [{ ...HIDDEN, agent }]), clerk, form as unknown as Agent]
      expect((await ran(hidden)).outcome).toEqual({ status: 'completed', output: [[['failed: TOOL_UNKNOWN']]] })
    }
  })

  test('are known to its tools, which ask what is hidden', async () => {
    const seen: boolean[] = []
    const lister = noting('list', (_, context) => void seen.push(context.isHidden('pay'), context.isHidden('mail')))
    await ran([boss('clerk', [HIDDEN]), agentOf('clerk', [lister], [call('list')])])
    expect(seen).toEqual([true, false])
  })
})
