import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, defineExtension, OpspawnError, type StandardSchema } from '../../src/index.ts'
import { scriptedModel } from '../../src/testing/index.ts'
import { call, child, gate, never, noting, stepsPlanner, untilAborted } from './support/parts.ts'
import { closeAll, historyOf, now, ofType, outcomeAt, outcomeOf, settle, until, world } from './support/world.ts'

afterEach(closeAll)

const CANCELLED = { status: 'cancelled', error: { code: 'RUN_CANCELLED' } }

function waiting(tool = noting('wait', untilAborted)): Agent {
  return defineAgent({ name: 'waiter', tools: [tool], planner: stepsPlanner([call('wait')]) }) as unknown as Agent
}

describe('what is under way', () => {
  test.each(['generate', 'stream'] as const)('a running model call (%s) is aborted with the reason', async (how) => {
    const model = scriptedModel([{ fault: 'hang', text: 'so far' }])
    const agent = defineAgent({ name: 'talker', model })
    const { ops, clock } = await world({ agents: [agent], watch: how === 'stream' })
    const run = await ops.start(agent, 'hi')
    await until(clock, 'the model is asked', () => model.calls.length === 1)
    await run.cancel('changed my mind')
    expect(await now(clock, run.result)).toMatchObject({
      ...CANCELLED,
      error: { message: expect.stringContaining('changed my mind') as string },
    })
    const signal = model.calls[0]?.options.abortSignal
    expect(signal?.aborted).toBe(true)
    expect(OpspawnError.is(signal?.reason, 'RUN_CANCELLED')).toBe(true)
    expect(model.calls[0]?.method).toBe(how)
  })

  test('a running tool gets the reason through its signal', async () => {
    const tool = noting('wait', untilAborted)
    const { ops, clock } = await world({ agents: [waiting(tool)] })
    const run = await ops.start('waiter', 'go')
    await until(clock, 'the tool runs', () => tool.calls.length === 1)
    await run.cancel('stop')
    expect(await now(clock, run.result)).toMatchObject(CANCELLED)
    const { signal } = tool.calls[0]?.context ?? {}
    expect(OpspawnError.is(signal?.reason, 'RUN_CANCELLED')).toBe(true)
  })

  test('a tool that ignores its signal does not hold the run up', async () => {
    const tool = noting('wait', never)
    const { ops, clock } = await world({ agents: [waiting(tool)] })
    const run = await ops.start('waiter', 'go')
    await until(clock, 'the tool runs', () => tool.calls.length === 1)
    await run.cancel()
    expect(await now(clock, run.result)).toMatchObject(CANCELLED)
  })

  test('what a tool answers after the end is not recorded', async () => {
    const late = gate<string>()
    const tool = noting('wait', () => late.promise)
    const { ops, clock } = await world({ agents: [waiting(tool)] })
    const run = await ops.start('waiter', 'go')
    await until(clock, 'the tool runs', () => tool.calls.length === 1)
    await run.cancel()
    await now(clock, run.result)
    const before = await historyOf(ops, run.id)
    late.open('too late')
    await settle(clock)
    expect(await historyOf(ops, run.id)).toEqual(before)
  })

  test('an unsafe call that was under way is on record as unknown, a pure one as cancelled (S5)', async () => {
    const unsafe = noting('pay', never, { effect: 'unsafe' })
    const pure = noting('look', never)
    const agent = defineAgent({ name: 'waiter', tools: [unsafe, pure], planner: stepsPlanner([call('pay'), call('look')]) })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await until(clock, 'both run', () => unsafe.calls.length + pure.calls.length === 2)
    await run.cancel()
    expect(await now(clock, run.result)).toMatchObject(CANCELLED)
    const history = await historyOf(ops, run.id)
    expect(outcomeAt(history, 'pay')).toEqual({ status: 'unknown', code: 'EFFECT_UNKNOWN' })
    expect(outcomeAt(history, 'look')?.status).toBe('cancelled')
  })

  test('three levels end within 100 ms, in process and without any time on the clock', async () => {
    const tool = noting('wait', untilAborted)
    const third = defineAgent({ name: 'third', tools: [tool], planner: stepsPlanner([call('wait')]) })
    const second = defineAgent({ name: 'second', agents: [third], planner: stepsPlanner([child('third')]) })
    const first = defineAgent({ name: 'first', agents: [second], planner: stepsPlanner([child('second')]) })
    const { ops, clock } = await world({ agents: [first, second, third] })
    const run = await ops.start(first, 'go')
    await until(clock, 'the tool runs', () => tool.calls.length === 1)
    const begun = performance.now()
    await run.cancel()
    expect(await now(clock, run.result)).toMatchObject(CANCELLED)
    expect(performance.now() - begun).toBeLessThan(100)
    expect(tool.calls[0]?.context.signal.aborted).toBe(true)
  })

  test('a model call three levels down is aborted', async () => {
    const model = scriptedModel([{ fault: 'hang' }])
    const third = defineAgent({ name: 'third', model })
    const second = defineAgent({ name: 'second', agents: [third], planner: stepsPlanner([child('third')]) })
    const first = defineAgent({ name: 'first', agents: [second], planner: stepsPlanner([child('second')]) })
    const { ops, clock } = await world({ agents: [first, second, third] })
    const run = await ops.start(first, 'go')
    await until(clock, 'the model is asked', () => model.calls.length === 1)
    await run.cancel()
    expect(await now(clock, run.result)).toMatchObject(CANCELLED)
    expect(model.calls[0]?.options.abortSignal?.aborted).toBe(true)
  })
})

