/** Asking for a cancellation, what it leaves behind, and when it comes. */
import { getEventListeners } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent } from '../../src/index.ts'
import { manualClock, scriptedModel } from '../../src/testing/index.ts'
import { ask, call, child, gate, never, noting, planner, stepsPlanner, untilAborted } from './support/parts.ts'
import { closeAll, historyOf, now, ofType, outcomeOf, settle, until, world } from './support/world.ts'
import { memoryStore } from './support/wrappers.ts'

afterEach(closeAll)

const CANCELLED = { status: 'cancelled', error: { code: 'RUN_CANCELLED' } }

const quick = defineAgent({ name: 'quick', planner: planner(() => ({ type: 'finish', output: 1 })) })

function waiting(tool = noting('wait', untilAborted)): Agent {
  return defineAgent({ name: 'waiter', tools: [tool], planner: stepsPlanner([call('wait')]) }) as unknown as Agent
}

describe('asking for it', () => {
  test('twice: the first reason counts and neither call fails', async () => {
    const { ops, clock } = await world({ agents: [waiting()] })
    const run = await ops.start('waiter', 'go')
    await settle(clock)
    await Promise.all([run.cancel('first'), run.cancel('second')])
    const outcome = await now(clock, run.result)
    expect(outcome).toMatchObject({ ...CANCELLED, error: { message: expect.stringContaining('first') as string } })
    expect(ofType(await historyOf(ops, run.id), 'cancel-request')).toHaveLength(1)
  })

  test('after the end: nothing happens', async () => {
    const agent = defineAgent({ name: 'quick', planner: planner(() => ({ type: 'finish', output: 1 })) })
    const { ops } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    const outcome = await run.result
    await run.cancel('too late')
    expect((await ops.record(run.id)).outcome).toEqual(outcome)
  })

  test("a user's signal with the id of a cancellation does not take its place", async () => {
    const { ops, clock } = await world({ agents: [waiting()] })
    const run = await ops.start('waiter', 'go')
    await settle(clock)
    await run.signal('hello', null, { id: 'cancel' })
    await run.cancel()
    expect(await now(clock, run.result)).toMatchObject(CANCELLED)
  })

  test('a cancellation without a reason says that it was cancelled', async () => {
    const { ops, clock } = await world({ agents: [waiting()] })
    const run = await ops.start('waiter', 'go')
    await settle(clock)
    await run.cancel()
    expect(await now(clock, run.result)).toMatchObject({ error: { message: 'the run was cancelled' } })
  })

  test('a planner that never answers can be cancelled', async () => {
    const agent = defineAgent({
      name: 'stuck',
      planner: { spec: 'planner/1', name: 'stuck', decide: never },
    })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await settle(clock)
    await run.cancel()
    expect(await outcomeOf(clock, run, { steps: 10 })).toMatchObject(CANCELLED)
  })

  test('the agent is idle afterwards, not in error', async () => {
    const { ops, clock } = await world({ agents: [waiting()] })
    const run = await ops.start('waiter', 'go')
    await settle(clock)
    await run.cancel()
    await now(clock, run.result)
    await settle(clock)
    expect(ops.agents()[0]).toMatchObject({ status: 'idle', runs: [], lastError: undefined })
  })
})

