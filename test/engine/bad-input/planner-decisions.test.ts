import { describe, expect, test } from 'vitest'
import { type Effect, type Planner } from '../../../src/index.ts'
import {
  agent,
  callModel,
  callTool,
  errorOf,
  expectFailure,
  guardFile,
  inTurn,
  modelOf,
  once,
  plan,
  play,
  reply,
  tool,
} from '../harness.ts'
import { trap } from './hostile-values.ts'

guardFile()

const x = tool('x', () => 1)
const model = modelOf(() => reply('hello'))
const subject = (planner: Planner, more: object = {}) => agent('subject', planner, { tools: [x], model, ...more })

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
    ['a key with half a character', { type: 'act', effects: [{ kind: 'tool', key: 'a\uD800', tool: 'x', input: {} }] }],
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
    ['a longest answer of a text', { type: 'act', effects: [callModel('a', { settings: { maxOutputTokens: 'many' } })] }],
    ['a longest answer below 0', { type: 'act', effects: [callModel('a', { settings: { maxOutputTokens: -5 } })] }],
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
    expectFailure(played.effect('b'), 'PLANNER_DECISION_INVALID', '"a"')
  })
  test('tools that a model effect shows and nobody offers: the model is shown the others, and the history says what was asked', async () => {
    const shown: unknown[] = []
    const looking = modelOf(({ tools }) => {
      shown.push(tools?.map(({ name }) => name))
      return reply('hello')
    })
    const played = await play(subject(once(callModel('a', { tools: ['nope', 'x'] })), { model: looking }))
    expect(shown).toEqual([['x']])
    expect(played.effect('a').status).toBe('completed')
    expect(JSON.stringify(played.history)).toMatch(/nope/)
  })
})
