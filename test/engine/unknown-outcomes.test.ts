import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent, type Planner, type Run } from '../../src/index.ts'
import { type ManualClock, manualClock } from '../../src/testing/index.ts'
import { call, gate, never, noting, type NotingTool, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, ofType, outcomeOf, settle, until, world, type World } from './support/world.ts'
import { cuttable, memoryStore } from './support/wrappers.ts'

afterEach(closeAll)

interface Interrupted extends World {
  readonly run: Run
  /** The present worker dies in the body, another takes over. */
  readonly dieAgain: (calls: number) => Promise<World>
}

/** A worker enters the body of an unsafe tool and dies; another one takes the run over. */
async function interrupted(tool: NotingTool, other?: NotingTool, decide?: Planner): Promise<Interrupted> {
  const calls = [call(tool.name, { to: 'ada' }), ...(other === undefined ? [] : [call(other.name)])]
  const tools = other === undefined ? [tool] : [tool, other]
  const agent = defineAgent({ name: 'payer', tools, planner: decide ?? stepsPlanner(calls) })
  const clock = manualClock()
  const store = memoryStore({ clock })
  async function mortal(): Promise<{ readonly made: World; die(): void }> {
    const line = cuttable(store)
    return {
      made: await world({ agents: [agent], store: line.store, clock, policy: { rules: [], approvalMs: 30_000 } }),
      die: line.cut,
    }
  }
  const first = await mortal()
  const started = await first.made.ops.start(agent, 'go')
  if (tool.approval === true) {
    await until(clock, 'it asks', async () => (await started.approvals()).length === 1)
    await started.approve(tool.name, { by: 'ada' })
  }
  await until(clock, 'the body is entered', () => tool.calls.length === 1)
  first.die()
  let current = await mortal()
  await clock.advance(20_000)
  return {
    ...current.made,
    run: await current.made.ops.run(started.id),
    async dieAgain(calls) {
      await until(clock, 'the body is entered again', () => tool.calls.length === calls)
      current.die()
      current = await mortal()
      await clock.advance(20_000)
      return current.made
    },
  }
}

async function asked(clock: ManualClock, run: Run): Promise<void> {
  await until(clock, 'a person is asked', async () => (await run.approvals()).some(({ kind }) => kind === 'outcome'))
}

const epochOne =
  (value: unknown) =>
  (_input: unknown, { epoch }: { readonly epoch: number }) =>
    epoch === 1 ? never() : value

