import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, type Effect, type Json, type Tool } from '../../src/index.ts'
import { type ManualClock, manualClock } from '../../src/testing/index.ts'
import { call, never, noting, type NotingTool, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, ofType, outcomeAt, outcomeOf, until, world, type World } from './support/world.ts'
import { cuttable, memoryStore } from './support/wrappers.ts'

afterEach(closeAll)

type Route = NonNullable<Tool['route']>

/** A front tool whose catalogue may be another after a restart. */
function clerk(route: Route, options: Partial<Tool> = {}): Agent {
  const proxy = { ...noting('proxy', () => 'the proxy itself', { effect: 'unsafe' }), route, ...options } as NotingTool
  const planned: readonly Effect[] = [call('proxy', { tool: 'pay', arguments: { to: 'ada' } }, 'it')]
  return defineAgent({ name: 'clerk', tools: [proxy], planner: stepsPlanner(planned) }) as unknown as Agent
}

const to =
  (tool: Tool, change: (input: Json) => Json = (input) => input): Route =>
  (input) => ({ tool, input: change((input as { arguments: Json }).arguments) })

/** Workers on one store, the second with an agent of its own; each can die. */
function fleet() {
  const clock = manualClock()
  const store = memoryStore({ clock })
  return {
    clock,
    worker: async (route: Route, options?: Partial<Tool>): Promise<World & { die(): void }> => {
      const line = cuttable(store)
      return { ...(await world({ agents: [clerk(route, options)], store: line.store, clock })), die: line.cut }
    },
  }
}

async function waits(clock: ManualClock, ops: World['ops'], runId: string): Promise<void> {
  await until(clock, 'it asks', async () => (await (await ops.run(runId)).approvals()).length === 1)
}

describe('an approval of a call through a front tool', () => {
  const asking = (): NotingTool => noting('pay', undefined, { effect: 'unsafe', approval: true })

  /** Asked about by one worker, answered and taken up by another. */
  async function answered(before: Route, after: Route) {
    const { clock, worker } = fleet()
    const first = await worker(before)
    const { id } = await first.ops.start('clerk', 'go')
    await waits(clock, first.ops, id)
    first.die()
    const second = await worker(after)
    await clock.advance(20_000)
    const run = await second.ops.run(id)
    const pending = await run.approvals()
    await run.approve('it', { by: 'ada' })
    const outcome = await outcomeOf(clock, run)
    return { pending, outcome, events: await historyOf(second.ops, id) }
  }

  test('shows the call that is made, and survives a restart', async () => {
    const pay = asking()
    const { pending, outcome, events } = await answered(to(pay), to(pay))
    expect(pending).toMatchObject([
      { kind: 'approval', tool: 'pay', through: 'proxy', input: { to: 'ada' }, question: 'May clerk call pay?' },
    ])
    expect(outcome).toEqual({ status: 'completed', output: ['pay done'] })
    expect(pay.calls).toHaveLength(1)
    expect(ofType(events, 'effect-route')).toHaveLength(1)
  })

  const other = noting('refund', undefined, { effect: 'unsafe' })
  test.each<[string, (pay: NotingTool) => Route]>([
    ['another tool', () => to(other)],
    ['no tool', () => () => undefined],
    ['the same tool with other arguments', (pay) => to(pay, () => ({ to: 'eve' }))],
    ['a tool that cannot be used', (pay) => to({ ...pay, effect: 'odd' } as never)],
  ])('does not hold once the call is meant for %s', async (_, after) => {
    const pay = asking()
    const { outcome, events } = await answered(to(pay), after(pay))
    expect(outcome).toEqual({ status: 'completed', output: ['failed: TOOL_CHANGED'] })
    expect([...pay.calls, ...other.calls]).toEqual([])
    expect(outcomeAt(events, 'it')).toMatchObject({ code: 'TOOL_CHANGED' })
  })

  test('a tool that was made anew under its name is the same to the approval', async () => {
    const [before, after] = [asking(), asking()]
    expect((await answered(to(before), to(after))).outcome).toMatchObject({ status: 'completed', output: ['pay done'] })
    expect([before.calls, after.calls].map(({ length }) => length)).toEqual([0, 1])
  })

  test('the front tool that wants approvals gets them for all that is behind it', async () => {
    const pay = noting('pay')
    const agent = defineAgent({
      name: 'clerk',
      tools: [{ ...noting('proxy', undefined, { approval: true }), route: to(pay) } as NotingTool],
      planner: stepsPlanner([call('proxy', { arguments: {} }, 'it')]),
    })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await waits(clock, ops, run.id)
    expect(pay.calls).toEqual([])
    expect(await run.approvals()).toMatchObject([{ tool: 'pay', input: {} }])
  })
})

