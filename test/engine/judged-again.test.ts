import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type Agent, auditOf, defineAgent, type Effect, type Policy, type PolicyRule } from '../../src/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { call, child, never, noting, type NotingTool, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, ofType, outcomeAt, outcomeOf, until, world, type World } from './support/world.ts'
import { cuttable, memoryStore } from './support/wrappers.ts'

afterEach(closeAll)

const ASK: Policy = { rules: [{ name: 'ask first', verdict: 'ask', tool: 'pay' }] }
const DENY: Policy = { rules: [{ name: 'frozen', verdict: 'deny', tool: 'pay', reason: 'accounts are frozen' }] }
const inArguments = (to: string): Policy => ({
  rules: [{ name: 'frozen', verdict: 'deny', tool: 'pay', arguments: { '/to': { equals: to } } }],
})

/** Workers on one store, each with rules of its own; the first can die. */
function fleet(agents: readonly Agent[]) {
  const clock = manualClock()
  const store = memoryStore({ clock })
  const line = cuttable(store)
  return {
    clock,
    first: (policy?: Policy) => world({ agents, store: line.store, clock, ...(policy === undefined ? undefined : { policy }) }),
    die: line.cut,
    second: async (policy: Policy): Promise<World> => {
      line.cut()
      const made = await world({ agents, store, clock, policy })
      await clock.advance(20_000)
      return made
    },
  }
}

function clerk(tool: NotingTool, effects: readonly Effect[] = [call('pay', { to: 'ada' }, 'it')], more: object = {}): Agent {
  return defineAgent({ name: 'clerk', tools: [tool], planner: stepsPlanner(effects), ...more }) as unknown as Agent
}

const unsafe = (body?: () => unknown, more: object = {}): NotingTool => noting('pay', body, { effect: 'unsafe', ...more })

describe('an approval that was given', () => {
  /** Asked about under one policy, answered, and taken up under another. */
  async function taken(pay: NotingTool, after: Policy, answer: 'before' | 'after' | 'never' = 'before') {
    const { clock, first, second, die } = fleet([clerk(pay)])
    const before = await first(ASK)
    const { id } = await before.ops.start('clerk', 'go')
    const asks = async (): Promise<boolean> => (await (await before.ops.run(id)).approvals()).length === 1
    await until(clock, 'it asks', asks)
    await until(clock, 'it waits', async () => (await before.ops.record(id)).status === 'waiting')
    die()
    if (answer === 'before') await (await before.ops.run(id)).approve('it', { by: 'grace' })
    const { ops } = await second(after)
    const run = await ops.run(id)
    if (answer === 'after') await run.approve('it', { by: 'grace' })
    if (answer === 'never') await run.signal('look', null)
    return { outcome: await outcomeOf(clock, run), events: await historyOf(ops, id) }
  }

  test('does not hold against a rule that denies now, and both are on record', async () => {
    const pay = unsafe()
    const { outcome, events } = await taken(pay, DENY)
    expect(outcome).toEqual({ status: 'completed', output: ['denied: POLICY_DENIED'] })
    expect(pay.calls).toEqual([])
    expect(ofType(events, 'approval-response')).toMatchObject([{ key: 'it', approved: true, by: 'grace' }])
    expect(ofType(events, 'policy-verdict').at(-1)).toMatchObject({ verdict: 'deny', rule: 'frozen' })
    expect(ofType(events, 'effect-start')).toEqual([])
    expect(auditOf(events)).toMatchObject([
      { verdict: 'deny', rule: 'frozen', approver: 'grace', attempts: 0, outcome: 'denied', code: 'POLICY_DENIED' },
    ])
  })

  test('holds where the new rules deny other arguments', async () => {
    const pay = unsafe()
    expect((await taken(pay, inArguments('eve'))).outcome).toEqual({ status: 'completed', output: ['pay done'] })
    expect(pay.calls).toHaveLength(1)
  })

  test('does not hold where they deny its arguments', async () => {
    const pay = unsafe()
    const { outcome } = await taken(pay, inArguments('ada'))
    expect(outcome).toEqual({ status: 'completed', output: ['denied: POLICY_DENIED'] })
    expect(pay.calls).toEqual([])
  })

  test('does not hold against a default that only names what is allowed', async () => {
    const pay = unsafe()
    const { outcome } = await taken(pay, { rules: [], otherwise: 'deny' })
    expect(outcome).toEqual({ status: 'completed', output: ['denied: POLICY_DENIED'] })
    expect(pay.calls).toEqual([])
  })

  test('holds against rules that are only tried', async () => {
    const pay = unsafe()
    const { outcome } = await taken(pay, { ...DENY, mode: 'dry-run' })
    expect(outcome).toEqual({ status: 'completed', output: ['pay done'] })
  })

  test.each(['after', 'never'] as const)(
    'that comes %s the restart: what is denied is refused once the run is taken up',
    async (when) => {
      const pay = unsafe()
      const { outcome, events } = await taken(pay, DENY, when)
      expect(outcome).toEqual({ status: 'completed', output: ['denied: POLICY_DENIED'] })
      expect(pay.calls).toEqual([])
      expect(ofType(events, 'effect-end')).toHaveLength(1)
    },
  )
})

