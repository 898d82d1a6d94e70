import { describe, expect, test } from 'vitest'
import { type Effect, type Failure, type Planner } from '../../../src/index.ts'
import {
  agent,
  callModel,
  callTool,
  ended,
  errorOf,
  expectFailure,
  expectHealthy,
  gate,
  guardFile,
  historyOf,
  manualClock,
  modelOf,
  once,
  open,
  plan,
  play,
  reply,
  tool,
  turns,
} from '../harness.ts'

guardFile()

const x = tool('x', () => 1)
const model = modelOf(() => reply('hello'))
const subject = (planner: Planner, more: object = {}) => agent('subject', planner, { tools: [x], model, ...more })

describe('planners that never come to an end', () => {
  test('by acting for ever end with BUDGET_EXCEEDED after limits.decisions', async () => {
    const endless = plan((run) =>
      run.open > 0 ? { type: 'idle' } : { type: 'act', effects: [callTool(`a${run.decisions}`, 'x')] },
    )
    expectFailure((await play(subject(endless))).outcome, 'BUDGET_EXCEEDED', '1000', 'limits.decisions')
  })
  test('by asking for what is refused at once end all the same, and do not stop the process', async () => {
    const endless = plan((run) => ({ type: 'act', effects: [callTool(`a${run.decisions}`, 'none')] }), { reactive: true })
    expectFailure((await play(subject(endless))).outcome, 'BUDGET_EXCEEDED')
  })
  test('whose promise never settles end at limits.durationMs', async () => {
    const clock = manualClock()
    const ops = await open({
      agents: [
        subject(
          plan(() => new Promise(() => {})),
          { limits: { durationMs: 5_000 } },
        ),
      ],
      clock,
    })
    const run = await ops.start('subject', 'go')
    expectFailure(await ended(run, clock, 20_000), 'RUN_TIMEOUT')
    await historyOf(run)
    await expectHealthy(ops, clock)
  })
  test('whose promise never settles can be cancelled (S11)', async () => {
    const clock = manualClock()
    const ops = await open({ agents: [subject(plan(() => new Promise(() => {})))], clock })
    const run = await ops.start('subject', 'go')
    await turns()
    await run.cancel('enough')
    expect((await ended(run, clock, 20_000)).status).toBe('cancelled')
  })
  test('whose promise settles late, after the cancellation, change nothing', async () => {
    const late = gate<object>()
    const clock = manualClock()
    const ops = await open({ agents: [subject(plan(() => late.promise))], clock })
    const run = await ops.start('subject', 'go')
    await turns()
    await run.cancel('enough')
    late.open({ type: 'finish', output: 'too late' })
    expect((await ended(run, clock, 20_000)).status).toBe('cancelled')
    await historyOf(run)
  })
  test('by waiting for a signal that never comes end at limits.durationMs', async () => {
    const played = await play(
      subject(once({ kind: 'wait', key: 'w', for: { type: 'signal', name: 'never' } }), { limits: { durationMs: 5_000 } }),
    )
    expectFailure(played.outcome, 'RUN_TIMEOUT', '5000')
    expect(played.effect('w').status).toBe('cancelled')
  })
})

