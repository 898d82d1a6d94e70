import { describe, expect, test } from 'vitest'
import { type Effect, type Planner, type Run } from '../../src/index.ts'
import {
  agent,
  callModel,
  callTool,
  ended,
  gate,
  gauge,
  guardFile,
  historyOf,
  manualClock,
  modelOf,
  once,
  open,
  pause,
  plan,
  reply,
  seededRandom,
  tool,
  turns,
} from './harness.ts'
import { endAll, startMany, done } from './support/many-runs.ts'

guardFile()

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
