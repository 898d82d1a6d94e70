import { describe, expect, test } from 'vitest'
import { type Effect, OpspawnError, type Orchestrator, type Planner, type Run, type RunOutcome } from '../../src/index.ts'
import { fastqScheduler } from '../../src/plugins/scheduler-fastq/index.ts'
import { memoryStore } from '../../src/plugins/store-memory/index.ts'
import {
  agent,
  callModel,
  callTool,
  ended,
  expectCode,
  expectFailure,
  gate,
  gauge,
  guardFile,
  historyOf,
  type ManualClock,
  manualClock,
  modelOf,
  once,
  open,
  pause,
  plan,
  play,
  reply,
  seededRandom,
  tool,
  turns,
} from './harness.ts'
import { wrapScheduler } from './support/wrappers.ts'

guardFile()

const done = { status: 'completed', output: 'done' }

async function startMany(ops: Orchestrator, name: string, count: number): Promise<Run[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => ops.start(name, n)))
}
async function endAll(runs: readonly Run[], clock: ManualClock, limitMs?: number): Promise<RunOutcome[]> {
  const outcomes: RunOutcome[] = []
  for (const run of runs) outcomes.push(await ended(run, clock, limitMs))
  return outcomes
}

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

describe('the limit overall', () => {
  test.each([1, 5])('%i runs at once, never more, and all finish', async (concurrency) => {
    const clock = manualClock()
    const inside = gauge()
    const work = tool('work', () => inside.run(() => new Promise((resolve) => clock.setTimer(10, () => resolve(1)))))
    const ops = await open({
      agents: [
        agent('one', once(callTool('a', 'work')), { tools: [work] }),
        agent('two', once(callTool('a', 'work')), { tools: [work] }),
      ],
      clock,
      concurrency,
    })
    const runs = [...(await startMany(ops, 'one', 15)), ...(await startMany(ops, 'two', 15))]
    expect(await endAll(runs, clock)).toEqual(runs.map(() => done))
    expect(inside.most).toBe(concurrency)
  })
  test('all limits together', async () => {
    const clock = manualClock()
    const overall = gauge()
    const ofTool = gauge()
    const work = tool(
      'work',
      () => overall.run(() => ofTool.run(() => new Promise((resolve) => clock.setTimer(10, () => resolve(1))))),
      { concurrency: 4 },
    )
    const names = ['a', 'b', 'c']
    const ops = await open({
      agents: names.map((name) =>
        agent(name, once(callTool('x', 'work'), callTool('y', 'work')), {
          tools: [work],
          concurrency: 3,
          limits: { parallel: 1 },
        }),
      ),
      clock,
      concurrency: 5,
    })
    const runs = (await Promise.all(names.map((name) => startMany(ops, name, 12)))).flat()
    expect(await endAll(runs, clock)).toEqual(runs.map(() => done))
    expect(ofTool).toMatchObject({ total: 72, now: 0 })
    expect(ofTool.most).toBeLessThanOrEqual(4)
  })
  test('holds for runs that waited for a place of their agent', async () => {
    const clock = manualClock()
    const inside = gauge()
    const work = tool('work', () => inside.run(() => new Promise((resolve) => clock.setTimer(10, () => resolve(1)))))
    const names = ['a', 'b', 'c']
    const ops = await open({
      agents: names.map((name) => agent(name, once(callTool('x', 'work')), { tools: [work], concurrency: 2 })),
      clock,
      concurrency: 3,
    })
    const runs = (await Promise.all(names.map((name) => startMany(ops, name, 20)))).flat()
    expect(await endAll(runs, clock)).toEqual(runs.map(() => done))
    expect(inside.most).toBeLessThanOrEqual(3)
  })
  test('a run that waited for its place is handed back by a drain too (S15)', async () => {
    const clock = manualClock()
    const held = gate<void>()
    let calls = 0
    const work = tool('work', () => {
      calls += 1
      return calls === 1 ? held.promise.then(() => 1) : new Promise(() => {})
    })
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'work')), { tools: [work], concurrency: 1 })], clock })
    const [first, second] = (await startMany(ops, 'subject', 2)) as [Run, Run]
    await turns()
    held.open()
    await ended(first, clock)
    await turns()
    expect(calls).toBe(2)
    const drained = await Promise.race([ops.drain(5), pause(45).then(() => 'hangs')])
    expect(drained).toEqual({ handedBack: [second.id] })
  })
  test('the board shows who is active and comes back to idle', async () => {
    const clock = manualClock()
    const held = gate<void>()
    const ops = await open({
      agents: [agent('subject', once(callTool('a', 'work')), { tools: [tool('work', () => held.promise.then(() => 1))] })],
      clock,
    })
    const runs = await startMany(ops, 'subject', 3)
    await turns()
    const state = () => ops.agents().find((one) => one.name === 'subject')
    expect(state()).toMatchObject({ status: 'active', runs: runs.map((run) => run.id) })
    held.open()
    await endAll(runs, clock)
    await turns()
    expect(state()).toMatchObject({ status: 'idle', runs: [] })
  })
})

