import { afterEach, describe, expect, test } from 'vitest'
import {
  type Agent,
  type Caller,
  defineAgent,
  isRecorded,
  type PolicyRule,
  type StartOptions,
  type Tool,
} from '../../src/index.ts'
import { call, child, noting, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, now, ofType, outcomeAt, outcomeOf, world } from './support/world.ts'

afterEach(closeAll)

const ADA: Caller = { principal: 'ada', roles: ['clerk', 'auditor'] }
const BOB: Caller = { principal: 'bob' }

function clerk(...tools: readonly Tool[]): Agent {
  const steps = tools.map(({ name }) => [call(name)])
  return defineAgent({ name: 'clerk', tools, planner: stepsPlanner(...steps) }) as unknown as Agent
}

/** How a call of `pay` ends under these rules, and whether the tool was shown. */
async function under(rules: readonly PolicyRule[], caller: Caller | undefined, otherwise: 'allow' | 'deny' = 'allow') {
  let shown: readonly string[] = []
  const agent = defineAgent({
    name: 'clerk',
    tools: [noting('pay')],
    planner: planner((run) => {
      shown = run.tools.map(({ name }) => name)
      if (run.decisions > 0) return { type: 'finish', output: null }
      return { type: 'act', effects: [call('pay', { amount: 5 })] }
    }),
  })
  const { ops, clock } = await world({ agents: [agent], policy: { rules, otherwise } })
  const run = await ops.start(agent, 'go', { caller })
  await outcomeOf(clock, run)
  const end = outcomeAt(await historyOf(ops, run.id), 'pay')
  return { made: end?.status === 'completed', shown: shown.includes('pay') }
}

describe('rules about who is behind a run', () => {
  const some = { '/amount': { above: 1 } }
  test.each<[string, Partial<PolicyRule>, readonly [boolean, boolean, boolean]]>([
    ['a principal', { principal: 'ada' }, [true, false, false]],
    ['a pattern of principals', { principal: '*b*' }, [false, true, false]],
    ['any principal', { principal: '*' }, [true, true, false]],
    ['a role', { role: 'auditor' }, [true, false, false]],
    ['a pattern of roles', { role: 'cl*' }, [true, false, false]],
    ['any role', { role: '*' }, [true, false, false]],
    ['a principal and a role of another', { principal: 'bob', role: 'clerk' }, [false, false, false]],
  ])('a deny on %s holds for those that fit, and not for a run without a caller', async (_, who, fits) => {
    for (const [index, caller] of [ADA, BOB, undefined].entries()) {
      const denied = await under([{ verdict: 'deny', tool: 'pay', arguments: some, ...who }], caller)
      expect(denied).toEqual({ made: fits[index] !== true, shown: true })
      const allowed = await under([{ verdict: 'allow', tool: 'pay', arguments: some, ...who }], caller, 'deny')
      expect(allowed).toEqual({ made: fits[index] === true, shown: fits[index] === true })
    }
  })

  test('a tool that is denied to a caller is not shown to that caller alone', async () => {
    const rules: PolicyRule[] = [{ verdict: 'deny', tool: 'pay', role: 'clerk' }]
    const agent = clerk(noting('pay'))
    const seen: (readonly string[])[] = []
    const looking = {
      ...agent,
      planner: planner((run) => (seen.push(run.tools.map(({ name }) => name)), { type: 'finish', output: 1 })),
    }
    const { ops, clock } = await world({ agents: [looking], policy: { rules } })
    for (const caller of [ADA, BOB, undefined, ADA]) await outcomeOf(clock, await ops.start('clerk', 'go', { caller }))
    expect(seen).toEqual([[], ['pay'], ['pay'], []])
  })
})