describe('an unsafe call through a front tool whose worker died', () => {
  /** The body is under way when its worker dies; another one, with its own catalogue, takes over. */
  async function interrupted(before: NotingTool, after: Route) {
    const { clock, worker } = fleet()
    const first = await worker(to(before))
    const { id } = await first.ops.start('clerk', 'go')
    await until(clock, 'the body is entered', () => before.calls.length === 1)
    first.die()
    const second = await worker(after)
    await clock.advance(20_000)
    return { clock, ops: second.ops, run: await second.ops.run(id) }
  }

  test('is unknown, and not made a second time', async () => {
    const pay = noting('pay', never, { effect: 'unsafe' })
    const { clock, ops, run } = await interrupted(pay, to(pay))
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['unknown: EFFECT_UNKNOWN'] })
    expect(pay.calls).toHaveLength(1)
    expect(ofType(await historyOf(ops, run.id), 'effect-start')).toMatchObject([{ key: 'it' }])
  })

  test('is looked for by `verify` of the tool behind', async () => {
    const pay = { ...noting('pay', never, { effect: 'unsafe' }), verify: () => ({ happened: true, output: 'paid' }) } as never
    const { clock, run } = await interrupted(pay, to(pay))
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['paid'] })
  })

  test('is told to a person by the name of the tool behind, who settles it', async () => {
    const pay = noting('pay', never, { effect: 'unsafe', onUnknown: 'ask', labels: ['private'] })
    const { clock, ops, run } = await interrupted(pay, to(pay))
    await waits(clock, ops, run.id)
    expect(await run.approvals()).toMatchObject([
      {
        kind: 'outcome',
        tool: 'pay',
        through: 'proxy',
        input: { to: 'ada' },
        question: expect.stringMatching(/^pay was/) as string,
      },
    ])
    await run.resolve('it', { by: 'ada', happened: true, output: 'paid' })
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['paid'] })
    expect(ofType(await historyOf(ops, run.id), 'effect-end')).toMatchObject([{ labels: ['private'] }])
  })

  test('is unknown where it would be given to another tool now, whatever that one says of itself', async () => {
    const pay = noting('pay', never, { effect: 'unsafe' })
    const other = { ...noting('refund', undefined, { effect: 'unsafe', onUnknown: 'repeat' }) }
    const { clock, run } = await interrupted(pay, to(other))
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['unknown: EFFECT_UNKNOWN'] })
    expect(other.calls).toEqual([])
  })
})

describe('what was let in without a question', () => {
  test('a pure call that would go to another tool after a restart fails, it was judged as another call', async () => {
    const { clock, worker } = fleet()
    const slow = noting('look', never)
    const first = await worker(to(slow))
    const { id } = await first.ops.start('clerk', 'go')
    await until(clock, 'the body is entered', () => slow.calls.length === 1)
    first.die()
    const other = noting('other')
    const second = await worker(to(other))
    await clock.advance(20_000)
    const run = await second.ops.run(id)
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['failed: TOOL_CHANGED'] })
    expect(other.calls).toEqual([])
  })

  test('a call that was meant for the front tool stays with it, whatever its catalogue says later', async () => {
    const { clock, worker } = fleet()
    let entered = 0
    const itself = (_: unknown, { epoch }: { readonly epoch: number }): unknown => {
      entered += 1
      return epoch === 1 ? never() : 'the proxy itself'
    }
    const first = await worker(() => undefined, { effect: 'pure', execute: itself })
    const { id } = await first.ops.start('clerk', 'go')
    await until(clock, 'the body is entered', () => entered === 1)
    first.die()
    const pay = noting('pay')
    const second = await worker(to(pay), { effect: 'pure', execute: itself })
    await clock.advance(20_000)
    expect(await outcomeOf(clock, await second.ops.run(id))).toMatchObject({ output: ['the proxy itself'] })
    expect([entered, pay.calls.length]).toEqual([2, 0])
  })

  test('a fork asks the front tool anew', async () => {
    const pay = noting('pay', () => {
      throw new Error('out of order')
    })
    const { clock, worker } = fleet()
    const first = await worker(to(pay))
    const run = await first.ops.start('clerk', 'go')
    await outcomeOf(clock, run)
    const refund = noting('refund')
    first.die()
    const second = await worker(to(refund))
    const fork = await second.ops.fork(run.id, { runId: 'fork', afterSeq: 4 })
    expect(await outcomeOf(clock, fork)).toMatchObject({ output: ['refund done'] })
    expect(ofType(await historyOf(second.ops, fork.id), 'effect-route')).toMatchObject([{ tool: 'refund' }])
  })
})
