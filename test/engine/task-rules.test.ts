/** Rules of tasks: they make a call stricter, and with it everything that is done for it. */
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  type Agent,
  auditOf,
  defineAgent,
  type Effect,
  type Json,
  OpspawnError,
  type Policy,
  type PolicyRule,
  type RunEffect,
  type RunOutcome,
  type TaskRule,
  type Tool,
  type ToolEffect,
} from '../../src/index.ts'
import { defineWorkflow, type WorkflowFunction } from '../../src/plugins/planner-code/index.ts'
import { loadWorkflow } from '../../src/plugins/planner-workflow/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { call, child, never, noting, type NotingTool, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, now, ofType, outcomeAt, outcomeOf, until, world, type World } from './support/world.ts'
import { memoryStore, sharedStore } from './support/wrappers.ts'

afterEach(closeAll)

const NO_PAYING: TaskRule = { name: 'no paying', verdict: 'deny', tool: 'pay', arguments: { '/to': { exists: true } } }
const HIDDEN: TaskRule = { name: 'no paying', verdict: 'deny', tool: 'pay' }
const ASK: TaskRule = { name: 'ask first', verdict: 'ask', tool: 'pay' }
const PAY = call('pay', { to: 'ada' }, 'it')

const under = (effect: Effect, rules: readonly PolicyRule[], task?: string): Effect =>
  ({ ...effect, rules, ...(task === undefined ? undefined : { task }) }) as Effect

const agentOf = (name: string, tools: readonly (Tool | string)[], ...steps: readonly (readonly Effect[])[]): Agent =>
  defineAgent({ name, tools, planner: stepsPlanner(...steps) }) as unknown as Agent

/** An agent that runs another one as a task, under rules. */
const boss = (of: string, rules: readonly TaskRule[], name = 'boss', agents: readonly string[] = [of]): Agent =>
  defineAgent({ name, agents, planner: stepsPlanner([under(child(of), rules, `of-${of}`)]) }) as unknown as Agent

/** Runs the first of some agents to its end, or until it waits. */
async function ran(agents: readonly Agent[], policy?: Policy) {
  const made = await world({ agents, ...(policy === undefined ? undefined : { policy }) })
  const run = await made.ops.start(agents[0]?.name ?? '', 'go')
  const outcome = await now(made.clock, run.result)
  return { ...made, run, outcome, events: outcome === undefined ? [] : await historyOf(made.ops, run.id) }
}

const completed = (...output: readonly Json[]): RunOutcome => ({ status: 'completed', output })
const asText = (...output: readonly Json[]): RunOutcome => ({ status: 'completed', output: [output] })

/** The only child of a run. */
async function childOf({ ops }: Pick<World, 'ops'>, parentId: string) {
  const { runs } = await ops.list({ parentId })
  expect(runs).toHaveLength(1)
  return runs[0] as NonNullable<(typeof runs)[0]>
}

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

describe('rules of a task stay', () => {
  test('when a call is tried again', async () => {
    const flaky = noting('flaky', () => Promise.reject(Object.assign(new Error('away'), { code: 'ECONNRESET' })), {
      retry: { attempts: 3, baseMs: 1 },
    })
    const { clock, run } = await ran([
      agentOf('clerk', [flaky], [under(call('flaky', {}, 'it'), [{ verdict: 'ask', tool: 'flaky' }])]),
    ])
    await run.approve('it', { by: 'grace' })
    await outcomeOf(clock, run)
    expect(flaky.calls).toHaveLength(3)
  })

  test('when a run goes on in the place of another', async () => {
    const pay = noting('pay')
    const loop: WorkflowFunction<Json, unknown> = async (ctx, input) =>
      input === 'go' ? ctx.continueAsNew('again') : ctx.tool(pay, { to: 'ada' }).catch((error: OpspawnError) => error.code)
    const clerk = defineWorkflow({ name: 'clerk', tools: [pay] }, loop as WorkflowFunction<unknown, unknown>) as unknown as Agent
    const at = await ran([boss('clerk', [NO_PAYING]), clerk])
    expect(await outcomeOf(at.clock, at.run)).toEqual(completed('POLICY_DENIED'))
    const { runs } = await at.ops.list({ agent: 'clerk' })
    expect(runs.map(({ task, rules }) => ({ task, rules }))).toEqual([
      { task: 'of-clerk', rules: [NO_PAYING] },
      { task: 'of-clerk', rules: [NO_PAYING] },
    ])
    expect(pay.calls).toEqual([])
  })

  test('in the run that makes a cancelled one good', async () => {
    const [book, undo] = [noting('book'), noting('undo', undefined, { effect: 'idempotent' })]
    const clerk = await loadWorkflow(
      {
        name: 'clerk',
        tasks: { book: { tool: 'book', onFailure: 'undo' }, wait: { needs: 'book', approval: 'ok?' }, undo: { tool: 'undo' } },
      },
      { tools: [book, undo] },
    )
    const rules: readonly TaskRule[] = [{ name: 'kept', verdict: 'ask', tool: 'undo' }]
    const at = await ran([boss('clerk', rules), clerk])
    await at.run.cancel('enough')
    const run = at.run
    await outcomeOf(at.clock, run)
    const made = async () => (await at.ops.list({ agent: 'clerk' })).runs.find(({ compensates }) => compensates !== undefined)
    await until(at.clock, 'it is being made good', async () => (await made()) !== undefined)
    const { runId = '', ...record } = (await made()) ?? {}
    expect(record).toMatchObject({ task: 'of-clerk', rules })
    const undoing = await at.ops.run(runId)
    await until(at.clock, 'it asks', async () => (await undoing.approvals()).length === 1)
    expect(undo.calls).toEqual([])
    await undoing.approve('undo', { by: 'grace' })
    expect(await outcomeOf(at.clock, undoing)).toMatchObject({ status: 'completed' })
    expect(ofType(await historyOf(at.ops, runId), 'policy-verdict')).toMatchObject([{ rule: 'kept' }])
  })

  test('in a fork of a run that is part of it, and for calls that a fork takes along', async () => {
    const pay = noting('pay')
    const at = await ran([boss('clerk', [NO_PAYING]), agentOf('clerk', [pay], [PAY])])
    const { runId } = await childOf(at, at.run.id)
    const fork = await at.ops.fork(runId, { afterSeq: 1 })
    expect(await outcomeOf(at.clock, fork)).toEqual(completed('denied: POLICY_DENIED'))
    const own = await ran([agentOf('clerk', [pay], [under(PAY, [NO_PAYING])])])
    const decided = ofType(own.events, 'decision')[0]?.seq ?? 0
    const along = await own.ops.fork(own.run.id, { afterSeq: decided })
    expect(await outcomeOf(own.clock, along)).toEqual(completed('denied: POLICY_DENIED'))
    expect(pay.calls).toEqual([])
  })
})

