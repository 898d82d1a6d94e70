/** Rules of tasks as documents and code of workflows give them. */
import { afterEach, describe, expect, test } from 'vitest'
import {
  type Agent,
  auditOf,
  type Effect,
  type Json,
  OpspawnError,
  type RunEffect,
  type TaskRule,
  type Tool,
  type ToolEffect,
} from '../../src/index.ts'
import { defineWorkflow, type WorkflowFunction } from '../../src/plugins/planner-code/index.ts'
import { loadWorkflow } from '../../src/plugins/planner-workflow/index.ts'
import { call, noting } from './support/parts.ts'
import { closeAll, historyOf, ofType, outcomeOf, until } from './support/world.ts'
import { PAY, agentOf, ran, completed } from './support/task-rules.ts'

afterEach(closeAll)

describe('tasks of workflow documents', () => {
  const names = (effects: readonly Effect[]) =>
    effects.map((effect): [string, unknown] => {
      const { task, rules } = effect as ToolEffect | RunEffect
      return [effect.key, [task, rules?.map(({ name }) => name)]]
    })

  test('carry their rules with names, for each item and each attempt', async () => {
    const flaky = noting('flaky', () => Promise.reject(new OpspawnError('TOOL_FAILED', 'away', { retryable: true })))
    const flow = await loadWorkflow(
      {
        name: 'flow',
        tasks: {
          each: {
            forEach: [{ of: 1 }, { of: 2 }],
            tool: 'flaky',
            retry: { attempts: 2, backoff: '1ms' },
            failure: 'continue',
            rules: [
              { verdict: 'deny', tool: 'nothing*' },
              { name: 'own', verdict: 'ask', arguments: { '/never': { exists: true } } },
            ],
          },
          plain: { needs: 'each', tool: 'flaky', failure: 'continue' },
        },
      },
      { tools: [flaky] },
    )
    const at = await ran([flow])
    await outcomeOf(at.clock, at.run)
    const effects = ofType(await historyOf(at.ops, at.run.id), 'decision').flatMap(({ effects: asked }) => asked)
    const calls = effects.filter(({ kind }) => kind === 'tool')
    const rules = ['each rule 1', 'own']
    const items = ['each[0]', 'each[1]', 'each[0]#2', 'each[1]#2'].map((key) => [key, ['each', rules]] as const)
    expect(new Map(names(calls))).toEqual(new Map<string, unknown>([...items, ['plain', ['plain', undefined]]]))
  })

  test('an attempt that is made again is denied as the first would be', async () => {
    const flaky = noting('flaky', () => Promise.reject(new OpspawnError('TOOL_FAILED', 'away', { retryable: true })))
    const rule = { verdict: 'ask', tool: 'flaky' }
    const flow = await loadWorkflow(
      { name: 'flow', tasks: { it: { tool: 'flaky', retry: { attempts: 2, backoff: '1ms' }, rules: [rule] } } },
      { tools: [flaky] },
    )
    const { clock, run } = await ran([flow])
    await run.approve('it', { by: 'grace' })
    const asks = async () => {
      await clock.advance(5)
      return (await run.approvals()).some(({ key }) => key === 'it#2')
    }
    await until(clock, 'it asks for the second', asks)
    expect(flaky.calls).toHaveLength(1)
    await run.deny('it#2', { by: 'grace' })
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed', error: { code: 'APPROVAL_DENIED' } })
  })

  test('of agents and workflows hold for what these do, tasks of tasks together', async () => {
    const pay = noting('pay')
    const clerk = agentOf('clerk', [pay], [PAY, call('pay', { to: 'bob' }, 'other')])
    const to = (name: string): TaskRule => ({ verdict: 'deny', tool: 'pay', arguments: { '/to': { equals: name } } })
    const inner = await loadWorkflow(
      { name: 'inner', tasks: { ask: { agent: 'clerk', rules: [to('ada')] } } },
      { agents: [clerk] },
    )
    const outer = await loadWorkflow(
      { name: 'outer', tasks: { review: { workflow: 'inner', rules: [to('bob')] } }, output: '${{ tasks.review.output.ask }}' },
      { agents: [inner] },
    )
    const at = await ran([outer, inner, clerk])
    expect(at.outcome).toEqual(completed('denied: POLICY_DENIED', 'denied: POLICY_DENIED'))
    const { runs } = await at.ops.list({ agent: 'clerk' })
    const audit = auditOf(await historyOf(at.ops, runs[0]?.runId ?? ''))
    expect(audit.map(({ task, rule }) => [task, rule])).toEqual([
      ['review/ask', 'ask rule 1'],
      ['review/ask', 'review rule 1'],
    ])
    expect(auditOf(at.events).map(({ task }) => task)).toEqual(['review'])
    expect(pay.calls).toEqual([])
  })

  test('that run on failure carry theirs too', async () => {
    const [bad, undo] = [noting('bad', () => Promise.reject(new Error('no'))), noting('undo')]
    const flow = await loadWorkflow(
      {
        name: 'flow',
        tasks: { bad: { tool: 'bad', onFailure: 'undo' }, undo: { tool: 'undo', rules: [{ verdict: 'deny', tool: 'undo' }] } },
      },
      { tools: [bad, undo] },
    )
    const { outcome } = await ran([flow])
    expect(outcome).toMatchObject({ error: { details: { compensations: [{ task: 'undo', code: 'POLICY_DENIED' }] } } })
    expect(undo.calls).toEqual([])
  })
})

describe('calls of workflows in code', () => {
  const workflow = (run: WorkflowFunction<Json, unknown>, tools: readonly Tool[], agents: readonly Agent[] = []): Agent =>
    defineWorkflow({ name: 'code', tools, agents }, run as WorkflowFunction<unknown, unknown>) as unknown as Agent
  const code = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: OpspawnError) => error.code)

  test('take rules, for tools, agents and workflows, which say whose they are', async () => {
    const pay = noting('pay')
    const clerk = agentOf('clerk', [pay], [PAY])
    const rules: readonly TaskRule[] = [{ verdict: 'deny', tool: 'pay', arguments: { '/to': { exists: true } } }]
    const flow = workflow(
      async (ctx) => [
        await code(ctx.tool(pay, { to: 'ada' }, { rules })),
        await ctx.agent(clerk as never, 'go', { name: 'asks', rules }),
        await ctx.workflow(clerk as never, 'go', { rules }),
        await ctx.tool(pay, { to: 'ada' }),
      ],
      [pay],
      [clerk],
    )
    const at = await ran([flow, clerk])
    const denied = ['denied: POLICY_DENIED']
    expect(await outcomeOf(at.clock, at.run)).toEqual(completed('POLICY_DENIED', denied, denied, 'pay done'))
    const { runs } = await at.ops.list({ agent: 'clerk' })
    expect(new Map(runs.map(({ task, rules: own }) => [task, own?.[0]?.name]))).toEqual(
      new Map([
        ['asks', 'asks rule 1'],
        ['clerk', 'clerk rule 1'],
      ]),
    )
    expect(auditOf(await historyOf(at.ops, at.run.id)).map(({ task, rule }) => [task, rule])).toEqual([
      ['pay', 'pay rule 1'],
      ['asks', undefined],
      ['clerk', undefined],
      ['pay', undefined],
    ])
  })

  test('whose rules are no list fail the run', async () => {
    const pay = noting('pay')
    const flow = workflow(async (ctx) => code(ctx.tool(pay, {}, { rules: 'deny' as never })), [pay])
    const { clock, run } = await ran([flow])
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed', error: { code: 'PLANNER_DECISION_INVALID' } })
    expect(pay.calls).toEqual([])
  })
})