describe('full queues (S14)', () => {
  test('a store at its capacity refuses with QUEUE_FULL, and nothing accepted is lost', async () => {
    const clock = manualClock()
    const held = gate<void>()
    const slow = tool('slow', () => held.promise.then(() => 1))
    const ops = await open({
      agents: [agent('subject', once(callTool('a', 'slow')), { tools: [slow], concurrency: 1 })],
      clock,
      store: memoryStore({ clock, capacity: 5 }),
    })
    const accepted: Run[] = []
    const refusals: unknown[] = []
    for (let n = 0; n < 20; n += 1) {
      await ops.start('subject', n).then(
        (run) => accepted.push(run),
        (error: unknown) => refusals.push(error),
      )
    }
    expect(refusals.length).toBeGreaterThan(0)
    const full = { code: 'QUEUE_FULL', retryable: true, details: { queue: 'default', capacity: 5 } }
    expect(refusals).toMatchObject(refusals.map(() => full))
    held.open()
    expect(await endAll(accepted, clock)).toEqual(accepted.map(() => done))
    const run = await ops.start('subject', 'again')
    expect(await ended(run, clock)).toEqual(done)
  })
  test('a full scheduler loses nothing: the sweep makes up for it', async () => {
    const clock = manualClock()
    const ops = await open({
      agents: [agent('subject', once(callTool('a', 'ok')), { tools: [tool('ok', () => 1)] })],
      clock,
      scheduler: fastqScheduler({ capacity: 1 }),
    })
    const runs = await startMany(ops, 'subject', 30)
    expect(await endAll(runs, clock, 3_600_000)).toEqual(runs.map(() => done))
  })
  test('a scheduler that was full for a moment does not make runs wait for minutes', async () => {
    const clock = manualClock()
    const ops = await open({
      agents: [agent('subject', once(callTool('a', 'ok')), { tools: [tool('ok', () => 1)] })],
      clock,
      scheduler: fastqScheduler({ capacity: 5 }),
    })
    const begun = clock.now()
    const runs = await startMany(ops, 'subject', 50)
    await endAll(runs, clock, 3_600_000)
    expect(clock.now() - begun).toBeLessThan(60_000)
  })
  test('a scheduler that stays full is asked ever more seldom, and takes what was refused when it has room', async () => {
    const clock = manualClock()
    let isFull = true
    let refusals = 0
    const scheduler = wrapScheduler(fastqScheduler(), async (tasks, pass) => {
      if (!isFull) return pass(tasks)
      refusals += 1
      throw new OpspawnError('QUEUE_FULL', 'full')
    })
    const ops = await open({ agents: [agent('subject', once())], clock, scheduler })
    const runs = await startMany(ops, 'subject', 20)
    await clock.advance(300_000)
    // The first offers, one a second, and the sweeps: not one for each run each time.
    expect(refusals).toBeGreaterThan(300)
    expect(refusals).toBeLessThan(500)
    isFull = false
    const begun = clock.now()
    await endAll(runs, clock)
    expect(clock.now() - begun).toBeLessThan(2_000)
  })
  test('what a full scheduler refused is let go when the orchestrator stops', async () => {
    const clock = manualClock()
    let offers = 0
    const scheduler = wrapScheduler(fastqScheduler(), async () => {
      offers += 1
      throw new OpspawnError('QUEUE_FULL', 'full')
    })
    const ops = await open({ agents: [agent('subject', once())], clock, scheduler })
    await startMany(ops, 'subject', 3)
    await clock.advance(100)
    await ops.close()
    const before = offers
    await clock.advance(60_000)
    expect(offers).toBe(before)
    expect(clock.pending).toBe(0)
  })
  test('a full scheduler loses nothing where an agent has one place', async () => {
    const clock = manualClock()
    const subject = agent('subject', once(callTool('a', 'ok')), { tools: [tool('ok', () => 1)], concurrency: 1 })
    const ops = await open({ agents: [subject], clock, scheduler: fastqScheduler({ capacity: 1 }) })
    const runs = await startMany(ops, 'subject', 30)
    expect(await endAll(runs, clock, 3_600_000)).toEqual(runs.map(() => done))
  })
  test('a store that is full refuses a child, and the parent is told after its tries', async () => {
    const clock = manualClock()
    const child = agent('child', once(callTool('c', 'ok')), { tools: [tool('ok', () => 1)] })
    const effects = Array.from({ length: 6 }, (_, n): Effect => ({ kind: 'run', key: `a${n}`, agent: 'child', input: n }))
    const ops = await open({
      agents: [agent('subject', once(...effects), { agents: [child] }), child],
      clock,
      store: memoryStore({ clock, capacity: 2 }),
    })
    const run = await ops.start('subject', 'go')
    expect(await ended(run, clock)).toEqual(done)
    const ends = (await historyOf(run)).flatMap((event) => (event.type === 'effect-end' ? [event.outcome.status] : []))
    expect(ends).toHaveLength(6)
    expect(['completed', 'failed']).toEqual(expect.arrayContaining(ends))
  })
  test('waiting runs of the same store can still be signalled when it is full', async () => {
    const clock = manualClock()
    const waits = agent('waits', once({ kind: 'wait', key: 'w', for: { type: 'signal', name: 'go' } }))
    const ops = await open({ agents: [waits], clock, store: memoryStore({ clock, capacity: 3 }) })
    const runs = await startMany(ops, 'waits', 3)
    await turns()
    await expectCode(() => ops.start('waits', 'one more'), 'QUEUE_FULL')
    for (const run of runs) await run.signal('go')
    expect(await endAll(runs, clock)).toEqual(runs.map(() => done))
  })
})