describe('after a crash', () => {
  /** A worker that dies, and one that takes over, each with a policy of its own, on one store. */
  async function takenOver(agents: readonly Agent[], ready: () => boolean, before: Policy, after: Policy) {
    const clock = manualClock()
    const store = memoryStore({ clock })
    let dead = false
    const alive = <T>(work: () => Promise<T>): Promise<T> =>
      dead ? Promise.reject(new OpspawnError('STORE_FAILED', 'cut off')) : work()
    const cut = sharedStore(store, {
      append: (...given) => alive(() => store.append(...given)),
      heartbeat: (...given) => alive(() => store.heartbeat(...given)),
      claim: (...given) => alive(() => store.claim(...given)),
      release: (...given) => alive(() => store.release(...given)),
      sweep: (...given) => alive(() => store.sweep(...given)),
    })
    const first = await world({ agents, store: cut, clock, policy: before })
    const { id } = await first.ops.start(agents[0]?.name ?? '', 'go')
    await until(clock, 'it is under way', ready)
    dead = true
    const second = await world({ agents, store, clock, policy: after })
    await clock.advance(20_000)
    return { ...second, run: await second.ops.run(id) }
  }

  const ENFORCE: Policy = { rules: [] }
  const TRY: Policy = { rules: [], mode: 'dry-run' }

  /** One place, which the first call never gives back: the second one was let in, and not begun. */
  function held(pay: NotingTool, effect: Effect) {
    const hold = noting('hold', () => (hold.calls.length === 1 ? never() : 'held'))
    const clerk = defineAgent({
      name: 'clerk',
      tools: [hold, pay],
      limits: { parallel: 1 },
      planner: stepsPlanner([call('hold', {}, 'first'), effect]),
    })
    return { hold, clerk: clerk as unknown as Agent }
  }

  test('a call that was let in is judged by its own rules once more', async () => {
    const pay = noting('pay')
    const { hold, clerk } = held(pay, under(PAY, [NO_PAYING]))
    const at = await takenOver([clerk], () => hold.calls.length === 1, TRY, ENFORCE)
    expect(await outcomeOf(at.clock, at.run)).toEqual(completed('held', 'denied: POLICY_DENIED'))
    expect(pay.calls).toEqual([])
  })

  test('and by those of the tasks that its run is part of', async () => {
    const pay = noting('pay')
    const { hold, clerk } = held(pay, PAY)
    const at = await takenOver([boss('clerk', [NO_PAYING]), clerk], () => hold.calls.length === 1, TRY, ENFORCE)
    expect(await outcomeOf(at.clock, at.run)).toEqual(asText('held', 'denied: POLICY_DENIED'))
    expect(pay.calls).toEqual([])
  })

  test('what is asked for only then is under the same rules', async () => {
    const pay = noting('pay')
    const hold = noting('hold', () => (hold.calls.length === 1 ? never() : 'held'))
    const clerk = agentOf('clerk', [hold, pay], [call('hold')], [PAY])
    const at = await takenOver([boss('clerk', [NO_PAYING]), clerk], () => hold.calls.length === 1, ENFORCE, ENFORCE)
    expect(await outcomeOf(at.clock, at.run)).toEqual(asText('denied: POLICY_DENIED'))
    expect(pay.calls).toEqual([])
  })

  test('a call through a front tool that is hidden now is refused by its rule, not for having changed', async () => {
    const pay = noting('pay')
    const front = {
      ...noting('proxy'),
      route: (input: Json, context: { isHidden(tool: string): boolean }) =>
        context.isHidden('pay') ? undefined : { tool: pay, input },
    } as unknown as NotingTool
    const { hold, clerk } = held(front, under(call('proxy', { to: 'ada' }, 'it'), [HIDDEN]))
    const at = await takenOver([clerk], () => hold.calls.length === 1, TRY, ENFORCE)
    expect(await outcomeOf(at.clock, at.run)).toEqual(completed('held', 'denied: POLICY_DENIED'))
    expect(pay.calls).toEqual([])
  })
})

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
