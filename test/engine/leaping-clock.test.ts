/** The wall clock is set while runs are worked on: durations are as long as before (S9). */
import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent, OpspawnError } from '../../src/index.ts'
import { manualClock, type ManualClock } from '../../src/testing/index.ts'
import { call, noting, planner, untilAborted } from './support/parts.ts'
import { closeAll, outcomeOf, settle, until, world } from './support/world.ts'
import { memoryStore, sharedStore } from './support/wrappers.ts'

afterEach(closeAll)

const HOUR_MS = 3_600_000
const LEAPS = [
  ['an hour forward', HOUR_MS],
  ['an hour back', -HOUR_MS],
] as const

/** Calls one tool and finishes with what it came to. */
const caller =
  (limits: object = {}) =>
  (tool: ReturnType<typeof noting>) =>
    defineAgent({
      name: 'caller',
      limits,
      tools: [tool],
      planner: planner((run) => {
        if (run.decisions === 0) return { type: 'act', effects: [call(tool.name, {}, 'k')] }
        const { outcome } = run.settled[0] ?? {}
        return outcome?.status === 'completed'
          ? { type: 'finish', output: outcome.value }
          : { type: 'fail', error: outcome?.error as never }
      }),
    })

describe.each(LEAPS)('the clock is set %s', (_how, leapMs) => {
  test('a retry waits as long as it was to', async () => {
    const flaky = noting(
      'flaky',
      () => {
        if (flaky.calls.length === 1) throw new OpspawnError('TOOL_FAILED', 'not yet', { retryable: true })
        return 'done'
      },
      { effect: 'idempotent', retry: { attempts: 2, baseMs: 400, maxMs: 400 } },
    )
    const at = await world({ agents: [caller()(flaky)], random: () => 0.99 })
    const run = await at.ops.start('caller', null)
    await until(at.clock, 'it failed once', () => flaky.calls.length === 1)
    await settle(at.clock)
    await at.clock.advance(200)
    at.clock.leap(leapMs)
    await at.clock.advance(190)
    expect(flaky.calls).toHaveLength(1)
    await at.clock.advance(10)
    expect(flaky.calls).toHaveLength(2)
    expect(await outcomeOf(at.clock, run)).toMatchObject({ status: 'completed' })
  })

  test('a run has the time of its limit, no more and no less', async () => {
    const slow = noting('slow', untilAborted, { effect: 'idempotent' })
    const at = await world({ agents: [caller({ durationMs: 10_000 })(slow)] })
    const run = await at.ops.start('caller', null)
    await until(at.clock, 'it is called', () => slow.calls.length === 1)
    await at.clock.advance(5_000)
    at.clock.leap(leapMs)
    await at.clock.advance(4_900)
    expect((await at.ops.record(run.id)).outcome).toBeUndefined()
    await at.clock.advance(100)
    await settle(at.clock)
    expect((await at.ops.record(run.id)).outcome).toMatchObject({ status: 'failed', error: { code: 'RUN_TIMEOUT' } })
  })

  test('a lease in memory lasts as long as before, and its run is not taken up a second time', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const slow = noting('slow', untilAborted, { effect: 'idempotent' })
    // It cannot renew its lease, so that the one of its claim is looked at.
    const mute = sharedStore(store, { heartbeat: () => new Promise(() => {}) })
    const at = await world({ agents: [caller()(slow)], store: mute, clock })
    const run = await at.ops.start('caller', null)
    await until(clock, 'it is called', () => slow.calls.length === 1)
    const deliveries = async () => (await store.list({ runId: run.id }, {})).runs[0]?.deliveries
    clock.leap(leapMs)
    await clock.advance(14_900)
    expect([await deliveries(), slow.calls.length]).toEqual([1, 1])
    await clock.advance(200)
    expect([await deliveries(), slow.calls.length]).toEqual([2, 2])
  })

  test('a worker that cannot reach its store gives up before its lease is over, and not sooner', async () => {
    const clock: ManualClock = manualClock()
    const store = memoryStore({ clock })
    let isCut = false
    const slow = noting('slow', untilAborted, { effect: 'idempotent' })
    const cut = sharedStore(store, {
      heartbeat: (...given) => (isCut ? Promise.reject(new OpspawnError('STORE_FAILED', 'cut')) : store.heartbeat(...given)),
    })
    const at = await world({ agents: [caller()(slow)], store: cut, clock })
    await at.ops.start('caller', null)
    await until(clock, 'it is called', () => slow.calls.length === 1)
    // The beat of the fifth second is the last.
    await clock.advance(6_000)
    isCut = true
    clock.leap(leapMs)
    await clock.advance(11_900)
    expect(slow.calls[0]?.context.signal.aborted).toBe(false)
    await clock.advance(200)
    expect(slow.calls[0]?.context.signal.aborted).toBe(true)
  })

  test('lost hints are still looked for every second', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    let sweeps = 0
    const counting = sharedStore(store, { sweep: (...given) => ((sweeps += 1), store.sweep(...given)) })
    await world({ agents: [caller()(noting('slow', untilAborted))], store: counting, clock })
    await clock.advance(3_000)
    sweeps = 0
    clock.leap(leapMs)
    await clock.advance(10_000)
    expect(sweeps).toBeGreaterThan(8)
    expect(sweeps).toBeLessThan(15)
  })
})