describe('a call that rules let in, and that was not begun when its worker died', () => {
  const two = [call('hold', {}, 'first'), call('pay', { to: 'ada' }, 'it')]
  /** There is one place, and the first call never gives it back. */
  async function cutOff(pay: NotingTool, after: Policy) {
    const hold = noting('hold', () => (hold.calls.length === 1 ? never() : 'held'))
    const agent = clerk(pay, two, { tools: [hold, pay], limits: { parallel: 1 } })
    const { clock, first, second } = fleet([agent])
    const { ops: before } = await first()
    const { id } = await before.start('clerk', 'go')
    await until(clock, 'the first is under way', () => hold.calls.length === 1)
    const { ops } = await second(after)
    return { outcome: await outcomeOf(clock, await ops.run(id)), events: await historyOf(ops, id) }
  }

  test('is refused where a rule denies it now', async () => {
    const pay = unsafe()
    const { outcome, events } = await cutOff(pay, DENY)
    expect(outcome).toEqual({ status: 'completed', output: ['held', 'denied: POLICY_DENIED'] })
    expect(pay.calls).toEqual([])
    expect(outcomeAt(events, 'it')).toEqual({ status: 'denied', code: 'POLICY_DENIED' })
  })

  test.each<[string, PolicyRule, string]>([
    ['is made', { verdict: 'deny', tool: 'pay', arguments: { '/cents': { above: 900 } } }, 'pay done'],
    ['is refused', { verdict: 'deny', tool: 'pay', arguments: { '/cents': { above: 500 } } }, 'denied: POLICY_DENIED'],
  ])('%s by what its schema makes of the arguments', async (_, rule, end) => {
    const input = z.object({ to: z.string(), cents: z.number().default(700) })
    const pay = { ...unsafe(), input } as unknown as NotingTool
    expect((await cutOff(pay, { rules: [rule] })).outcome).toEqual({ status: 'completed', output: ['held', end] })
  })

  test('is not made where nobody can look at its arguments', async () => {
    let looks = 0
    const schema = z.object({ to: z.string() }).refine(() => {
      looks += 1
      // A schema that throws is tried once more, as one that gives a promise.
      if (looks === 2 || looks === 3) throw new Error('the directory is down')
      return true
    })
    const pay = { ...unsafe(), input: schema } as unknown as NotingTool
    const { outcome } = await cutOff(pay, inArguments('eve'))
    expect(outcome).toEqual({ status: 'completed', output: ['held', 'failed: TOOL_INPUT_INVALID'] })
    expect(pay.calls).toEqual([])
  })
})

describe('a call that may have happened', () => {
  /** Its worker dies while the body is entered. */
  async function interrupted(pay: NotingTool, after: Policy) {
    const { clock, first, second } = fleet([clerk(pay)])
    const { ops: before } = await first()
    const { id } = await before.start('clerk', 'go')
    await until(clock, 'the body is entered', () => pay.calls.length === 1)
    const { ops } = await second(after)
    return { clock, ops, run: await ops.run(id) }
  }

  test('is unknown, not denied, and is not made again where a rule denies it now', async () => {
    const pay = unsafe(never, { onUnknown: 'repeat' })
    const { clock, ops, run } = await interrupted(pay, DENY)
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['unknown: EFFECT_UNKNOWN'] })
    expect(pay.calls).toHaveLength(1)
    const [end] = ofType(await historyOf(ops, run.id), 'effect-end')
    expect(end?.outcome).toMatchObject({ error: { message: expect.stringContaining('accounts are frozen') as string } })
  })

  test('is refused when a person says that it did not happen', async () => {
    const pay = unsafe(never, { onUnknown: 'ask' })
    const { clock, run } = await interrupted(pay, DENY)
    await until(clock, 'it asks', async () => (await run.approvals()).length === 1)
    await run.resolve('it', { by: 'grace', happened: false })
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['denied: POLICY_DENIED'] })
    expect(pay.calls).toHaveLength(1)
  })

  test('a child run that was begun goes on', async () => {
    const pay = noting('pay', never)
    const boss = defineAgent({ name: 'boss', delegates: [{ agent: 'clerk' }], planner: stepsPlanner([child('clerk')]) })
    const { clock, first, second } = fleet([boss as unknown as Agent, clerk(pay)])
    const { ops: before } = await first()
    const { id } = await before.start('boss', 'go')
    await until(clock, 'the child works', () => pay.calls.length === 1)
    const { ops } = await second({ rules: [{ verdict: 'deny', agent: 'boss', tool: 'clerk' }] })
    const run = await ops.run(id)
    await run.signal('look', null)
    await clock.advance(1000)
    expect(await ops.record(id)).toMatchObject({ status: 'waiting', epoch: 2 })
  })
})

test('a reactive planner hears of the refusal while other calls are open', async () => {
  const [hold, pay] = [noting('hold', never), unsafe()]
  const heard: string[] = []
  const watching = planner(
    (run) => {
      heard.push(run.settled.map(({ outcome }) => outcome?.status).join())
      if (run.decisions === 0) return { type: 'act', effects: [call('hold'), call('pay', { to: 'ada' }, 'it')] }
      return run.settled.length === 0 ? { type: 'idle' } : { type: 'finish', output: run.settled[0]?.outcome?.status ?? '' }
    },
    { reactive: true },
  )
  const agent = defineAgent({ name: 'clerk', tools: [hold, pay], planner: watching, limits: { parallel: 1 } })
  const { clock, first, second } = fleet([agent as unknown as Agent])
  const { ops: before } = await first()
  const { id } = await before.start('clerk', 'go')
  await until(clock, 'the first is under way', () => hold.calls.length === 1)
  const { ops } = await second(DENY)
  expect(await outcomeOf(clock, await ops.run(id))).toEqual({ status: 'completed', output: 'denied' })
  expect(heard.at(-1)).toBe('denied')
})