describe('planners and the view', () => {
  test('a planner that changes the view does not change the history', async () => {
    const vandal = plan((run) => {
      if (run.decisions === 0) return { type: 'act', effects: [callTool('a', 'x', { n: 1 })] }
      for (const record of run.effects.values())
        (record as { outcome?: unknown }).outcome = { status: 'completed', value: 'forged' }
      return { type: 'finish', output: 'done' }
    })
    expect((await play(subject(vandal))).effect('a')).toEqual({ status: 'completed', value: 1 })
  })
  test.each([
    ['the key', (effect: Effect) => Object.assign(effect, { key: 'forged' })],
    ['the input', (effect: Effect) => Object.assign(effect, { input: 'forged' })],
  ])('effects that the planner changes afterwards stay as they were: %s', async (_name, change) => {
    const effect = callTool('a', 'x', { n: 1 })
    const played = await play(
      subject(
        plan((run) => {
          if (run.decisions === 0) return { type: 'act', effects: [effect] }
          change(effect)
          return { type: 'finish', output: 1 }
        }),
      ),
    )
    expect(played.history.find((event) => event.type === 'decision')).toMatchObject({ effects: [{ key: 'a', input: { n: 1 } }] })
  })
  test.each(['__proto__', ' ', '\n'])('%j is a key like any other, or is refused with its name', async (key) => {
    const played = await play(subject(once(callTool(key, 'x'))))
    const settled = played.history.some((event) => event.type === 'effect-end' && event.outcome.status === 'completed')
    expect(settled || errorOf(played.outcome).code === 'PLANNER_DECISION_INVALID').toBe(true)
  })
  test.each(['constructor', 'toString', 'a/b~c', 'model-0', '🙂'])('%j is a key like any other', async (key) => {
    const played = await play(subject(once(callTool(key, 'x'), callModel(`${key}2`))))
    expect(played.effect(key)).toEqual({ status: 'completed', value: 1 })
  })
  test('__proto__ is the key of a model effect under a token limit, or is refused: nothing is lost on the way through JSON', async () => {
    const played = await play(subject(once(callModel('__proto__')), { limits: { tokens: 100_000 } }))
    const decision = played.history.find((event) => event.type === 'decision')
    const reserved = decision?.type === 'decision' ? (decision.reserved ?? []).map(({ key }) => key) : []
    expect(reserved.includes('__proto__') || errorOf(played.outcome).code === 'PLANNER_DECISION_INVALID').toBe(true)
  })
  test.each(['constructor', 'toString'])(
    '%j is the key of a model effect under a token limit, and nothing stays reserved',
    async (key) => {
      const played = await play(subject(once(callModel(key)), { limits: { tokens: 100_000 } }))
      expect(played.effect(key).status).toBe('completed')
      expect(played.record.spending).toEqual({
        used: { steps: 1, tokens: 15, cost: 0 },
        reserved: { steps: 0, tokens: 0, cost: 0 },
        unreported: 0,
      })
      const decision = played.history.find((event) => event.type === 'decision')
      expect(decision?.type === 'decision' && decision.reserved).toMatchObject([{ key }])
    },
  )
})

describe('planners that finish or fail while effects are open', () => {
  test('finish: what is open is stopped, and told so', async () => {
    let aborted = false
    const slow = tool('slow', (_input, context) => {
      context.signal.addEventListener('abort', () => (aborted = true))
      return new Promise(() => {})
    })
    const hasty = plan(
      (run) => {
        if (run.decisions === 0) return { type: 'act', effects: [callTool('a', 'x'), callTool('b', 'slow')] }
        return run.settled.length > 0 ? { type: 'finish', output: 'enough' } : { type: 'idle' }
      },
      { reactive: true },
    )
    const played = await play(agent('subject', hasty, { tools: [x, slow] }))
    expect(played.outcome).toEqual({ status: 'completed', output: 'enough' })
    expect(played.effect('b').status).toBe('cancelled')
    expect(aborted).toBe(true)
  })
  test.each([
    ['a code of ours', { code: 'PLAN_FAILED', message: 'no way', retryable: false }, 'PLAN_FAILED'],
    ['a newer code', { code: 'FUTURE_CODE', message: 'no way', retryable: true }, 'FUTURE_CODE'],
  ] as [string, Failure, string][])('fail with %s ends the run with it', async (_name, error, code) => {
    const played = await play(subject(plan(() => ({ type: 'fail', error }))))
    expect(played.outcome).toEqual({ status: 'failed', error: { ...error, code } })
  })
  test('fail without retryable is recorded with one', async () => {
    const played = await play(subject(plan(() => ({ type: 'fail', error: { code: 'PLAN_FAILED', message: 'no' } }))))
    expect(typeof errorOf(played.outcome).retryable).toBe('boolean')
  })
})