describe("onUnknown: 'ask' (S5)", () => {
  test('a person is asked, for as long as it takes, and sees what is at stake', async () => {
    const tool = noting('pay', never, { effect: 'unsafe', onUnknown: 'ask' })
    const { clock, ops, run } = await interrupted(tool)
    await asked(clock, run)
    expect(await run.approvals()).toEqual([
      {
        kind: 'outcome',
        runId: run.id,
        key: 'pay',
        agent: 'payer',
        tool: 'pay',
        input: { to: 'ada' },
        question: 'pay was interrupted and may have happened. May it be called again?',
      },
    ])
    await clock.advance(60_000)
    expect(await ops.record(run.id)).toMatchObject({ status: 'waiting' })
    expect(tool.calls).toHaveLength(1)
  })

  test.each([
    ['once it is interrupted', {}],
    ['also where an approval went before', { approval: true }],
  ])('a person sees the arguments as the body got them: %s', async (_name, more) => {
    const input = z.object({ to: z.string().toUpperCase(), amount: z.number().default(5) })
    const body = (_input: unknown, { attempt }: { readonly attempt: number }) => (attempt === 1 ? never() : 'paid now')
    const tool = noting('pay', body, Object.assign({ effect: 'unsafe', onUnknown: 'ask' } as const, more, { input }))
    const { clock, ops, run } = await interrupted(tool)
    await asked(clock, run)
    const judged = { to: 'ADA', amount: 5 }
    expect(tool.calls[0]?.input).toEqual(judged)
    expect((await run.approvals())[0]).toMatchObject({ kind: 'outcome', input: judged })
    await run.resolve('pay', { by: 'ada', happened: false })
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['paid now'] })
    expect(ofType(await historyOf(ops, run.id), 'approval-request').at(-1)).toMatchObject({ input: judged })
  })

  test('it happened: the output that the person gives is the result, the body is not entered again', async () => {
    const tool = noting('pay', never, { effect: 'unsafe', onUnknown: 'ask', labels: ['private'] })
    const { clock, ops, run } = await interrupted(tool)
    await asked(clock, run)
    const output = { receipt: 7 }
    await run.resolve('pay', { by: 'ada', happened: true, output, reason: 'saw it at the bank' })
    output.receipt = 8
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: [{ receipt: 7 }] })
    expect(tool.calls).toHaveLength(1)
    const history = await historyOf(ops, run.id)
    expect(ofType(history, 'approval-response')).toMatchObject([{ approved: false, by: 'ada', reason: 'saw it at the bank' }])
    expect(ofType(history, 'effect-end')).toMatchObject([{ labels: ['private'] }])
  })

  test('it did not happen: it is made again with the same idempotency key, and its start is on record again', async () => {
    const tool = noting('pay', epochOne('paid now'), { effect: 'unsafe', onUnknown: 'ask' })
    const { clock, ops, run } = await interrupted(tool)
    await asked(clock, run)
    await run.resolve('pay', { by: 'ada', happened: false })
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['paid now'] })
    expect(tool.calls).toHaveLength(2)
    expect(new Set(tool.calls.map(({ context }) => context.idempotencyKey)).size).toBe(1)
    expect(ofType(await historyOf(ops, run.id), 'effect-start').map(({ attempt }) => attempt)).toEqual([1, 2])
  })

  test('a call that is interrupted again is asked about again', async () => {
    const tool = noting('pay', never, { effect: 'unsafe', onUnknown: 'ask' })
    const { clock, run, dieAgain } = await interrupted(tool)
    await asked(clock, run)
    await run.resolve('pay', { by: 'ada', happened: false })
    const { ops } = await dieAgain(2)
    const again = await ops.run(run.id)
    await asked(clock, again)
    await again.resolve('pay', { by: 'ada', happened: true, output: 'paid' })
    expect(await outcomeOf(clock, again)).toEqual({ status: 'completed', output: ['paid'] })
    expect(tool.calls).toHaveLength(2)
  })

  test('a call that had been approved is asked about apart from that', async () => {
    const tool = noting('pay', (_input, { attempt }) => (attempt === 1 ? never() : 'paid now'), {
      effect: 'unsafe',
      onUnknown: 'ask',
      approval: true,
    })
    const { clock, run } = await interrupted(tool)
    await asked(clock, run)
    await expect(run.approve('pay', { by: 'ada' })).rejects.toMatchObject({ code: 'APPROVAL_UNKNOWN' })
    await expect(run.deny('pay', { by: 'ada' })).rejects.toMatchObject({ code: 'APPROVAL_UNKNOWN' })
    await run.resolve('pay', { by: 'ada', happened: false })
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['paid now'] })
  })

  test('verify is asked first, and a person only where it cannot tell', async () => {
    const happened = noting('pay', never, {
      effect: 'unsafe',
      onUnknown: 'ask',
      verify: () => ({ happened: true, output: 'paid' }),
    })
    const one = await interrupted(happened)
    expect(await outcomeOf(one.clock, one.run)).toEqual({ status: 'completed', output: ['paid'] })

    let verified = 0
    const failing = noting('pay', epochOne('paid now'), {
      effect: 'unsafe',
      onUnknown: 'ask',
      verify() {
        verified += 1
        throw new Error('the bank does not answer')
      },
    })
    const two = await interrupted(failing)
    await asked(two.clock, two.run)
    await two.run.resolve('pay', { by: 'ada', happened: false })
    expect(await outcomeOf(two.clock, two.run)).toEqual({ status: 'completed', output: ['paid now'] })
    expect(verified, 'the person has said so').toBe(1)
  })

  test('verify is not asked again by a worker that was told so while it worked', async () => {
    let verified = 0
    const tool = noting('pay', epochOne('paid now'), {
      effect: 'unsafe',
      onUnknown: 'ask',
      verify() {
        verified += 1
        throw new Error('the bank does not answer')
      },
    })
    const open = gate<string>()
    const slow = noting('slow', () => open.promise)
    const { clock, run } = await interrupted(tool, slow)
    await asked(clock, run)
    await run.resolve('pay', { by: 'ada', happened: false })
    await until(clock, 'the body is entered again', () => tool.calls.length === 2)
    open.open('done')
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['paid now', 'done'] })
    expect(verified).toBe(1)
  })

  test('a run that ends meanwhile does not claim that the call was not made', async () => {
    const tool = noting('pay', never, { effect: 'unsafe', onUnknown: 'ask' })
    const wait = { kind: 'wait', key: 'wait', for: { type: 'time', ms: 60_000 } } as const
    const decide = planner(
      (run) => {
        if (run.decisions === 0) return { type: 'act', effects: [call('pay'), wait] }
        return run.settled.length === 0 ? { type: 'idle' } : { type: 'finish', output: 'over' }
      },
      { reactive: true },
    )
    const { clock, ops, run } = await interrupted(tool, undefined, decide)
    await asked(clock, run)
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'completed' })
    const [, pay] = ofType(await historyOf(ops, run.id), 'effect-end')
    expect(pay).toMatchObject({ key: 'pay', outcome: { status: 'unknown', error: { code: 'EFFECT_UNKNOWN' } } })
  })

  test('a run that is cancelled meanwhile does not claim that the call was not made', async () => {
    const tool = noting('pay', never, { effect: 'unsafe', onUnknown: 'ask' })
    const { clock, ops, run } = await interrupted(tool)
    await asked(clock, run)
    await run.cancel()
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'cancelled' })
    expect(ofType(await historyOf(ops, run.id), 'effect-end')).toMatchObject([
      { outcome: { status: 'unknown', error: { code: 'EFFECT_UNKNOWN' } } },
    ])
  })

  test('one answer counts, and only to what was asked', async () => {
    const tool = noting('pay', never, { effect: 'unsafe', onUnknown: 'ask' })
    const { clock, run } = await interrupted(tool)
    await asked(clock, run)
    await expect(run.resolve('other', { by: 'ada', happened: false })).rejects.toMatchObject({ code: 'APPROVAL_UNKNOWN' })
    const both = await Promise.allSettled([
      run.resolve('pay', { by: 'ada', happened: true, output: 1 }),
      run.resolve('pay', { by: 'eve', happened: true, output: 2 }),
    ])
    expect(both).toMatchObject([{ status: 'fulfilled' }, { status: 'rejected', reason: { code: 'APPROVAL_DECIDED' } }])
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: [1] })
    await expect(run.resolve('pay', { by: 'ada', happened: false })).rejects.toMatchObject({ code: 'APPROVAL_DECIDED' })
  })

  test('an approval is no question about an outcome', async () => {
    const tool = noting('pay', () => 'paid', { effect: 'unsafe', approval: true })
    const agent = defineAgent({ name: 'payer', tools: [tool], planner: stepsPlanner([call('pay')]) })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await until(clock, 'it asks', async () => (await run.approvals()).length === 1)
    await expect(run.resolve('pay', { by: 'ada', happened: true, output: 1 })).rejects.toMatchObject({ code: 'APPROVAL_UNKNOWN' })
    await settle(clock)
    expect(tool.calls).toHaveLength(0)
  })

  test.each([
    ['nothing', undefined],
    ['no name', { by: '', happened: false }],
    ['no word', { by: 'ada' }],
    ['another member', { by: 'ada', happened: false, approved: true }],
  ])('%s is refused', async (_name, answer) => {
    const agent = defineAgent({ name: 'a', tools: [noting('step')], planner: stepsPlanner([call('step')]) })
    const { ops } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await expect(run.resolve('step', answer as never)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
  })
})

describe("onUnknown: 'repeat'", () => {
  test('the call is made again, with the same idempotency key', async () => {
    const tool = noting('pay', epochOne('paid again'), { effect: 'unsafe', onUnknown: 'repeat' })
    const { clock, run } = await interrupted(tool)
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['paid again'] })
    expect(new Set(tool.calls.map(({ context }) => context.idempotencyKey)).size).toBe(1)
  })

  test('also where verify cannot tell', async () => {
    const tool = noting('pay', epochOne('paid again'), {
      effect: 'unsafe',
      onUnknown: 'repeat',
      verify() {
        throw new Error('the bank does not answer')
      },
    })
    const { clock, run } = await interrupted(tool)
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['paid again'] })
  })
})

test("'tell' is the default, and other words are refused", async () => {
  const tool = noting('pay', never, { effect: 'unsafe', onUnknown: 'tell' })
  const { clock, run } = await interrupted(tool)
  expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['unknown: EFFECT_UNKNOWN'] })
  const agent = defineAgent({ name: 'a', tools: [{ ...tool, onUnknown: 'hope' as never }], planner: stepsPlanner([call('pay')]) })
  await expect(world({ agents: [agent] })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
})
