import { describe, expect, test } from 'vitest'
import type { Decision, Effect, Json, Outcome } from '../../core/index.ts'
import { plannerConformance } from '../../testing/planner-conformance.ts'
import { scriptedFailure } from '../../testing/planner-scenarios.ts'
import { seededRandom } from '../../testing/seeded.ts'
import { type CodePlay, notForCode, playCode } from '../../../test/fixtures/code-play.ts'
import { codePlanner, defineWorkflow, type WorkflowFunction } from './index.ts'

type Run = WorkflowFunction<Json, unknown>

const twoAndOne: Run = async (ctx, input) => {
  const found = await ctx.tool('web.search', { q: JSON.stringify(input) })
  const [left, right] = await Promise.all([
    ctx.tool('note', { n: 1 }),
    ctx.tool('note', { n: 2 }).catch((error: { code: string }) => error.code),
  ])
  const { approved } = await ctx.approval('go on?', { deadline: '2d' })
  await ctx.sleep('1h')
  return { found, left, right, approved, chance: ctx.random() }
}

const loops: Run = async (ctx) => {
  let sum = 0
  for (let turn = 0; turn < 5; turn += 1) {
    try {
      sum += (await ctx.tool<{ n?: number }>('note', { turn })).n ?? 1
    } catch {
      sum += 100
    }
    // A long way through the microtasks, as deep calls have.
    for (let tick = 0; tick < 50; tick += 1) await Promise.resolve()
  }
  return sum + Math.min(ctx.now(), 0)
}

const reasons = {
  'no-ambient': 'the function comes to rest in a turn of the event loop: setImmediate is how it is waited for',
  'failures-told': 'the function may catch a failure; the history tells of it',
}
for (const [name, run] of Object.entries({ twoAndOne, loops })) {
  plannerConformance({
    test: (title, body) => test(`${name}: ${title}`, body),
    createPlanner: () => codePlanner(run),
    skipRules: reasons,
    skip: notForCode('function'),
  })
}

const begin = (run: Run): CodePlay => playCode(codePlanner(run), 'code', 'otters')
const done = (value: Json): Outcome => ({ status: 'completed', value })
const failed = scriptedFailure('failed', 'TOOL_FAILED', 'x')

test('effects are named by what they do and how often', async () => {
  const { act } = begin(async (ctx) => {
    await Promise.all([
      ctx.tool('note'),
      ctx.tool('note'),
      ctx.agent('note', 'x', { timeout: '1m' }),
      ctx.sleep(5),
      ctx.signal('go', { deadline: 10 }),
      ctx.approval('ok?', { name: 'mine', details: { n: 1 } }),
      ctx.workflow('sub'),
    ])
  })
  expect(await act()).toEqual([
    { kind: 'tool', key: 'note', tool: 'note', input: {}, task: 'note' },
    { kind: 'tool', key: 'note#2', tool: 'note', input: {}, task: 'note' },
    { kind: 'run', key: 'note#3', agent: 'note', input: 'x', timeoutMs: 60_000, task: 'note' },
    { kind: 'wait', key: 'sleep', for: { type: 'time', ms: 5 } },
    { kind: 'wait', key: 'go', for: { type: 'signal', name: 'go', deadlineMs: 10 } },
    { kind: 'wait', key: 'mine', for: { type: 'approval', question: 'ok?', details: { n: 1 } } },
    { kind: 'run', key: 'sub', agent: 'sub', input: null, task: 'sub' },
  ])
})