describe('what is left behind', () => {
  test('no listener stays on signals that were handed in', async () => {
    const { signal } = new AbortController()
    const agent = defineAgent({ name: 'quick', planner: planner(() => ({ type: 'finish', output: 1 })) })
    const { ops } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go', { signal })
    for await (const _ of run.events(0, { signal }));
    await run.cancel('', { signal })
    await ops.record(run.id, { signal })
    await run.approvals({ signal })
    const iterator = run.events(0, { signal })[Symbol.asyncIterator]()
    await iterator.next()
    await iterator.return?.()
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  test("no listener of the engine stays on a tool's signal", async () => {
    const busy = gate<string>()
    const tool = noting('wait', (_input, { signal }) => (signal.aborted ? '' : busy.promise), { concurrency: 1 })
    const { ops, clock } = await world({ agents: [waiting(tool)] })
    const runs = [await ops.start('waiter', 'a'), await ops.start('waiter', 'b'), await ops.start('waiter', 'c')]
    await settle(clock)
    busy.open('done')
    for (const run of runs) await outcomeOf(clock, run)
    for (const { context } of tool.calls) expect(getEventListeners(context.signal, 'abort')).toHaveLength(0)
    expect(tool.calls).toHaveLength(3)
  })

  test("no listener stays on a model call's signal", async () => {
    const model = scriptedModel(['one two three'])
    const agent = defineAgent({ name: 'talker', model })
    const { ops } = await world({ agents: [agent], watch: true })
    await (
      await ops.start(agent, 'hi')
    ).result
    const signal = model.calls[0]?.options.abortSignal
    expect(getEventListeners(signal as AbortSignal, 'abort')).toHaveLength(0)
  })

  test('no timer of a cancelled run stays on the clock', async () => {
    const { ops, clock } = await world({ agents: [waiting(), quick] })
    // The worker's own timers: heartbeat, sweep and the limit of its leases.
    await (
      await ops.start(quick, 'go')
    ).result
    await settle(clock)
    const before = clock.pending
    const run = await ops.start('waiter', 'go')
    await settle(clock)
    await run.cancel()
    await now(clock, run.result)
    await settle(clock)
    expect(clock.pending).toBeLessThanOrEqual(before)
  })

  test('an events stream whose signal fires rejects with its reason', async () => {
    const { ops, clock } = await world({ agents: [waiting()] })
    const run = await ops.start('waiter', 'go')
    const stop = new AbortController()
    const watching = (async () => {
      for await (const _ of run.events(0, { signal: stop.signal }));
    })()
    watching.catch(() => {})
    await settle(clock)
    stop.abort(new Error('looked enough'))
    await expect(watching).rejects.toThrow('looked enough')
  })
})

describe('time', () => {
  test('durationMs ends a run and everything below it', async () => {
    const tool = noting('wait', untilAborted)
    const third = defineAgent({ name: 'third', tools: [tool], planner: stepsPlanner([call('wait')]) })
    const second = defineAgent({ name: 'second', agents: [third], planner: stepsPlanner([child('third')]) })
    const first = defineAgent({
      name: 'first',
      agents: [second],
      planner: stepsPlanner([child('second')]),
      limits: { durationMs: 30_000 },
    })
    const { ops, clock } = await world({ agents: [first, second, third] })
    const run = await ops.start(first, 'go')
    await clock.advance(29_999)
    expect(await now(clock, run.result)).toBeUndefined()
    await clock.advance(1)
    expect(await now(clock, run.result)).toMatchObject({ status: 'failed', error: { code: 'RUN_TIMEOUT' } })
    expect((await ops.list({ rootId: run.id, status: ['running', 'waiting', 'queued'] })).runs).toEqual([])
    expect(tool.calls[0]?.context.signal.aborted).toBe(true)
  })

  test('durationMs ends a run that waits for a person', async () => {
    const tool = noting('wait', undefined, { approval: true })
    const { ops, clock } = await world({ agents: [waiting(tool)] })
    const run = await ops.start('waiter', 'go', { limits: { durationMs: 10_000 } })
    await clock.advance(10_000)
    expect(await now(clock, run.result)).toMatchObject({ status: 'failed', error: { code: 'RUN_TIMEOUT' } })
    expect(tool.calls).toHaveLength(0)
  })

  test('durationMs ends a run whose retry would come later', async () => {
    const model = scriptedModel([{ fault: 'rate-limit', retryAfterMs: 60_000 }])
    const agent = defineAgent({ name: 'talker', model, planner: stepsPlanner([ask('hi')]) })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go', { limits: { durationMs: 10_000 } })
    await clock.advance(10_000)
    expect(await now(clock, run.result)).toMatchObject({ status: 'failed', error: { code: 'RUN_TIMEOUT' } })
  })

  test('cancelling during the time-out of a run changes nothing about its outcome', async () => {
    const { ops, clock } = await world({ agents: [waiting()] })
    const run = await ops.start('waiter', 'go', { limits: { durationMs: 10_000 } })
    await clock.advance(10_000)
    await run.cancel('too late')
    expect(await now(clock, run.result)).toMatchObject({ status: 'failed', error: { code: 'RUN_TIMEOUT' } })
  })
})

describe('durable', () => {
  test('a cancellation that was asked for on another orchestrator ends the run (S11)', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const tool = noting('wait', untilAborted)
    const worker = await world({ agents: [waiting(tool)], store, clock })
    const run = await worker.ops.start('waiter', 'go')
    await until(clock, 'the tool runs', () => tool.calls.length === 1)
    await store.signal(run.id, { id: 'cancel', name: 'opspawn.cancel', payload: { reason: 'from afar' } })
    await clock.advance(5000)
    expect(await now(clock, run.result)).toMatchObject(CANCELLED)
  })
})
