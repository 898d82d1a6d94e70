import { describe, expect, test } from 'vitest'
import { type Agent, type Effect, type RunLimits, type RunUsage, type Schema } from '../../src/index.ts'
import {
  agent,
  callModel,
  callTool,
  ended,
  errorOf,
  expectCode,
  expectFailure,
  gauge,
  guardFile,
  historyOf,
  inTurn,
  manualClock,
  modelOf,
  once,
  open,
  plan,
  play,
  providerError,
  refusal,
  reply,
  scriptedModel,
  tool,
  turns,
} from './harness.ts'

guardFile()

const NOTHING = { steps: 0, tokens: 0, cost: 0 }
const prices = { 'test/m': { input: 1_000_000, output: 1_000_000 } }
const child = (key: string, name: string): Effect => ({ kind: 'run', key, agent: name, input: 1 })
/** A model whose answers take exactly what a call sets aside at most for its answer, with no input worth counting. */
const greedy = (output: number) => modelOf(() => reply('x', { input: 1, output }))

describe('steps', () => {
  test('end after limits.steps calls, and nothing stays set aside', async () => {
    const model = greedy(5)
    const effects = Array.from({ length: 6 }, (_, n) => callModel(`m${n}`))
    const played = await play(agent('subject', inTurn(...effects), { model, limits: { steps: 4 } }))
    expect(model.calls).toBe(4)
    expectFailure(played.effect('m4'), 'BUDGET_EXCEEDED', 'steps', played.run.id)
    expect(played.record.spending).toMatchObject({ used: { steps: 4 }, reserved: NOTHING })
  })
  test('are fifty where nothing is said', async () => {
    const model = greedy(5)
    const played = await play(agent('subject', inTurn(...Array.from({ length: 51 }, (_, n) => callModel(`m${n}`))), { model }))
    expect(model.calls).toBe(50)
    expectFailure(played.effect('m50'), 'BUDGET_EXCEEDED')
  })
  test('a start may only tighten them', async () => {
    const model = greedy(5)
    const subject = agent('subject', inTurn(...Array.from({ length: 6 }, (_, n) => callModel(`m${n}`))), {
      model,
      limits: { steps: 4 },
    })
    await play(subject, { start: { limits: { steps: 2 } } })
    expect(model.calls).toBe(2)
    await play(subject, { start: { limits: { steps: 100 } } })
    expect(model.calls).toBe(6)
  })
  test('refused names what is bounded, used and set aside, and what to raise', async () => {
    let seen: unknown
    const planner = plan((run) => {
      if (run.decisions === 0) return { type: 'act', effects: [callModel('a')] }
      if (run.decisions === 1) return { type: 'act', effects: [callModel('b'), callModel('c')] }
      seen = { ...run.usage }
      return { type: 'finish', output: 'done' }
    })
    const played = await play(agent('subject', planner, { model: greedy(1), limits: { steps: 2 } }))
    const text = 'may use 2 steps: 1 used, 0 set aside, and what comes next needs up to 2; raise limits.steps'
    expectFailure(played.effect('b'), 'BUDGET_EXCEEDED', played.run.id, text)
    // The two that were refused were never made: they are no calls, and nothing of them went unreported.
    expect(seen).toMatchObject({ modelCalls: 1, unreported: 0 })
  })
  test('a planner that is refused may finish with what it has', async () => {
    const played = await play(
      agent('subject', inTurn(callModel('a'), callModel('b')), { model: greedy(1), limits: { steps: 1 } }),
    )
    expect(played.outcome).toEqual({ status: 'completed', output: 'done' })
  })
  test('tools take none', async () => {
    const effects = Array.from({ length: 10 }, (_, n) => callTool(`t${n}`, 'x'))
    const played = await play(agent('subject', once(...effects), { tools: [tool('x', () => 1)], limits: { steps: 1 } }))
    expect(played.record.spending.used).toEqual(NOTHING)
  })
  test('calls of one decision that do not all fit never pass the limit', async () => {
    const model = greedy(5)
    const effects = Array.from({ length: 6 }, (_, n) => callModel(`m${n}`))
    const played = await play(agent('subject', once(...effects), { model, limits: { steps: 4 } }))
    expect(model.calls).toBeLessThanOrEqual(4)
    expect(played.record.spending.reserved).toEqual(NOTHING)
    expect(played.outcome.status).toBe('completed')
  })
})

