import { describe, expect, test } from 'vitest'
import { type Effect, type Planner, type Run } from '../../src/index.ts'
import {
  agent,
  callModel,
  callTool,
  ended,
  expectFailure,
  gate,
  gauge,
  guardFile,
  manualClock,
  modelOf,
  once,
  open,
  plan,
  play,
  reply,
  tool,
  turns,
} from './harness.ts'
import { endAll, startMany, done } from './support/many-runs.ts'

guardFile()

describe('limits of an agent', () => {
  test.each([1, 3, 7])('%i runs at once, never more, and all finish', async (concurrency) => {
    const clock = manualClock()
    const inside = gauge()
    const work = tool('work', () => inside.run(() => new Promise((resolve) => clock.setTimer(100, () => resolve(1)))))
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'work')), { tools: [work], concurrency })], clock })
    const outcomes = await endAll(await startMany(ops, 'subject', 40), clock)
    expect(outcomes).toEqual(outcomes.map(() => done))
    expect(inside).toMatchObject({ most: concurrency, total: 40, now: 0 })
  })
  test('of 1 with 50 runs do not starve another agent, even with few places overall', async () => {
    const clock = manualClock()
    const slow = tool('slow', () => new Promise((resolve) => clock.setTimer(1_000, () => resolve(1))))
    const narrow = agent('narrow', once(callTool('a', 'slow')), { tools: [slow], concurrency: 1 })
    const ops = await open({ agents: [narrow], clock, concurrency: 2 })
    const many = await startMany(ops, 'narrow', 50)
    const other = await ops.start('healthy', 'x')
    expect(await ended(other, clock, 1_500)).toEqual(done)
    expect(await endAll(many, clock)).toHaveLength(50)
  })
  test('hold over many sweeps: no place is lost or given twice', async () => {
    const clock = manualClock()
    const inside = gauge()
    const held = gate<void>()
    let open1 = false
    const slow = tool('slow', () => inside.run(async () => (open1 ? 1 : held.promise.then(() => 1))), { timeoutMs: 10_000_000 })
    const subject = agent('subject', once(callTool('a', 'slow')), { tools: [slow], concurrency: 2 })
    const ops = await open({ agents: [subject], clock })
    const first = await startMany(ops, 'subject', 10)
    // Every sweep tells of the waiting runs again.
    await clock.advance(200_000)
    expect(inside.now).toBe(2)
    open1 = true
    held.open()
    expect(await endAll(first, clock)).toEqual(first.map(() => done))
    expect(inside.most).toBe(2)
    // Both places are still there.
    open1 = false
    const again = gate<void>()
    const more = agent('more', once(callTool('a', 'slow')))
    expect(more.name).toBe('more')
    const second = await startMany(ops, 'subject', 4)
    open1 = true
    again.open()
    expect(await endAll(second, clock)).toEqual(second.map(() => done))
  })
  test('after many sweeps both places can still be used at once', async () => {
    const clock = manualClock()
    const inside = gauge()
    let held = gate<void>()
    const slow = tool('slow', () => inside.run(() => held.promise.then(() => 1)), { timeoutMs: 10_000_000 })
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'slow')), { tools: [slow], concurrency: 2 })], clock })
    const first = await startMany(ops, 'subject', 9)
    for (let left = 9; left > 0; left -= 2) {
      await clock.advance(70_000)
      const old = held
      held = gate<void>()
      old.open()
      await turns()
    }
    held.open()
    await endAll(first, clock)
    held = gate<void>()
    inside.most = 0
    const second = await startMany(ops, 'subject', 4)
    await clock.advance(5_000)
    expect(inside.now).toBe(2)
    held.open()
    expect(await endAll(second, clock)).toEqual(second.map(() => done))
  })
  test('are not held by a run that waits for its child', async () => {
    const child: Planner = once(callTool('c', 'ok'))
    const ok = tool('ok', () => 1)
    const kid = agent('kid', child, { tools: [ok], concurrency: 1 })
    const parent = agent('subject', once({ kind: 'run', key: 'a', agent: 'kid', input: 1 }), { agents: [kid], concurrency: 1 })
    const clock = manualClock()
    const ops = await open({ agents: [parent, kid], clock, concurrency: 1 })
    const outcomes = await endAll(await startMany(ops, 'subject', 20), clock)
    expect(outcomes).toEqual(outcomes.map(() => done))
  })
  test('of 1 let an agent call itself', async () => {
    const effects = (run: { input: unknown }): Effect[] =>
      run.input === 0 ? [] : [{ kind: 'run', key: 'c', agent: 'subject', input: (run.input as number) - 1 }]
    const subject = agent(
      'subject',
      plan((run) => {
        if (run.open > 0) return { type: 'idle' }
        return run.decisions > 0 || run.input === 0 ? { type: 'finish', output: 'done' } : { type: 'act', effects: effects(run) }
      }),
      { agents: ['subject'], concurrency: 1, input: { type: 'number' } },
    )
    expect((await play(subject, { input: 3 })).outcome).toEqual(done)
  })
  test('are freed by a run that fails', async () => {
    const clock = manualClock()
    const broken = agent(
      'subject',
      plan(() => {
        throw new Error('no idea')
      }),
      { concurrency: 1 },
    )
    const ops = await open({ agents: [broken], clock })
    const outcomes = await endAll(await startMany(ops, 'subject', 10), clock)
    for (const outcome of outcomes) expectFailure(outcome, 'PLANNER_FAILED')
  })
  test('are freed by a run that is cancelled while it waits for its place', async () => {
    const clock = manualClock()
    const held = gate<void>()
    const slow = tool('slow', () => held.promise.then(() => 1))
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'slow')), { tools: [slow], concurrency: 1 })], clock })
    const [first, second, third] = (await startMany(ops, 'subject', 3)) as [Run, Run, Run]
    await turns()
    await second.cancel('not needed')
    held.open()
    expect(await ended(first, clock)).toEqual(done)
    expect((await ended(second, clock)).status).toBe('cancelled')
    expect(await ended(third, clock)).toEqual(done)
  })
})

