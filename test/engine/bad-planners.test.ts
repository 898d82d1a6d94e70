import { describe, expect, test } from 'vitest'
import { defineExtension, type Effect, type Failure, OpspawnError, type Planner } from '../../src/index.ts'
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
  inTurn,
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

guardFile()

const x = tool('x', () => 1)
const model = modelOf(() => reply('hello'))
const subject = (planner: Planner, more: object = {}) => agent('subject', planner, { tools: [x], model, ...more })
const trap = (): never => {
  throw new Error('trap')
}

/** A list of nothing. */
function holes(length: number): unknown[] {
  const list: unknown[] = []
  list.length = length
  return list
}

/** Both ways in which a planner may decide. */
const WAYS = [
  ['at once', (decide: () => unknown) => plan(decide)],
  ['by a promise', (decide: () => unknown) => plan(async () => decide())],
] as const

describe.each(WAYS)('a planner that, %s,', (_way, make) => {
  test.each([
    ['an error', new Error('no idea')],
    ['a string', 'no idea'],
    ['undefined', undefined],
    ['null', null],
    [
      'an object with a throwing message',
      {
        get message(): never {
          return trap()
        },
      },
    ],
    ['an object that cannot be written', { toString: trap, [Symbol.toPrimitive]: trap }],
    ['a symbol', Symbol('x')],
    ['a proxy that throws', new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap })],
  ])('throws %s fails the run with PLANNER_FAILED', async (_name, value) => {
    const played = await play(
      subject(
        make(() => {
          throw value
        }),
      ),
    )
    expectFailure(played.outcome, 'PLANNER_FAILED', '"test-planner"', played.run.id)
    expect(played.history.map((event) => event.type)).toEqual(['run-start', 'run-claim', 'run-end'])
  })
  test.each([
    ['undefined', undefined],
    ['null', null],
    ['a text', 'finish'],
    ['a number', 5],
    ['an empty object', {}],
    ['a list', []],
    ['an unknown type', { type: 'ponder' }],
    ['a hostile type', { type: '__proto__' }],
    ['a bigint as type', { type: 10n }],
    [
      'a cyclic type',
      {
        type: (() => {
          const c: unknown[] = []
          c.push(c)
          return c
        })(),
      },
    ],
    ['act without effects', { type: 'act' }],
    ['act with no effects', { type: 'act', effects: [] }],
    ['act with a text', { type: 'act', effects: 'call' }],
    ['act with null', { type: 'act', effects: [null] }],
    ['act with a hole', { type: 'act', effects: holes(1) }],
    ['an effect without a key', { type: 'act', effects: [{ kind: 'tool', tool: 'x', input: {} }] }],
    ['an effect of an unknown kind', { type: 'act', effects: [{ kind: 'shell', key: 'a' }] }],
    ['an effect of a bigint kind', { type: 'act', effects: [{ kind: 10n, key: 'a' }] }],
    ['a key that is a number', { type: 'act', effects: [{ kind: 'tool', key: 5, tool: 'x', input: {} }] }],
    ['a key of a megabyte', { type: 'act', effects: [{ kind: 'tool', key: 'k'.repeat(1_000_000), tool: 'x', input: {} }] }],
    ['a tool that is no text', { type: 'act', effects: [{ kind: 'tool', key: 'a', tool: 5, input: {} }] }],
    ['a tool that is missing', { type: 'act', effects: [{ kind: 'tool', key: 'a', input: {} }] }],
    ['a call id that is no text', { type: 'act', effects: [{ kind: 'tool', key: 'a', tool: 'x', input: {}, callId: 5 }] }],
    ['a run without an agent', { type: 'act', effects: [{ kind: 'run', key: 'a', input: {} }] }],
    ['a wait for nothing', { type: 'act', effects: [{ kind: 'wait', key: 'a' }] }],
    ['a wait for null', { type: 'act', effects: [{ kind: 'wait', key: 'a', for: null }] }],
    ['a wait of an unknown type', { type: 'act', effects: [{ kind: 'wait', key: 'a', for: { type: 'luck' } }] }],
    ['a wait for a time without a number', { type: 'act', effects: [{ kind: 'wait', key: 'a', for: { type: 'time' } }] }],
    ['a wait for NaN', { type: 'act', effects: [{ kind: 'wait', key: 'a', for: { type: 'time', ms: Number.NaN } }] }],
    ['a wait for a text', { type: 'act', effects: [{ kind: 'wait', key: 'a', for: { type: 'time', ms: 'soon' } }] }],
    ['a wait for ever', { type: 'act', effects: [{ kind: 'wait', key: 'a', for: { type: 'time', ms: Infinity } }] }],
    ['a wait for a signal without a name', { type: 'act', effects: [{ kind: 'wait', key: 'a', for: { type: 'signal' } }] }],
    [
      'a wait for a reserved signal',
      { type: 'act', effects: [{ kind: 'wait', key: 'a', for: { type: 'signal', name: 'opspawn.cancel' } }] },
    ],
    [
      'a wait with a deadline of NaN',
      { type: 'act', effects: [{ kind: 'wait', key: 'a', for: { type: 'signal', name: 's', deadlineMs: Number.NaN } }] },
    ],
    ['an approval without a question', { type: 'act', effects: [{ kind: 'wait', key: 'a', for: { type: 'approval' } }] }],
    [
      'an approval with a deadline of a text',
      { type: 'act', effects: [{ kind: 'wait', key: 'a', for: { type: 'approval', question: 'q', deadlineMs: 'x' } }] },
    ],
    ['a model effect without messages', { type: 'act', effects: [{ kind: 'model', key: 'a' }] }],
    ['a model effect whose messages are a text', { type: 'act', effects: [{ kind: 'model', key: 'a', messages: 'hi' }] }],
    ['a model effect with a message of null', { type: 'act', effects: [{ kind: 'model', key: 'a', messages: [null] }] }],
    ['a model effect that continues a missing one', { type: 'act', effects: [{ kind: 'model', key: 'a', continues: 'nope' }] }],
    ['a model effect that continues itself', { type: 'act', effects: [{ kind: 'model', key: 'a', continues: 'a' }] }],
    ['a model effect whose results are a text', { type: 'act', effects: [callModel('a', { results: 'nope' })] }],
    ['a model effect whose tools are a number', { type: 'act', effects: [callModel('a', { tools: 5 })] }],
    ['a recall without a query', { type: 'act', effects: [{ kind: 'recall', key: 'a' }] }],
    ['a remember without entries', { type: 'act', effects: [{ kind: 'remember', key: 'a' }] }],
    ['a remember whose entries are a text', { type: 'act', effects: [{ kind: 'remember', key: 'a', entries: 'x' }] }],
    ['a remember with an entry of null', { type: 'act', effects: [{ kind: 'remember', key: 'a', entries: [null] }] }],
    [
      'a remember with an entry without a text',
      { type: 'act', effects: [{ kind: 'remember', key: 'a', entries: [{ kind: 'fact' }] }] },
    ],
    ['a recall from a memory of 5', { type: 'act', effects: [{ kind: 'recall', key: 'a', query: 'q', memory: 5 }] }],
    ['fail without an error', { type: 'fail' }],
    ['fail with a text', { type: 'fail', error: 'no' }],
    ['fail without a message', { type: 'fail', error: { code: 'X' } }],
  ])('decides %s fails the run with PLANNER_DECISION_INVALID', async (_name, decision) => {
    const played = await play(subject(make(() => decision)))
    expectFailure(played.outcome, 'PLANNER_DECISION_INVALID', '"test-planner"')
    expect(errorOf(played.outcome).message.length).toBeLessThan(2_000)
    // Refused as a whole: not carried out, and found wrong only when it came again.
    expect(played.history.filter((event) => event.type === 'decision')).toEqual([])
  })
  test('decides a model effect with missing results again and again fails the run', async () => {
    const played = await play(subject(make(() => ({ type: 'act', effects: [callModel('a', { results: ['nope'] })] }))))
    expectFailure(played.effect('a'), 'PLANNER_DECISION_INVALID', '"nope"')
    expectFailure(played.outcome, 'PLANNER_DECISION_INVALID', '"test-planner"')
  })
  test('waits with nothing open fails the run with PLANNER_STALLED', async () => {
    expectFailure((await play(subject(make(() => ({ type: 'idle' }))))).outcome, 'PLANNER_STALLED', '"test-planner"')
  })
  test('gives one key to two effects fails the run with the key', async () => {
    const played = await play(subject(make(() => ({ type: 'act', effects: [callTool('same', 'x'), callTool('same', 'x')] }))))
    expectFailure(played.outcome, 'PLANNER_DECISION_INVALID', '"same"')
  })
  test('repeats the key of an earlier effect fails the run with the key', async () => {
    const played = await play(subject(make(() => ({ type: 'act', effects: [callTool('same', 'x')] }))))
    expectFailure(played.outcome, 'PLANNER_DECISION_INVALID', '"same"')
    expect(played.effect('same')).toEqual({ status: 'completed', value: 1 })
  })
  test('a decision that throws when it is read fails the run', async () => {
    const decision = {
      get type(): never {
        return trap()
      },
    }
    expect((await play(subject(make(() => decision)))).outcome.status).toBe('failed')
  })
  test('effects that throw when they are read fail the run', async () => {
    const effect = {
      get key(): never {
        return trap()
      },
    }
    expect((await play(subject(make(() => ({ type: 'act', effects: [effect] }))))).outcome.status).toBe('failed')
  })
})

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
    expect(['cancelled', 'completed']).toContain((await ended(run, clock, 20_000)).status)
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