test('a caller cannot loosen a limit that the agent leaves at its default', async () => {
  const ops = await open({ agents: [agent('subject', once(callModel('a')))] })
  const run = await ops.start('subject', 'go', { limits: { steps: 500, effects: 20, tokens: 9_000 } })
  expect((await ops.record(run.id)).limits).toMatchObject({ steps: 50, effects: 20, tokens: 9_000 })
})

describe('tokens', () => {
  const settings = { maxOutputTokens: 100 }
  test('are set aside before the call: one that could pass the limit is not made', async () => {
    const model = greedy(100)
    const played = await play(
      agent('subject', inTurn(callModel('a'), callModel('b'), callModel('c')), { model, settings, limits: { tokens: 250 } }),
    )
    expect(model.calls).toBe(2)
    expectFailure(played.effect('c'), 'BUDGET_EXCEEDED', 'may use 250 tokens: 202 used, 0 set aside', 'raise limits.tokens')
    expect(played.record.spending).toMatchObject({ used: { tokens: 202 }, reserved: NOTHING })
  })
  test('what was set aside and not used comes back', async () => {
    const model = modelOf(() => reply('x', { input: 5, output: 1 }))
    const played = await play(
      agent('subject', inTurn(...Array.from({ length: 10 }, (_, n) => callModel(`m${n}`))), {
        model,
        settings,
        limits: { tokens: 200 },
      }),
    )
    expect(model.calls).toBe(10)
    expect(played.record.spending).toMatchObject({ used: { tokens: 60 }, reserved: NOTHING, unreported: 0 })
  })
  test('the history tells what was set aside', async () => {
    const played = await play(agent('subject', once(callModel('m')), { model: greedy(1), settings, limits: { tokens: 500 } }))
    const decision = played.history.find((event) => event.type === 'decision')
    const reserved = decision?.type === 'decision' ? decision.reserved?.find(({ key }) => key === 'm')?.amounts : undefined
    expect(reserved?.steps).toBe(1)
    expect(reserved?.tokens).toBeGreaterThanOrEqual(100)
  })
  test('the setting of one call is what counts for it', async () => {
    const model = greedy(10)
    const played = await play(
      agent(
        'subject',
        inTurn(callModel('a', { settings: { maxOutputTokens: 10 } }), callModel('b', { settings: { maxOutputTokens: 400 } })),
        { model, limits: { tokens: 300 } },
      ),
    )
    expect(played.effect('a').status).toBe('completed')
    expectFailure(played.effect('b'), 'BUDGET_EXCEEDED')
  })
  test.each([1, 7, 50])('%i children at once never overspend by more than one declared call', async (count) => {
    const inside = gauge()
    const clock = manualClock()
    const model = modelOf(() =>
      inside.run(async () => {
        await new Promise<void>((resolve) => clock.setTimer(10, resolve))
        return reply('x', { input: 1, output: 100 })
      }),
    )
    const kid = agent('kid', inTurn(callModel('a'), callModel('b')), { model, settings })
    const parent = agent('subject', once(...Array.from({ length: count }, (_, n) => child(`c${n}`, 'kid'))), {
      agents: [kid],
      limits: { tokens: 1_000, parallel: 50 },
    })
    const played = await play(parent, { agents: [kid], clock })
    const { used, reserved } = played.record.spending
    expect(used.tokens).toBeLessThanOrEqual(1_000 + 104)
    expect(reserved).toEqual(NOTHING)
    expect(used.tokens).toBe(model.calls * 101)
    expect(model.calls).toBeGreaterThanOrEqual(Math.min(2 * count, 8))
  })
  test('reactive planners that decide twice before anything is written are held to the limit too', async () => {
    const model = greedy(100)
    const eager = plan(
      (run) => {
        if (run.decisions === 0) return { type: 'act', effects: [callModel('a'), callTool('t', 'none')] }
        if (run.decisions === 1) return { type: 'act', effects: [callModel('b')] }
        return run.open > 0 ? { type: 'idle' } : { type: 'finish', output: 'done' }
      },
      { reactive: true },
    )
    const played = await play(agent('subject', eager, { model, settings, limits: { tokens: 150 } }))
    const { used, reserved } = played.record.spending
    expect(reserved).toEqual(NOTHING)
    expect(used.tokens).toBeLessThanOrEqual(150)
    expect(used.steps).toBe(model.calls)
  })
})