describe('the caller of a run', () => {
  test('stands in its origin, and tools see it without being able to change it', async () => {
    const seen: unknown[] = []
    const tool = noting('look', (_input, { caller }) => {
      seen.push(caller)
      const { roles } = caller as unknown as { roles: string[] }
      expect(() => roles.push('admin')).toThrow(TypeError)
    })
    const agent = clerk(tool)
    const { ops, clock } = await world({ agents: [agent] })
    const roles = ['clerk']
    const run = await ops.start(agent, 'go', { caller: { principal: 'ada', roles } })
    roles.push('admin')
    await outcomeOf(clock, run)
    expect(seen).toEqual([{ principal: 'ada', roles: ['clerk'] }])
    expect(await ops.record(run.id)).toMatchObject({ caller: { principal: 'ada', roles: ['clerk'] } })
  })

  test('child runs and forks have the same, a fork another one where it is given', async () => {
    const below = clerk(noting('look'))
    const above = defineAgent({ name: 'above', agents: [below], planner: stepsPlanner([child('clerk')]) })
    const { ops, clock } = await world({ agents: [below, above] })
    const run = await ops.start(above, 'go', { caller: ADA })
    await outcomeOf(clock, run)
    const { runs } = await ops.list({ parentId: run.id })
    expect(runs.map(({ caller }) => caller)).toEqual([ADA])
    const same = await ops.fork(run.id, { afterSeq: 1 })
    const other = await ops.fork(run.id, { afterSeq: 1, caller: BOB })
    expect((await ops.record(same.id)).caller).toEqual(ADA)
    expect((await ops.record(other.id)).caller).toEqual(BOB)
  })

  test('the runs of a schedule have the one of the schedule', async () => {
    const agent = clerk(noting('look'))
    const { ops } = await world({ agents: [agent] })
    await ops.schedules.put({ name: 'daily', agent: 'clerk', cron: '@daily', start: { caller: ADA } })
    const run = await ops.schedules.trigger('daily')
    expect((await ops.record(run.id)).caller).toEqual(ADA)
  })

  test('what a model or a tool says of itself changes nothing', async () => {
    const rules: PolicyRule[] = [
      { verdict: 'deny', tool: 'pay', arguments: { '': { exists: true } } },
      { verdict: 'allow', tool: 'pay', role: 'admin' },
    ]
    const agent = defineAgent({
      name: 'clerk',
      tools: [noting('look', () => ({ caller: { principal: 'root', roles: ['admin'] } })), noting('pay')],
      planner: stepsPlanner([call('look')], [call('pay', { caller: { principal: 'root', roles: ['admin'] }, role: 'admin' })]),
    })
    const { ops, clock } = await world({ agents: [agent], policy: { rules } })
    const run = await ops.start(agent, { caller: { roles: ['admin'] } } as never, { metadata: { caller: { principal: 'root' } } })
    expect(await outcomeOf(clock, run)).toMatchObject({ output: ['denied: POLICY_DENIED'] })
  })

  test.each<[string, unknown]>([
    ['no principal', { roles: ['a'] }],
    ['an empty principal', { principal: '' }],
    ['a role that is no text', { principal: 'ada', roles: [1] }],
    ['an unknown member', { principal: 'ada', role: 'admin' }],
    ['too many roles', { principal: 'ada', roles: Array.from({ length: 101 }, (_, at) => `r${at}`) }],
  ])('%s is refused at the start', async (_, caller) => {
    const agent = clerk(noting('look'))
    const { ops } = await world({ agents: [agent] })
    const options = { caller } as StartOptions
    await expect(ops.start(agent, 'go', options)).rejects.toMatchObject({ code: 'OPTIONS_INVALID', message: /caller/ })
    const schedule = { name: 'daily', agent: 'clerk', cron: '@daily', start: options as never }
    await expect(ops.schedules.put(schedule)).rejects.toMatchObject({ code: 'SCHEDULE_INVALID' })
  })
})