describe('a function that does something else when it is replayed', () => {
  async function replayed(run: (turn: number) => Run): Promise<Decision> {
    const first = begin(run(1))
    const [effect] = await first.act()
    first.history.settle(effect as Effect, done('found'))
    await first.act()
    return codePlanner(run(2)).decide(first.history.refold())
  }

  test('fails with both sides shown', async () => {
    const decision = await replayed((turn) => async (ctx) => {
      await ctx.tool('web.search', { q: turn })
      await ctx.tool('note')
    })
    expect(decision).toMatchObject({
      type: 'fail',
      error: {
        code: 'PLANNER_FAILED',
        details: { key: 'web.search', path: '/input/q', recorded: { input: { q: 1 } }, asked: { input: { q: 2 } } },
      },
    })
    expect((decision as { error: { message: string } }).error.message).toMatch(/recorded \{.*"q":1.*asked for \{.*"q":2/)
  })

  test('fails when it leaves out what the history holds', async () => {
    const decision = await replayed((turn) => async (ctx) => {
      await ctx.tool('web.search')
      if (turn === 1) await ctx.tool('note')
      else await ctx.sleep(1)
    })
    expect(decision).toMatchObject({ type: 'fail', error: { code: 'PLANNER_FAILED', details: { key: 'note', asked: null } } })
  })

  test('fails when it began in another way', async () => {
    const decision = await replayed((turn) => async (ctx) => {
      await (turn === 1 ? ctx.tool('web.search') : ctx.sleep(1))
      await ctx.tool('note')
    })
    expect(decision).toMatchObject({ type: 'fail', error: { details: { key: 'web.search' } } })
  })
})

describe('a function', () => {
  test('that waits for something else is told so', async () => {
    expect(await begin(() => new Promise(() => {})).next()).toMatchObject({
      type: 'fail',
      error: { code: 'PLANNER_FAILED', message: expect.stringContaining('make that a tool') },
    })
  })

  test('that asks for something after it waited for what is not its own is told so', async () => {
    const timer = Promise.withResolvers<void>()
    const { act, next, history } = begin(async (ctx) => {
      void ctx.sleep('1h')
      await timer.promise
      await ctx.tool('note')
    })
    const [sleep] = await act()
    timer.resolve()
    await new Promise((resolve) => void setImmediate(resolve))
    history.settle(sleep as Effect, done(null))
    expect(await next()).toMatchObject({ type: 'fail', error: { message: expect.stringContaining('did not come through ctx') } })
  })

  test('that throws fails the run with what it threw', async () => {
    expect(
      await begin(() => {
        throw new TypeError('oops')
      }).next(),
    ).toMatchObject({ type: 'fail', error: { code: 'PLANNER_FAILED', message: 'TypeError: oops' } })
    const { act, history, next } = begin(async (ctx) => ctx.tool('note'))
    const [effect] = await act()
    history.settle(effect as Effect, failed)
    expect(await next()).toMatchObject({ type: 'fail', error: { code: 'TOOL_FAILED', message: 'scripted trouble at x' } })
  })

  test('may leave a call alone that fails later', async () => {
    const { act, history, next } = begin(async (ctx) => {
      const alone = ctx.tool('note')
      await ctx.sleep(1)
      return alone.then(
        () => 'no',
        () => 'caught',
      )
    })
    const [note, sleep] = await act()
    history.settle(note as Effect, failed)
    expect(await next()).toEqual({ type: 'idle' })
    history.settle(sleep as Effect, done(null))
    expect(await next()).toEqual({ type: 'finish', output: 'caught' })
  })

  test('reads the time once, and the same when it is replayed', async () => {
    const run: Run = async (ctx) => {
      const before = ctx.now()
      await ctx.tool('note', { before })
      return { before, after: ctx.now(), chance: [ctx.random(), ctx.random()] }
    }
    const { act, history, next } = begin(run)
    const [effect] = await act()
    const before = (effect as unknown as { input: { before: number } }).input.before
    expect(before).toBe(history.view.now - 1000)
    history.settle(effect as Effect, done(null))
    const decision = await next()
    expect(await codePlanner(run).decide(history.refold())).toEqual(decision)
    const { output } = decision as unknown as { output: { before: number; after: number; chance: number[] } }
    expect(output.before).toBe(before)
    expect(output.after).toBeGreaterThan(before)
    expect(new Set(output.chance).size).toBe(2)
  })

  test.each([
    [async (ctx: Parameters<Run>[0]) => ctx.sleep('soon'), /"soon" is no duration/],
    [async (ctx: Parameters<Run>[0]) => ctx.tool('a#2'), /without "#"/],
    [async (ctx: Parameters<Run>[0]) => ctx.tool('note', { bad: 1n } as never), /bigint/],
  ])('is told of a call that cannot be recorded, %#', async (run, message) => {
    expect(await begin(run).next()).toMatchObject({ type: 'fail', error: { message: expect.stringMatching(message) } })
  })

  test('is an agent', () => {
    const workflow = defineWorkflow(
      { name: 'w', description: 'd', agents: ['reader', { name: 'writer' } as never], tools: ['note'] },
      loops,
    )
    expect(workflow).toMatchObject({
      spec: 'agent/1',
      name: 'w',
      tools: ['note'],
      delegates: [{ agent: 'reader' }, { agent: 'writer' }],
    })
    expect(defineWorkflow({ name: 'w' }, loops).planner?.version).toBe(workflow.planner?.version)
    expect(defineWorkflow({ name: 'w' }, twoAndOne).planner?.version).not.toBe(workflow.planner?.version)
    expect(defineWorkflow({ name: 'w', version: '7' }, loops).planner?.version).toBe('7')
    expect(() => defineWorkflow({ name: 'w', tool: [] } as never, loops)).toThrow('has no member "tool"')
    expect(() => defineWorkflow({ name: 'w' }, undefined as never)).toThrow('needs the workflow')
  })
})

describe('from any prefix of any history', () => {
  const random1: Run = async (ctx) => {
    const jobs = [1, 2, 3].map(async (n) => {
      let sum = 0
      for (let turn = 0; turn < n; turn += 1) {
        if (ctx.random() < 0.5) await ctx.sleep(1)
        for (let tick = 0; tick < n * 7; tick += 1) await Promise.resolve()
        sum += await ctx.tool<number>('note', { n, turn }).catch(() => 0)
      }
      return sum
    })
    const first = await Promise.race(jobs)
    await ctx.tool('web.search', { first, at: ctx.now() % 1000 })
    return Promise.all(jobs)
  }

  test.each(Array.from({ length: 40 }, (_, seed) => seed))('a fresh run of the function decides alike, seed %i', async (seed) => {
    const chance = seededRandom(seed)
    const { history, next } = begin(random1)
    const open: Effect[] = []
    let last: Decision | undefined
    for (let turn = 0; turn < 100; turn += 1) {
      const decision = await next()
      expect(await codePlanner(random1).decide(history.refold())).toEqual(decision)
      last = decision
      if (decision.type === 'act') {
        history.decide(decision.effects, decision.state)
        open.push(...decision.effects)
      } else if (decision.type !== 'idle') break
      for (let batch = 1 + Math.floor(chance() * 3); batch > 0 && open.length > 0; batch -= 1) {
        const [effect] = open.splice(Math.floor(chance() * open.length), 1) as [Effect]
        history.settle(
          effect,
          chance() < 0.2 && effect.kind === 'tool' && effect.tool === 'note'
            ? failed
            : done(effect.kind === 'wait' ? null : Math.floor(chance() * 10)),
        )
      }
    }
    expect(last?.type).toBe('finish')
  })
})