describe('usage that is not reported', () => {
  const settings = { maxOutputTokens: 100 }
  const silent = modelOf(() => ({ ...reply('x'), usage: undefined }))
  test('counts as what was set aside, never as zero, and is visible', async () => {
    let seen: RunUsage | undefined
    const planner = plan((run) => {
      seen = run.usage
      if (run.open > 0) return { type: 'idle' }
      return run.decisions === 0 ? { type: 'act', effects: [callModel('m')] } : { type: 'finish', output: 'done' }
    })
    const played = await play(agent('subject', planner, { model: silent, settings, limits: { tokens: 1_000 } }))
    expect(played.record.spending.used.tokens).toBeGreaterThanOrEqual(100)
    expect(played.record.spending.unreported).toBe(1)
    expect(seen).toMatchObject({ modelCalls: 1, unreported: 1, inputTokens: 0, outputTokens: 0 })
  })
  test('ends a run that would otherwise go on for ever', async () => {
    const played = await play(
      agent('subject', inTurn(...Array.from({ length: 20 }, (_, n) => callModel(`m${n}`))), {
        model: silent,
        settings,
        limits: { tokens: 500 },
      }),
    )
    expectFailure(played.effect('m10'), 'BUDGET_EXCEEDED')
  })
  test.each([
    ['input', { input: 5 }],
    ['output', { output: 5 }],
  ])('half of it (%s only) counts as unreported', async (_name, usage) => {
    const model = modelOf(() => reply('x', usage))
    const played = await play(agent('subject', once(callModel('m')), { model, settings, limits: { tokens: 1_000 } }))
    expect(played.record.spending).toMatchObject({ unreported: 1 })
    expect(played.record.spending.used.tokens).toBeGreaterThanOrEqual(100)
  })
  test('of children is visible on the root', async () => {
    const kid = agent('kid', once(callModel('m')), { model: silent, settings })
    const played = await play(
      agent('subject', once(child('a', 'kid'), child('b', 'kid')), { agents: [kid], limits: { tokens: 5_000 } }),
      { agents: [kid] },
    )
    expect(played.record.spending.unreported).toBe(2)
  })
  test.each([
    ['timed out', modelOf(() => new Promise(() => {}))],
    [
      'broke off in the middle',
      modelOf(() => {
        throw providerError('torn', { statusCode: 200, isRetryable: false })
      }),
    ],
  ])('of a call that %s is not zero: nobody knows what the provider counted', async (_name, model) => {
    const played = await play(
      agent('subject', once(callModel('m')), {
        model,
        settings,
        limits: { tokens: 5_000 },
        retry: { attempts: 1 },
        modelTimeoutMs: 1_000,
      }),
    )
    expect(played.effect('m').status).toBe('failed')
    expect(played.record.spending.unreported).toBe(1)
    expect(played.record.spending.used.tokens).toBeGreaterThanOrEqual(100)
  })
  test('of a stream that broke off is not zero', async () => {
    const model = scriptedModel([{ fault: 'truncated', text: 'half an answer' }])
    const played = await play(
      agent('subject', once(callModel('m')), { model, settings, limits: { tokens: 5_000 }, retry: { attempts: 1 } }),
      { watch: true },
    )
    expect(played.record.spending.unreported).toBe(1)
    expect(played.record.spending.used.tokens).toBeGreaterThanOrEqual(100)
  })
  test('a call that the provider refused took nothing', async () => {
    const model = modelOf(() => {
      throw providerError('bad key', { statusCode: 401, isRetryable: false })
    })
    const played = await play(agent('subject', once(callModel('m')), { model, settings, limits: { tokens: 5_000 } }))
    expect(played.record.spending.used.tokens).toBe(0)
  })
})