describe('a storm of everything at once ends whole', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('seed %i', async (seed) => {
    const clock = manualClock()
    const random = seededRandom(seed)
    const bodies = gauge()
    const nap = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimer(ms, resolve))
    const wild = (): Promise<unknown> =>
      bodies.run(async () => {
        await nap(Math.floor(random() * 400))
        const draw = random()
        if (draw < 0.2) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
        if (draw < 0.3) throw new Error('broken')
        if (draw < 0.4) return 10n
        if (draw < 0.45) await nap(60_000)
        return draw
      })
    const tools = [
      tool('pure', wild, { timeoutMs: 2_000, concurrency: 5 }),
      tool('unsafe', wild, { timeoutMs: 1_000, effect: 'unsafe' }),
      tool('late', wild, { timeoutMs: 200, retry: { attempts: 2, baseMs: 3_000 } }),
    ]
    const model = modelOf(async () => {
      await nap(Math.floor(random() * 300))
      if (random() < 0.2)
        throw Object.assign(new Error('busy'), { statusCode: 503, isRetryable: true, responseHeaders: { 'retry-after': '2' } })
      return random() < 0.1 ? { ...reply('x'), usage: undefined } : reply('x')
    })
    const chaos = (reactive: boolean): Planner =>
      plan(
        (run) => {
          if (run.decisions < 3 && (reactive || run.open === 0)) {
            const kinds: Effect[] = [
              callTool(`p${run.decisions}`, 'pure'),
              callTool(`u${run.decisions}`, 'unsafe'),
              callTool(`l${run.decisions}`, 'late'),
              callModel(`m${run.decisions}`, { settings: { maxOutputTokens: 50 } }),
              { kind: 'wait', key: `w${run.decisions}`, for: { type: 'signal', name: 'go', deadlineMs: 3_000 } },
            ]
            if (run.tools.some((offered) => offered.delegate !== undefined))
              kinds.push({ kind: 'run', key: `c${run.decisions}`, agent: 'low', input: 1 })
            return { type: 'act', effects: kinds.slice(run.decisions) }
          }
          return run.open > 0 ? { type: 'idle' } : { type: 'finish', output: 'done' }
        },
        { reactive },
      )
    const low = agent('low', chaos(false), { tools, model, concurrency: 6 })
    const high = agent('high', chaos(false), { tools, model, agents: [low], limits: { tokens: 900, parallel: 3 } })
    const hasty = agent('hasty', chaos(true), { tools, model, limits: { durationMs: 9_000 } })
    const ops = await open({ agents: [low, high, hasty], clock, random, concurrency: 20 })
    const runs = await Promise.all(Array.from({ length: 30 }, (_, n) => ops.start(n % 2 === 0 ? 'high' : 'hasty', n)))
    for (const [index, run] of runs.entries()) {
      if (index % 5 === 0) clock.setTimer(500 + index * 100, () => void run.cancel('storm').catch(() => {}))
      if (index % 3 === 0) clock.setTimer(index * 90, () => void run.signal('go').catch(() => {}))
    }
    const outcomes = await endAll(runs, clock)
    expect(outcomes).toHaveLength(30)
    await clock.advance(30_000)
    for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
      const page = await ops.list({}, cursor === undefined ? {} : { cursor })
      cursor = page.cursor
      for (const record of page.runs) {
        expect(record.outcome?.status).toMatch(/completed|failed|cancelled/)
        expect(record.spending.reserved).toEqual({ steps: 0, tokens: 0, cost: 0 })
        await historyOf(await ops.run(record.runId))
      }
    }
    expect(ops.agents().every((state) => state.runs.length === 0)).toBe(true)
  })
})