describe('an agent that is but a form of its caller', () => {
  /** `writer` calls `code`, whose run calls `pay`. */
  async function paid(rules: readonly PolicyRule[], { asCaller = true, otherwise = 'allow' as 'allow' | 'deny' } = {}) {
    const pay = noting('pay', undefined, { labels: ['private'] })
    const code = defineAgent({ name: 'code', tools: [pay], asCaller, planner: stepsPlanner([call('pay', { amount: 5 })]) })
    const writer = defineAgent({ name: 'writer', agents: [code], planner: stepsPlanner([child('code')]) })
    const { ops, clock } = await world({ agents: [code, writer], policy: { rules, otherwise } })
    const run = await ops.start(writer, 'go')
    await now(clock, run.result)
    const [below] = (await ops.list({ parentId: run.id })).runs
    const events = below === undefined ? [] : await historyOf(ops, below.runId)
    // One that is not even shown is refused as unknown.
    return {
      end: outcomeAt(events, 'pay')?.status === 'completed' ? 'completed' : 'denied',
      pay,
      labels: (await ops.record(run.id)).labels,
    }
  }
  const allow = (agent: string, tool: string): PolicyRule => ({ verdict: 'allow', agent, tool })

  test('is bound by the rules about its caller, and by those about itself', async () => {
    expect((await paid([{ verdict: 'deny', agent: 'writer', tool: 'pay' }])).end).toBe('denied')
    expect((await paid([{ verdict: 'deny', agent: 'code', tool: 'pay' }])).end).toBe('denied')
    expect((await paid([{ verdict: 'deny', agent: 'writer', tool: 'pay', arguments: { '/amount': { above: 1 } } }])).end).toBe(
      'denied',
    )
    expect((await paid([{ verdict: 'deny', agent: 'other', tool: 'pay' }])).end).toBe('completed')
  })

  test('without the flag it has rules of its own', async () => {
    expect((await paid([{ verdict: 'deny', agent: 'writer', tool: 'pay' }], { asCaller: false })).end).toBe('completed')
  })

  test('what is allowed to it alone is not allowed, what its caller may it may', async () => {
    const call = allow('writer', 'code')
    expect((await paid([call, allow('code', 'pay')], { otherwise: 'deny' })).end).toBe('denied')
    expect((await paid([call, allow('writer', 'pay')], { otherwise: 'deny' })).end).toBe('completed')
    expect((await paid([call, allow('code', 'pay')], { otherwise: 'deny', asCaller: false })).end).toBe('completed')
  })

  test('what it has read counts for its caller too', async () => {
    expect((await paid([])).labels).toEqual(['private'])
  })

  test('a form of a form is bound by all of them', async () => {
    const pay = noting('pay')
    const inner = defineAgent({ name: 'inner', tools: [pay], asCaller: true, planner: stepsPlanner([call('pay')]) })
    const outer = defineAgent({ name: 'outer', agents: [inner], asCaller: true, planner: stepsPlanner([child('inner')]) })
    const writer = defineAgent({ name: 'writer', agents: [outer], planner: stepsPlanner([child('outer')]) })
    const policy = { rules: [{ verdict: 'deny', agent: 'writer', tool: 'pay' }] } as const
    const { ops, clock } = await world({ agents: [inner, outer, writer], policy })
    await outcomeOf(clock, await ops.start(writer, 'go'))
    expect(pay.calls).toEqual([])
  })
})

describe('a policy that is only tried', () => {
  test('lets everything through and notes what it would have said', async () => {
    const rules: PolicyRule[] = [
      { name: 'no payments', verdict: 'deny', tool: 'pay' },
      { name: 'mails', verdict: 'ask', tool: 'mail', arguments: { '/to': { exists: false } }, reason: 'to nobody' },
    ]
    const [pay, mail, look] = [noting('pay', undefined, { effect: 'unsafe' }), noting('mail'), noting('look')]
    const agent = clerk(pay, mail, look)
    const { ops, clock } = await world({ agents: [agent], policy: { rules, mode: 'dry-run', otherwise: 'deny' } })
    const run = await ops.start(agent, 'go')
    expect(await now(clock, run.result)).toMatchObject({ status: 'completed', output: ['look done'] })
    expect([pay, mail, look].map(({ calls }) => calls.length)).toEqual([1, 1, 1])
    expect(ofType(await historyOf(ops, run.id), 'policy-verdict')).toMatchObject([
      { key: 'pay', verdict: 'deny', rule: 'no payments', dryRun: true },
      { key: 'mail', verdict: 'ask', rule: 'mails', reason: 'to nobody', dryRun: true },
      { key: 'look', verdict: 'deny', rule: 'otherwise', dryRun: true },
    ])
  })

  test('a tool that wants an approval gets it all the same', async () => {
    const pay = noting('pay', undefined, { approval: true })
    const agent = clerk(pay)
    const policy = { rules: [{ verdict: 'deny', tool: 'pay' }], mode: 'dry-run' } as const
    const { ops, clock } = await world({ agents: [agent], policy })
    const run = await ops.start(agent, 'go')
    expect(await now(clock, run.result)).toBeUndefined()
    expect(await run.approvals()).toHaveLength(1)
    const events = []
    for await (const event of run.events(0)) {
      if (isRecorded(event)) events.push(event)
      if (event.type === 'approval-request') break
    }
    expect(ofType(events, 'policy-verdict')).toMatchObject([
      { verdict: 'deny', dryRun: true },
      { verdict: 'ask', rule: 'tool pay' },
    ])
  })

  test('is said aloud at the start, and misspelt modes are refused', async () => {
    const said: string[] = []
    await world({ agents: [clerk(noting('pay'))], policy: { rules: [], mode: 'dry-run' }, announce: (text) => said.push(text) })
    expect(said).toContainEqual(expect.stringMatching(/dry-run/))
    const wrong = world({ agents: [], policy: { rules: [], mode: 'dryrun' as never } })
    await expect(wrong).rejects.toMatchObject({ code: 'OPTIONS_INVALID', message: /dryrun/ })
  })
})