describe('cost', () => {
  const settings = { maxOutputTokens: 10 }
  test('is counted from the price table', async () => {
    const model = modelOf(() => reply('x', { input: 3, output: 2 }))
    const played = await play(agent('subject', once(callModel('m')), { model, settings, limits: { cost: 100 } }), {
      options: { prices },
    })
    expect(played.record.spending.used.cost).toBeCloseTo(5)
  })
  test.each([
    ['provider and model', { 'test/m': { input: 1, output: 1 } }],
    ['the model', { m: { input: 1, output: 1 } }],
    ['a star', { '*': { input: 1, output: 1 } }],
  ])('is found by %s', async (_name, table) => {
    const played = await play(agent('subject', once(callModel('m')), { model: greedy(1), limits: { cost: 1 } }), {
      options: { prices: table },
    })
    expect(played.effect('m').status).toBe('completed')
  })
  test('ends before the call that would pass it', async () => {
    const model = modelOf(() => reply('x', { input: 1, output: 10 }))
    const played = await play(
      agent('subject', inTurn(callModel('a'), callModel('b'), callModel('c')), { model, settings, limits: { cost: 30 } }),
      { options: { prices } },
    )
    expect(model.calls).toBe(2)
    expectFailure(played.effect('c'), 'BUDGET_EXCEEDED', 'cost')
    expect(played.record.spending.used.cost).toBeLessThanOrEqual(30)
  })
  test('cached tokens have their own price, and never less than nothing', async () => {
    const usage = { inputTokens: { total: 10, cacheRead: 100 }, outputTokens: { total: 0 } }
    const model = modelOf(() => ({ ...reply('x'), usage }))
    const table = { 'test/m': { input: 1_000_000, output: 1_000_000, cacheRead: 100_000 } }
    const played = await play(agent('subject', once(callModel('m')), { model, settings, limits: { cost: 1_000 } }), {
      options: { prices: table },
    })
    expect(played.record.spending.used.cost).toBeGreaterThanOrEqual(0)
  })
  test('a limit without a price is refused when the orchestrator is made', async () => {
    const error = await refusal({ agents: [agent('subject', once(callModel('m')), { model: greedy(1), limits: { cost: 1 } })] })
    expect(error.code).toBe('BUDGET_PRICE_UNKNOWN')
    expect(error.message).toMatch(/"subject".*test\/m.*prices/)
  })
  test('a limit without a price is refused at start', async () => {
    const ops = await open({ agents: [agent('subject', once(callModel('m')), { model: greedy(1) })] })
    await expectCode(() => ops.start('subject', 1, { limits: { cost: 1 } }), 'BUDGET_PRICE_UNKNOWN', 'test/m')
  })
  test('a limit is refused when a delegate has a model without a price', async () => {
    const kid = agent('kid', once(callModel('m')), { model: greedy(1) })
    const parent = agent('subject', once(child('a', 'kid')), { agents: [kid], limits: { cost: 1 } })
    expect((await refusal({ agents: [parent, kid] })).code).toBe('BUDGET_PRICE_UNKNOWN')
  })
  test('a limit of a start is refused when a delegate of a delegate has a model without a price', async () => {
    const grandkid = agent('grandkid', once(callModel('m')), { model: greedy(1) })
    const kid = agent('kid', once(child('b', 'grandkid')), { agents: [grandkid] })
    const ops = await open({ agents: [agent('subject', once(child('a', 'kid')), { agents: [kid] }), kid, grandkid] })
    await expectCode(() => ops.start('subject', 1, { limits: { cost: 1 } }), 'BUDGET_PRICE_UNKNOWN', 'test/m')
  })
  test('a hostile model id finds no price by accident', async () => {
    const model = modelOf(() => reply('x'), { provider: 'x', modelId: 'constructor' })
    expect((await refusal({ agents: [agent('subject', once(callModel('m')), { model, limits: { cost: 1 } })] })).code).toBe(
      'BUDGET_PRICE_UNKNOWN',
    )
  })
})