describe('planners that name what is not there are told, and may go on', () => {
  test.each([
    ['a tool', callTool('a', 'nope'), 'TOOL_UNKNOWN', '"nope"'],
    ['a tool of a hostile name', callTool('a', '__proto__'), 'TOOL_UNKNOWN', '__proto__'],
    ['a tool that only other agents have', callTool('a', 'ping'), 'TOOL_UNKNOWN', '"ping"'],
    ['an agent', { kind: 'run', key: 'a', agent: 'nope', input: 1 } as Effect, 'AGENT_UNKNOWN', '"nope"'],
    [
      'an agent that it was not given',
      { kind: 'run', key: 'a', agent: 'healthy', input: 1 } as Effect,
      'AGENT_UNKNOWN',
      '"healthy"',
    ],
    ['a model', callModel('a', { model: 'nope' }), 'MODEL_UNKNOWN', '"nope"'],
    ['a model of a hostile name', callModel('a', { model: 'constructor' }), 'MODEL_UNKNOWN', 'constructor'],
    ['a memory', { kind: 'recall', key: 'a', memory: 'nope', query: 'q' } as Effect, 'MEMORY_UNKNOWN', '"nope"'],
    ['the memory where there is none', { kind: 'remember', key: 'a', entries: [] } as Effect, 'MEMORY_UNKNOWN', 'no memory'],
  ] as const)('%s', async (_name, effect, code, text) => {
    const played = await play(subject(once(effect)))
    expect(played.outcome).toEqual({ status: 'completed', output: 'done' })
    expectFailure(played.effect('a'), code, '"subject"', text)
  })
  test('a model that is unknown under a token limit', async () => {
    const played = await play(subject(once(callModel('a', { model: 'nope' })), { limits: { tokens: 10_000 } }))
    expectFailure(played.effect('a'), 'MODEL_UNKNOWN')
    expect(played.record.spending.reserved).toEqual({ steps: 0, tokens: 0, cost: 0 })
  })
  test.each(WAYS)('results that are missing under a token limit, decided %s', async (_way, make) => {
    const effects = [callModel('a', { results: ['nope'] })]
    const played = await play(
      subject(
        make(() => ({ type: 'act', effects })),
        { limits: { tokens: 10_000 } },
      ),
    )
    expectFailure(played.outcome, 'PLANNER_DECISION_INVALID', 'nope')
  })
  test('a model effect that continues one that failed', async () => {
    const broken = modelOf(() => {
      throw new Error('down')
    })
    const planner = inTurn(callModel('a'), { kind: 'model', key: 'b', continues: 'a' })
    const played = await play(agent('subject', planner, { model: broken }))
    expect(played.outcome.status).toMatch(/completed|failed/)
    const failure = played.outcome.status === 'failed' ? errorOf(played.outcome) : errorOf(played.effect('b'))
    expect(failure.code).toBe('PLANNER_DECISION_INVALID')
  })
  test('tools that a model effect shows and nobody offers', async () => {
    const played = await play(subject(once(callModel('a', { tools: ['nope'] }))))
    expect(JSON.stringify(played.history)).toMatch(/nope/)
    expect(played.outcome.status).toMatch(/completed|failed/)
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

describe('middleware', () => {
  const wrapped = async (layer: (next: () => Promise<unknown>) => unknown, effect: Effect, more: object = {}) => {
    const extension = defineExtension({
      name: 'm',
      setup: (host) =>
        host.addMiddleware((async (_e: unknown, _c: unknown, next: () => Promise<unknown>) => layer(next)) as never),
    })
    return play(subject(once(effect), { retry: { attempts: 1 }, ...more }), { options: { plugins: [extension] } })
  }
  test.each([
    ['a string', 'x'],
    ['undefined', undefined],
    ['a proxy that throws', new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap })],
  ])('that throws %s fails the effect', async (_name, value) => {
    const played = await wrapped(
      () => {
        throw value
      },
      callTool('a', 'x'),
    )
    expect(played.effect('a').status).toBe('failed')
  })
  test.each([
    ['a bigint', 10n],
    ['a map', new Map()],
  ])('that gives %s for a tool fails the effect', async (_name, value) => {
    expect((await wrapped(() => value, callTool('a', 'x'))).effect('a').status).toBe('failed')
  })
  test.each([
    ['null', null],
    ['undefined', undefined],
    ['a text', 'hello'],
    ['an empty object', {}],
    ['an answer without usage', { content: [], finishReason: 'stop' }],
    ['an answer without content', { finishReason: 'stop', usage: {} }],
    ['an answer whose usage is null', { content: [], finishReason: 'stop', usage: null }],
  ])('that gives %s for a model fails the effect with MODEL_ANSWER_INVALID', async (_name, value) => {
    expectFailure((await wrapped(() => value, callModel('a'))).effect('a'), 'MODEL_ANSWER_INVALID')
  })
  test('that answers for a model in its place is recorded', async () => {
    const answer = { content: [{ type: 'text', text: 'cached' }], finishReason: 'stop', usage: { input: 1, output: 1 } }
    expect((await wrapped(() => answer, callModel('a'))).effect('a')).toMatchObject({ status: 'completed', value: answer })
  })
  test('that goes on twice has the effect performed twice and recorded once', async () => {
    const played = await wrapped(
      async (next) => {
        await next()
        return next()
      },
      callTool('a', 'x'),
    )
    expect(played.effect('a')).toEqual({ status: 'completed', value: 1 })
  })
  test('cannot go on twice into an unsafe tool (S5)', async () => {
    let calls = 0
    const refusals: unknown[] = []
    const careless = async (next: () => Promise<unknown>): Promise<unknown> => {
      const first = await next()
      await next().catch((error: unknown) => refusals.push(error))
      return first
    }
    const played = await wrapped(careless, callTool('a', 'x'), { tools: [tool('x', () => (calls += 1), { effect: 'unsafe' })] })
    expect(calls).toBe(1)
    expect(refusals).toMatchObject([{ code: 'INTERNAL', message: expect.stringMatching(/next\(\) twice.*"a"/) as string }])
    expect(played.effect('a')).toEqual({ status: 'completed', value: 1 })
  })
  test("may go on without waiting, and its refusal is nobody's unhandled rejection", async () => {
    const hasty = async (next: () => Promise<unknown>): Promise<unknown> => {
      void next()
      void next()
      await turns(1)
      return 'mine'
    }
    const played = await wrapped(hasty, callTool('a', 'x'), { tools: [tool('x', () => 1, { effect: 'unsafe' })] })
    expect(played.effect('a')).toEqual({ status: 'completed', value: 'mine' })
  })
  test('cannot go on twice at once, nor after the first failed', async () => {
    let calls = 0
    const body = async (): Promise<never> => {
      calls += 1
      await turns(1)
      throw new Error('no money')
    }
    const pay = tool('x', body, { effect: 'unsafe' })
    const together = await wrapped((next) => Promise.all([next(), next()]), callTool('a', 'x'), { tools: [pay] })
    const again = await wrapped((next) => next().catch(next), callTool('a', 'x'), { tools: [pay] })
    expect(calls).toBe(2)
    expectFailure(together.effect('a'), 'INTERNAL', 'next() twice')
    expectFailure(again.effect('a'), 'INTERNAL', 'next() twice')
  })
  test.each(['a tool', 'a model'])('that never answers for %s ends with a time-out', async (kind) => {
    const played = await wrapped(() => new Promise(() => {}), kind === 'a tool' ? callTool('a', 'x') : callModel('a'))
    expect(['TOOL_TIMEOUT', 'MODEL_UNAVAILABLE']).toContain(errorOf(played.effect('a')).code)
  })
  test('that throws BUDGET_EXCEEDED for a model leaves nothing reserved', async () => {
    const played = await wrapped(() => {
      throw new OpspawnError('BUDGET_EXCEEDED', 'my own guard')
    }, callModel('a'))
    expect(played.effect('a').status).toBe('failed')
    expect(played.record.spending.reserved).toEqual({ steps: 0, tokens: 0, cost: 0 })
  })
})