describe('more runs than places', () => {
  /** Runs that note when they are begun. */
  const noting = (order: unknown[]): ReturnType<typeof tool> =>
    tool('note', (_, { runId, tenant }) => void order.push(`${tenant} ${runId}`), { effect: 'pure' })

  test('the most urgent is begun first, whenever it was started', async () => {
    const clock = manualClock()
    const order: string[] = []
    const ops = await open({
      agents: [agent('subject', once(callTool('a', 'note')), { tools: [noting(order)] })],
      clock,
      concurrency: 1,
    })
    const runs: Run[] = []
    for (const [index, priority] of [0, -1, 3, 0, 3, 7].entries())
      runs.push(await ops.start('subject', index, { runId: `${priority} ${index}`, priority }))
    await endAll(runs, clock)
    // The first was begun while there were no others.
    expect(order.map((text) => text.replace('default ', ''))).toEqual(expect.arrayContaining(['7 5']))
    expect(order.slice(1)).toEqual(
      order.slice(1).toSorted((left, right) => Number(right.split(' ')[1]) - Number(left.split(' ')[1])),
    )
  })
  test('tenants take turns, also beside an agent with a limit of its own', async () => {
    const clock = manualClock()
    const order: string[] = []
    const tools = [noting(order)]
    const subject = agent('subject', once(callTool('a', 'note')), { tools })
    const narrow = agent('narrow', once(callTool('a', 'note')), { tools, concurrency: 1 })
    const ops = await open({ agents: [subject, narrow], clock, concurrency: 2 })
    const runs: Run[] = []
    for (const name of ['subject', 'narrow']) {
      for (let index = 0; index < 30; index += 1)
        runs.push(await ops.start(name, index, { tenant: 'crowd', runId: `${name} ${index}` }))
    }
    for (const name of ['subject', 'narrow']) runs.push(await ops.start(name, 0, { tenant: 'single', runId: `${name} single` }))
    expect(await endAll(runs, clock)).toEqual(runs.map(() => done))
    for (const name of ['subject', 'narrow']) {
      const own = order.filter((text) => text.includes(name))
      expect(own).toHaveLength(31)
      expect(own.indexOf(`single ${name} single`)).toBeLessThan(6)
    }
  })
})