describe('a tree of runs', () => {
  const settings = { maxOutputTokens: 100 }
  const leaf = (model: ReturnType<typeof greedy>, calls: number): Agent =>
    agent('leaf', inTurn(...Array.from({ length: calls }, (_, n) => callModel(`m${n}`))), { model, settings })
  const over = (name: string, below: Agent, count: number, limits: RunLimits = {}): Agent =>
    agent(name, once(...Array.from({ length: count }, (_, n) => child(`c${n}`, below.name))), { agents: [below], limits })

  test('counts on every run what its subtree used', async () => {
    const model = greedy(10)
    const low = leaf(model, 2)
    const middle = over('middle', low, 2)
    const played = await play(over('subject', middle, 3), { agents: [middle, low] })
    expect(model.calls).toBe(12)
    expect(played.record.spending.used).toEqual({ steps: 12, tokens: 12 * 11, cost: 0 })
    const middles = (await played.ops.list({ parentId: played.run.id })).runs
    expect(middles.map((run) => run.spending.used.steps)).toEqual([4, 4, 4])
  })
  test('a limit of a middle agent holds for its subtree, and for that alone', async () => {
    const model = greedy(100)
    const low = leaf(model, 5)
    const middle = over('middle', low, 2, { tokens: 350 })
    const played = await play(over('subject', middle, 2), { agents: [middle, low] })
    const middles = (await played.ops.list({ parentId: played.run.id })).runs
    for (const run of middles) {
      expect(run.spending.used.tokens).toBeLessThanOrEqual(350)
      expect(run.spending.used.tokens).toBeGreaterThan(200)
    }
    expect(played.record.spending.used.tokens).toBe(model.calls * 101)
    expect(played.record.spending.reserved).toEqual(NOTHING)
  })
  test('a step limit of a middle agent holds for its subtree', async () => {
    const model = greedy(1)
    const low = leaf(model, 5)
    const middle = over('middle', low, 2, { steps: 3 })
    const played = await play(over('subject', middle, 2), { agents: [middle, low] })
    const middles = (await played.ops.list({ parentId: played.run.id })).runs
    expect(middles.map((run) => run.spending.used.steps)).toEqual([3, 3])
    expect(model.calls).toBe(6)
  })
  test('a step limit of the root holds for all, whatever the children may', async () => {
    const model = greedy(1)
    const low = leaf(model, 5)
    const played = await play(over('subject', low, 4, { steps: 7 }), { agents: [low] })
    expect(model.calls).toBe(7)
    expect(played.record.spending).toMatchObject({ used: { steps: 7 }, reserved: NOTHING })
  })
  test('a cost limit of the root holds for children that have none', async () => {
    const model = greedy(10)
    const low = agent('leaf', inTurn(callModel('a'), callModel('b')), { model, settings: { maxOutputTokens: 10 } })
    const played = await play(over('subject', low, 10, { cost: 60 }), { agents: [low], options: { prices } })
    expect(played.record.spending.used.cost).toBeLessThanOrEqual(60)
    expect(played.record.spending.reserved).toEqual(NOTHING)
  })
  test('the time of the root holds for children that have none', async () => {
    const low = agent('leaf', once(callTool('t', 'stuck')), { tools: [tool('stuck', () => new Promise(() => {}))] })
    const played = await play(over('subject', low, 3, { durationMs: 3_000 }), { agents: [low] })
    expectFailure(played.outcome, 'RUN_TIMEOUT')
    for (const run of (await played.ops.list({ parentId: played.run.id })).runs)
      expect(run.outcome?.status).toMatch(/failed|cancelled/)
  })
  test('the time of a middle agent ends its subtree, and the root goes on', async () => {
    const low = agent('leaf', once(callTool('t', 'stuck')), {
      tools: [tool('stuck', () => new Promise(() => {}), { timeoutMs: 50_000 })],
    })
    const middle = over('middle', low, 1, { durationMs: 3_000 })
    const played = await play(over('subject', middle, 1), { agents: [middle, low] })
    expect(played.outcome).toEqual({ status: 'completed', output: 'done' })
    expectFailure(played.effect('c0'), 'RUN_TIMEOUT')
  })
  test('a child that is cancelled gives back what it had set aside', async () => {
    const clock = manualClock()
    const model = modelOf(() => new Promise(() => {}))
    const low = agent('leaf', once(callModel('m')), { model, settings })
    const ops = await open({ agents: [over('subject', low, 3, { tokens: 1_000 }), low], clock })
    const run = await ops.start('subject', 'go')
    await turns()
    expect((await ops.record(run.id)).spending.reserved.steps).toBe(3)
    await run.cancel('enough')
    expect((await ended(run, clock)).status).toBe('cancelled')
    await clock.advance(20_000)
    expect((await ops.record(run.id)).spending.reserved).toEqual(NOTHING)
    await historyOf(run)
  })
  test('an error tells which run of the tree has spent its budget', async () => {
    const low = leaf(greedy(1), 3)
    const played = await play(over('subject', low, 1, { steps: 2 }), { agents: [low] })
    const [kid] = (await played.ops.list({ parentId: played.run.id })).runs
    const history = await historyOf(await played.ops.run(kid?.runId ?? ''))
    const failed = history.find((event) => event.type === 'effect-end' && event.outcome.status === 'failed')
    expect(failed?.type === 'effect-end' && errorOf(failed.outcome).details).toEqual({ limit: 'steps', runId: played.run.id })
  })
})