describe('limits of a tool', () => {
  test.each([1, 4])('%i bodies at once over all agents and runs, and all finish', async (concurrency) => {
    const clock = manualClock()
    const inside = gauge()
    const work = tool('work', () => inside.run(() => new Promise((resolve) => clock.setTimer(10, () => resolve(1)))), {
      concurrency,
    })
    const effects = Array.from({ length: 5 }, (_, n) => callTool(`a${n}`, 'work'))
    const one = agent('one', once(...effects), { tools: [work] })
    const two = agent('two', once(...effects), { tools: [work] })
    const ops = await open({ agents: [one, two], clock })
    const runs = [...(await startMany(ops, 'one', 5)), ...(await startMany(ops, 'two', 5))]
    expect(await endAll(runs, clock)).toEqual(runs.map(() => done))
    expect(inside).toMatchObject({ most: concurrency, total: 50, now: 0 })
  })
  test('hold for a tool that agents name and one that has it inline', async () => {
    const clock = manualClock()
    const inside = gauge()
    const work = tool('work', () => inside.run(() => new Promise((resolve) => clock.setTimer(10, () => resolve(1)))), {
      concurrency: 1,
    })
    const ops = await open({
      agents: [
        agent('one', once(callTool('a', 'work')), { tools: ['work'] }),
        agent('two', once(callTool('a', 'work')), { tools: [work] }),
      ],
      plugins: [work],
      clock,
    })
    await endAll([...(await startMany(ops, 'one', 3)), ...(await startMany(ops, 'two', 3))], clock)
    expect(inside.most).toBe(1)
  })
  test('are kept by a body that goes on after its time: the limit is on bodies', async () => {
    const clock = manualClock()
    const inside = gauge()
    const held = gate<void>()
    let calls = 0
    const work = tool(
      'work',
      () =>
        inside.run(async () => {
          calls += 1
          if (calls === 1) await held.promise
          return 1
        }),
      { concurrency: 1, timeoutMs: 100, retry: { attempts: 1 } },
    )
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'work')), { tools: [work] })], clock })
    const [first, second] = (await startMany(ops, 'subject', 2)) as [Run, Run]
    await ended(first, clock)
    held.open()
    await ended(second, clock)
    expect(inside.most).toBe(1)
  })
  test('are given up by a call that is cancelled while it waits', async () => {
    const clock = manualClock()
    const held = gate<void>()
    let calls = 0
    const work = tool(
      'work',
      () => {
        calls += 1
        return held.promise.then(() => 1)
      },
      { concurrency: 1 },
    )
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'work')), { tools: [work] })], clock })
    const [first, second, third] = (await startMany(ops, 'subject', 3)) as [Run, Run, Run]
    await turns()
    await second.cancel('not needed')
    expect((await ended(second, clock, 2_000)).status).toBe('cancelled')
    held.open()
    expect(await ended(first, clock)).toEqual(done)
    expect(await ended(third, clock)).toEqual(done)
    expect(calls).toBe(2)
  })
  test('let a call that waits for its place time out no later than its limit after it began, or run: it never hangs', async () => {
    const clock = manualClock()
    const held = gate<void>()
    const work = tool('work', () => held.promise.then(() => 1), { concurrency: 1, timeoutMs: 5_000, retry: { attempts: 1 } })
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'work')), { tools: [work] })], clock })
    const runs = await startMany(ops, 'subject', 3)
    expect(await endAll(runs, clock)).toEqual(runs.map(() => done))
    held.open()
  })
})