describe('what waits', () => {
  test('a run in the queue, before its first claim, never begins', async () => {
    const blocker = noting('wait', untilAborted)
    const { ops, clock } = await world({ agents: [waiting(blocker)], concurrency: 1 })
    const first = await ops.start('waiter', 'first')
    await until(clock, 'the place is taken', () => blocker.calls.length === 1)
    const second = await ops.start('waiter', 'second')
    await second.cancel('not needed')
    await first.cancel()
    expect(await outcomeOf(clock, second)).toMatchObject(CANCELLED)
    expect(blocker.calls).toHaveLength(1)
    expect(ofType(await historyOf(ops, second.id), 'decision')).toEqual([])
  })

  test.each([
    ['of its agent', { concurrency: 1 }, {}],
    ['of the orchestrator', {}, { concurrency: 1 }],
  ] as const)('a run that waits for a place %s ends soon, however long the other run takes', async (_what, ofAgent, ofAll) => {
    const tool = noting('wait', never)
    const { ops, clock } = await world({ agents: [{ ...waiting(tool), ...ofAgent }], ...ofAll })
    await ops.start('waiter', 'first')
    await until(clock, 'the place is taken', () => tool.calls.length === 1)
    const second = await ops.start('waiter', 'second')
    await settle(clock)
    await second.cancel('not needed')
    expect(await outcomeOf(clock, second, { steps: 10 })).toMatchObject(CANCELLED)
    expect(tool.calls).toHaveLength(1)
  })

  test('a run that is due later ends at once', async () => {
    const tool = noting('wait')
    const { ops, clock } = await world({ agents: [waiting(tool)] })
    const run = await ops.start('waiter', 'go', { dueAt: clock.now() + 86_400_000 })
    await run.cancel('not needed')
    expect(await outcomeOf(clock, run, { steps: 10 })).toMatchObject(CANCELLED)
    expect(tool.calls).toHaveLength(0)
  })

  test.each([200, 60_000])('a run in a retry delay of %i ms ends at once', async (baseMs) => {
    const tool = noting(
      'wait',
      () => {
        throw new OpspawnError('TOOL_FAILED', 'again, please', { retryable: true })
      },
      { retry: { attempts: 5, baseMs, maxMs: baseMs } },
    )
    const { ops, clock } = await world({ agents: [waiting(tool)], random: () => 0.99 })
    const run = await ops.start('waiter', 'go')
    await until(clock, 'it failed once', () => tool.calls.length === 1)
    await settle(clock)
    await run.cancel()
    expect(await now(clock, run.result)).toMatchObject(CANCELLED)
    await clock.advance(120_000)
    expect(tool.calls).toHaveLength(1)
  })

  test.each([
    ['time', { type: 'time', ms: 60_000 }],
    ['a signal', { type: 'signal', name: 'never' }],
    ['a person', { type: 'approval', question: 'Well?' }],
  ] as const)('a run that waits for %s ends at once', async (_what, what) => {
    const agent = defineAgent({ name: 'flow', planner: stepsPlanner([{ kind: 'wait', key: 'w', for: what }]) })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await until(clock, 'it waits', async () => (await ops.record(run.id)).status === 'waiting')
    await run.cancel()
    expect(await now(clock, run.result)).toMatchObject(CANCELLED)
  })

  test('a call that waits for a place of its tool never begins', async () => {
    const open = gate<string>()
    const tool = noting('wait', () => open.promise, { concurrency: 1 })
    const { ops, clock } = await world({ agents: [waiting(tool)] })
    const first = await ops.start('waiter', 'first')
    await until(clock, 'the place is taken', () => tool.calls.length === 1)
    const second = await ops.start('waiter', 'second')
    await settle(clock)
    await second.cancel()
    expect(await now(clock, second.result)).toMatchObject(CANCELLED)
    open.open('done')
    expect(await now(clock, first.result)).toMatchObject({ status: 'completed' })
    expect(tool.calls).toHaveLength(1)
    const third = await ops.start('waiter', 'third')
    expect(await now(clock, third.result)).toMatchObject({ status: 'completed' })
  })

  test('a body is not entered any more when the run is cancelled while its arguments are checked', async () => {
    const checking = gate<{ value: Record<string, string> }>()
    const slow: StandardSchema<Record<string, string>> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => checking.promise,
        jsonSchema: { input: () => ({ type: 'object' }), output: () => ({ type: 'object' }) },
      },
    }
    const tool = { ...noting('wait', () => 'entered', { effect: 'unsafe' }), input: slow }
    const agent = defineAgent({ name: 'waiter', tools: [tool], planner: stepsPlanner([call('wait')]) })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await settle(clock)
    await run.cancel()
    expect(await now(clock, run.result)).toMatchObject(CANCELLED)
    checking.open({ value: {} })
    await settle(clock)
    expect(tool.calls).toHaveLength(0)
  })

  test('a body is not entered any more when the run is cancelled while middleware holds it back', async () => {
    const holding = gate()
    const tool = noting('wait', () => 'entered')
    const guard = defineExtension({
      name: 'guard',
      setup: (host) => host.addMiddleware((_effect, _context, next) => holding.promise.then(next)),
    })
    const { ops, clock } = await world({ agents: [waiting(tool)], plugins: [guard] })
    const run = await ops.start('waiter', 'go')
    await settle(clock)
    await run.cancel()
    expect(await now(clock, run.result)).toMatchObject(CANCELLED)
    holding.open()
    await settle(clock)
    expect(tool.calls).toHaveLength(0)
  })
})
