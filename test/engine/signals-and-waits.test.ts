import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, type Effect, type Json } from '../../src/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { call, gate, noting, stepsPlanner } from './support/parts.ts'
import { signal } from './support/waits.ts'
import { closeAll, historyOf, now, ofType, outcomeOf, settle, until, world } from './support/world.ts'
import { memoryStore, sharedStore } from './support/wrappers.ts'

afterEach(closeAll)

function time(ms: number, key = 'time'): Effect {
  return { kind: 'wait', key, for: { type: 'time', ms } }
}
function flow(...decisions: Effect[][]): Agent {
  return defineAgent({ name: 'flow', tools: [noting('step')], planner: stepsPlanner(...decisions) }) as unknown as Agent
}
async function started(...decisions: Effect[][]) {
  const made = await world({ agents: [flow(...decisions)] })
  return { ...made, run: await made.ops.start('flow', 'go') }
}

describe('signals (S10)', () => {
  test('a signal wakes the run that waits for it and brings its payload', async () => {
    const { ops, clock, run } = await started([signal('paid')])
    await until(clock, 'it waits', async () => (await ops.record(run.id)).status === 'waiting')
    await run.signal('paid', { amount: 3 })
    expect(await now(clock, run.result)).toEqual({ status: 'completed', output: [{ amount: 3 }] })
  })

  test('an early signal is kept until a wait consumes it', async () => {
    const { clock, run } = await started([time(5000)], [signal('paid')])
    await run.signal('paid', 1)
    await settle(clock)
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: [1] })
  })

  test('a signal that came before the first claim is kept', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const idle = await world({ agents: [flow([signal('paid')])], store: sharedStore(store), clock, work: false })
    const run = await idle.ops.start('flow', 'go')
    await run.signal('paid', 1)
    await world({ agents: [flow([signal('paid')])], store: sharedStore(store), clock })
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: [1] })
  })

  test('each signal is consumed once', async () => {
    const { clock, run } = await started([signal('paid', 'a')], [signal('paid', 'b')])
    await run.signal('paid', 1)
    await clock.advance(5000)
    expect(await now(clock, run.result)).toBeUndefined()
    await run.signal('paid', 2)
    expect(await now(clock, run.result)).toEqual({ status: 'completed', output: [2] })
  })

  test('signals of one name are consumed in the order in which they came', async () => {
    const { clock, run } = await started([time(100)], [signal('n', 'a'), signal('n', 'b'), signal('n', 'c')])
    for (const payload of [1, 2, 3]) await run.signal('n', payload)
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: [1, 2, 3] })
  })

  test('signals of other names stay where they are', async () => {
    const { clock, run } = await started([signal('a')], [signal('b')])
    await run.signal('b', 'B')
    await run.signal('a', 'A')
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['B'] })
  })

  test('the same id counts once, also after it was consumed', async () => {
    const { clock, run } = await started([signal('n', 'a')], [signal('n', 'b')])
    await run.signal('n', 1, { id: 'one' })
    await run.signal('n', 1, { id: 'one' })
    await settle(clock)
    await run.signal('n', 1, { id: 'one' })
    expect(await now(clock, run.result)).toBeUndefined()
    await run.signal('n', 2, { id: 'two' })
    expect(await now(clock, run.result)).toEqual({ status: 'completed', output: [2] })
  })

  test('two waits of one decision for the same name take one signal each', async () => {
    const { clock, run } = await started([signal('n', 'a'), signal('n', 'b')])
    await settle(clock)
    await run.signal('n', 1)
    expect(await now(clock, run.result)).toBeUndefined()
    await run.signal('n', 2)
    expect(await now(clock, run.result)).toEqual({ status: 'completed', output: [1, 2] })
  })

  test('a deadline ends a wait with WAIT_EXPIRED, and a later signal waits for the next', async () => {
    const { clock, run } = await started([signal('n', 'a', 10_000)], [signal('n', 'b')])
    await clock.advance(9_999)
    expect(await now(clock, run.result)).toBeUndefined()
    await clock.advance(1)
    await run.signal('n', 'late')
    expect(await now(clock, run.result)).toEqual({ status: 'completed', output: ['late'] })
  })

  test('WAIT_EXPIRED is data for the planner', async () => {
    const { clock, run } = await started([signal('n', 'a', 10_000)])
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['failed: WAIT_EXPIRED'] })
  })

  test('a signal and its deadline at the same moment give one outcome', async () => {
    const { ops, clock, run } = await started([signal('n', 'a', 10_000)])
    await clock.advance(9_999)
    const sending = run.signal('n', 1)
    await clock.advance(1)
    await sending
    await outcomeOf(clock, run)
    expect(ofType(await historyOf(ops, run.id), 'effect-end').filter(({ key }) => key === 'a')).toHaveLength(1)
  })

  test('a signal to a run that is busy is heard when it gets there', async () => {
    const open = gate()
    const agent = defineAgent({
      name: 'flow',
      tools: [noting('step', () => open.promise)],
      planner: stepsPlanner([call('step')], [signal('n')]),
    })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await settle(clock)
    await run.signal('n', 1)
    open.open()
    expect(await now(clock, run.result)).toEqual({ status: 'completed', output: [1] })
  })

  test('a payload is copied: the sender may change it afterwards', async () => {
    const { clock, run } = await started([time(10)], [signal('n')])
    const payload = { n: 1 }
    await run.signal('n', payload)
    payload.n = 2
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: [{ n: 1 }] })
  })

  test.each(['opspawn.cancel', 'opspawn.x', '', ' ', 'a b', '-a', 'ä', 'x'.repeat(129)])(
    'the name %j is refused',
    async (name) => {
      const { run } = await started([signal('n')])
      await expect(run.signal(name)).rejects.toMatchObject({ code: 'SIGNAL_INVALID' })
    },
  )

  test('a payload that is not JSON is refused', async () => {
    const { run } = await started([signal('n')])
    await expect(run.signal('n', 1n as unknown as Json)).rejects.toMatchObject({ code: 'JSON_INVALID' })
  })

  test('a run keeps so many signals that it does not wait for, and takes more when it has waited (S14)', async () => {
    const clock = manualClock()
    const held = gate<string>()
    const waits = Array.from({ length: 3 }, (_, n) => signal('n', `wait ${n}`))
    const agent = defineAgent({
      name: 'busy',
      tools: [noting('work', () => held.promise)],
      planner: stepsPlanner([call('work')], waits),
    })
    const { ops } = await world({ agents: [agent], clock, store: memoryStore({ clock, signals: 3 }) })
    const run = await ops.start(agent, 'go')
    await settle(clock)
    // The worker takes them out of the inbox and into the history, where they count as well.
    for (const payload of [1, 2, 3]) {
      await run.signal('n', payload)
      await settle(clock)
    }
    const full = { code: 'QUEUE_FULL', retryable: true, details: { runId: run.id, limit: 3 } }
    await expect(run.signal('n', 4)).rejects.toMatchObject(full)
    await expect(run.signal('other', 4)).rejects.toMatchObject(full)
    held.open('done')
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: [1, 2, 3] })
    expect(ofType(await historyOf(ops, run.id), 'signal')).toHaveLength(3)
  })

  test('what a run was told and took no longer counts, however long it lives (S14)', async () => {
    const clock = manualClock()
    const turns = Array.from({ length: 10 }, (_, n) => [signal('n', `wait ${n}`)])
    const { ops } = await world({ agents: [flow(...turns)], clock, store: memoryStore({ clock, signals: 2 }) })
    const run = await ops.start('flow', 'go')
    for (let payload = 0; payload < 10; payload += 1) {
      await run.signal('n', payload)
      await settle(clock)
    }
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: [9] })
  })

  test('a run that keeps as many signals as it may can still be cancelled (S14)', async () => {
    const clock = manualClock()
    const { ops } = await world({ agents: [flow([signal('paid')])], clock, store: memoryStore({ clock, signals: 1 }) })
    const run = await ops.start('flow', 'go')
    await run.signal('other')
    await expect(run.signal('paid')).rejects.toMatchObject({ code: 'QUEUE_FULL' })
    await run.cancel('enough')
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'cancelled' })
  })

  test('a signal to a finished run is refused with RUN_FINISHED', async () => {
    const { run } = await started()
    await run.result
    await expect(run.signal('n')).rejects.toMatchObject({ code: 'RUN_FINISHED' })
  })
})

