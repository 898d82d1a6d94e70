/** One budget for a tree of runs. */
import { describe, expect, test } from 'vitest'
import { type Agent, type Effect, type RunLimits } from '../../src/index.ts'
import {
  agent,
  callModel,
  callTool,
  ended,
  errorOf,
  expectFailure,
  guardFile,
  historyOf,
  inTurn,
  manualClock,
  modelOf,
  once,
  open,
  play,
  reply,
  tool,
  turns,
} from './harness.ts'

guardFile()

const NOTHING = { steps: 0, tokens: 0, cost: 0 }
const prices = { 'test/m': { input: 1_000_000, output: 1_000_000 } }
const child = (key: string, name: string): Effect => ({ kind: 'run', key, agent: name, input: 1 })
/** A model whose answers take exactly what a call sets aside at most for its answer, with no input worth counting. */
const greedy = (output: number) => modelOf(() => reply('x', { input: 1, output }))

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