describe('limits.parallel', () => {
  test.each([1, 3, 16])('of %i is never exceeded, and all is done', async (parallel) => {
    const inside = gauge()
    const clock = manualClock()
    const work = tool('work', () => inside.run(() => new Promise((resolve) => clock.setTimer(5, () => resolve(1)))))
    const effects = Array.from({ length: 50 }, (_, n) => callTool(`a${n}`, 'work'))
    const played = await play(agent('subject', once(...effects), { tools: [work], limits: { parallel } }), { clock })
    expect(played.outcome).toEqual(done)
    expect(inside).toMatchObject({ most: parallel, total: 50 })
  })
  test('holds for unsafe tools, each announced before it is made (S5)', async () => {
    const inside = gauge()
    const clock = manualClock()
    const work = tool('work', () => inside.run(() => new Promise((resolve) => clock.setTimer(5, () => resolve(1)))), {
      effect: 'unsafe',
    })
    const effects = Array.from({ length: 20 }, (_, n) => callTool(`a${n}`, 'work'))
    const played = await play(agent('subject', once(...effects), { tools: [work], limits: { parallel: 2 } }), { clock })
    expect(inside.most).toBe(2)
    expect(played.history.filter((event) => event.type === 'effect-start')).toHaveLength(20)
  })
  test('holds while some of them are tried again', async () => {
    const inside = gauge()
    const clock = manualClock()
    const failed = new Set<string>()
    const work = tool('work', (_input, context) =>
      inside.run(async () => {
        await new Promise<void>((resolve) => clock.setTimer(5, resolve))
        if (!failed.has(context.key)) {
          failed.add(context.key)
          throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
        }
        return 1
      }),
    )
    const effects = Array.from({ length: 20 }, (_, n) => callTool(`a${n}`, 'work'))
    const played = await play(agent('subject', once(...effects), { tools: [work], limits: { parallel: 3 } }), { clock })
    expect(played.outcome).toEqual(done)
    expect(inside.most).toBe(3)
    expect(inside.total).toBe(40)
  })
  test('holds for models and tools together', async () => {
    const inside = gauge()
    const clock = manualClock()
    const rest = (): Promise<unknown> => inside.run(() => new Promise((resolve) => clock.setTimer(5, () => resolve(reply('x')))))
    const effects = Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? callTool(`a${n}`, 'work') : callModel(`a${n}`)))
    const played = await play(
      agent('subject', once(...effects), { tools: [tool('work', rest)], model: modelOf(rest), limits: { parallel: 2 } }),
      { clock },
    )
    expect(played.outcome).toEqual(done)
    expect(inside.most).toBe(2)
  })
})