describe('calls that are tried again', () => {
  test('are one step: retry.attempts bounds them', async () => {
    const model = modelOf((_options, call) => {
      if (call < 4) throw providerError('busy', { statusCode: 503, isRetryable: true })
      return reply('x')
    })
    const played = await play(agent('subject', once(callModel('m')), { model, limits: { steps: 10 } }))
    expect(model.calls).toBe(4)
    expect(played.record.spending.used.steps).toBe(1)
  })
})

test('a run input that is large is part of what is set aside', async () => {
  const big = 'word '.repeat(2_000)
  const subject = agent('subject', undefined, {
    model: scriptedModel(['ok']),
    limits: { tokens: 2_000 },
    settings: { maxOutputTokens: 10 },
  })
  const played = await play(subject, { input: big })
  expectFailure(played.outcome, 'BUDGET_EXCEEDED', 'tokens')
})

test('what tools and their schemas add to a prompt is part of what is set aside', async () => {
  const wide = {
    type: 'object',
    properties: Object.fromEntries(
      Array.from({ length: 500 }, (_, n) => [`member${n}`, { type: 'string', description: 'words '.repeat(10) }]),
    ),
  } as Schema
  const model = scriptedModel(['ok'], { usage: { inputTokens: 9_000, outputTokens: 5 } })
  const subject = agent('subject', undefined, {
    model,
    tools: [tool('wide', () => 1, { input: wide })],
    limits: { tokens: 5_000 },
    settings: { maxOutputTokens: 10 },
  })
  expectFailure((await play(subject)).outcome, 'BUDGET_EXCEEDED', 'tokens')
})
