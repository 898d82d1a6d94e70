import { describe, expect, test } from 'vitest'
import { type Effect, type Schema } from '../../src/index.ts'
import {
  agent,
  callModel,
  callTool,
  ended,
  expectFailure,
  gauge,
  guardFile,
  inTurn,
  manualClock,
  modelOf,
  once,
  open,
  plan,
  play,
  providerError,
  reply,
  scriptedModel,
  tool,
} from './harness.ts'

guardFile()

const NOTHING = { steps: 0, tokens: 0, cost: 0 }
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
    const text = 'may use 2 steps: 1 used, 0 set aside, up to 2 asked for; raise limits.steps'
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

describe('Infinity', () => {
  const none = { steps: Infinity, tokens: Infinity, cost: Infinity, durationMs: Infinity, decisions: Infinity, payload: Infinity }
  test('is no limit, whatever a store can keep of it: of an agent, of a child, of a start and of a fork', async () => {
    const model = greedy(5)
    const kid = agent('kid', once(callModel('k')), { model: greedy(5), limits: none })
    const steps = Array.from({ length: 60 }, (_, n) => callModel(`m${n}`))
    const subject = agent('subject', inTurn(child('c', 'kid'), ...steps), { model, agents: [kid], limits: none })
    const prices = { '*': { input: 1, output: 1 } }
    const played = await play(subject, { agents: [kid], start: { limits: none }, options: { prices } })
    expect(played.outcome).toEqual({ status: 'completed', output: 'done' })
    expect(played.effect('c')).toEqual({ status: 'completed', value: 'done' })
    expect(model.calls).toBe(60)
    expect(Object.keys(played.record.limits).toSorted()).toEqual(['decisions', 'payload', 'steps'])
    expect(await played.ops.definition(played.run.id)).toMatchObject({ here: true })
    const fork = await played.ops.fork(played.run.id, { afterSeq: 1, limits: none })
    expect(await ended(fork, played.clock)).toEqual({ status: 'completed', output: 'done' })
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