describe('time', () => {
  test.each([5, 900, 10_000, 86_400_000])('a wait of %i ms ends then and not before', async (ms) => {
    const timing = { sweepMs: 86_400_000, heartbeatMs: 86_400_000, leaseMs: 2 * 86_400_000 }
    const { ops, clock } = await world({ agents: [flow([time(ms)])], timing })
    const run = await ops.start('flow', 'go')
    await settle(clock)
    await clock.advance(ms - 1)
    expect(await now(clock, run.result)).toBeUndefined()
    await clock.advance(1)
    expect(await now(clock, run.result)).toEqual({ status: 'completed', output: [null] })
  })

  test('a wait of no time is over at once', async () => {
    const { clock, run } = await started([time(0)])
    expect(await now(clock, run.result)).toEqual({ status: 'completed', output: [null] })
  })

  test('waits of one decision end each at its own time', async () => {
    const { ops, clock, run } = await started([time(3000, 'a'), time(1000, 'b'), time(2000, 'c')])
    await outcomeOf(clock, run)
    expect(ofType(await historyOf(ops, run.id), 'effect-end').map(({ key }) => key)).toEqual(['b', 'c', 'a'])
  })

  test('a run that waits holds no place of its agent', async () => {
    const agent = { ...flow([time(60_000)]), concurrency: 1 }
    const { ops, clock } = await world({ agents: [agent] })
    const runs = [await ops.start(agent, 1), await ops.start(agent, 2), await ops.start(agent, 3)]
    await until(clock, 'all wait', async () => (await ops.list({ status: ['waiting'] })).runs.length === 3)
    await clock.advance(60_000)
    for (const run of runs) expect(await now(clock, run.result)).toMatchObject({ status: 'completed' })
  })

  test.each([0, -1, -3_600_000])('dueAt: a run that is due already begins at once (%i ms from now)', async (ms) => {
    const agent = flow([call('step')])
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go', { dueAt: clock.now() + ms })
    expect(await now(clock, run.result)).toMatchObject({ status: 'completed' })
  })

  test('dueAt: a run is not worked on before', async () => {
    const agent = flow([call('step')])
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go', { dueAt: clock.now() + 30_000 })
    await clock.advance(29_999)
    expect((await ops.record(run.id)).status).toBe('queued')
    await clock.advance(1)
    expect(await now(clock, run.result)).toMatchObject({ status: 'completed' })
  })
})
