import { describe, expect, test } from 'vitest'
import { canonicalJson, toJson } from '../../src/index.ts'
import {
  agent,
  callTool,
  expectCode,
  expectFailure,
  expectJson,
  guardFile,
  hostile,
  once,
  plan,
  play,
  thrownBy,
  tool,
} from './harness.ts'

guardFile()

/** A list of nothing. */
function holes(length: number): unknown[] {
  const list: unknown[] = []
  list.length = length
  return list
}

describe('toJson gives plain data that comes back from text exactly', () => {
  class Rows extends Array<number> {}
  test.each([
    ['a list of a subclass', Rows.from([1, 2])],
    ['a list with its own map', Object.assign([1, 2], { map: () => 'mine' })],
    ['a list with further members', Object.assign([1], { extra: 5 })],
    ['a list with holes', [1, , 3]], // oxlint-disable-line no-sparse-arrays
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 })],
    [
      'a getter',
      {
        get a() {
          return 1
        },
      },
    ],
    ['members that are symbols', { [Symbol('x')]: 1, a: 1 }],
    ['minus zero', [-0, { z: -0 }]],
    ['half characters', '\uD800\uDC00\uD800'],
    ['text with controls', '\u0000\u001F\u2028"\\'],
    ['large and small numbers', [1e308, 5e-324, 2 ** 53 + 2, 0.1]],
    ['nested dates', { a: [new Date(1)] }],
    ['keys like numbers', { 2: 'b', 1: 'a', '01': 'c' }],
    ['an empty key', { '': 1 }],
  ])('%s', (_name, value) => {
    expectJson(toJson(value))
  })
  test('the same member read twice is read once', () => {
    let reads = 0
    toJson({
      get a() {
        reads += 1
        return reads
      },
    })
    expect(reads).toBe(1)
  })
  test('a toJSON of a list is honoured as JSON.stringify does, or refused', () => {
    const list = Object.assign([1], { toJSON: () => 'short' })
    expect(['short', [1]]).toContainEqual(toJson(list))
  })
})

describe('toJson refuses by place', () => {
  test.each([
    ['at the root', 10n, '/'],
    ['in a member', { a: 10n }, '/a'],
    ['in an element', [[10n]], '/0/0'],
    ['under a key with a slash', { 'a/b~c': 10n }, '/a~1b~0c'],
    ['under an empty key', { '': 10n }, '/'],
  ])('%s', async (_name, value, path) => {
    expect((await expectCode(() => toJson(value), 'JSON_INVALID', path)).details).toEqual({ path })
  })
})

describe('toJson counts what JSON text would take', () => {
  const limit = { maxSize: 100_000 }
  test.each([
    ['nulls', Array.from({ length: 100_000 }, () => null)],
    ['undefined in a list', Array.from({ length: 100_000 }, () => undefined)],
    ['holes', holes(100_000)],
    ['many small texts', Array.from({ length: 60_000 }, () => '')],
    ['many empty objects', Array.from({ length: 60_000 }, () => ({}))],
    ['numbers with many digits', Array.from({ length: 12_000 }, () => 1.234567890123456e-300)],
    ['long keys', { ['k'.repeat(100_001)]: 1 }],
  ])('%s', async (_name, value) => {
    expect(JSON.stringify(value).length).toBeGreaterThan(100_000)
    expect((await thrownBy(() => toJson(value, limit))).code).toBe('PAYLOAD_TOO_LARGE')
  })
  test('a list whose length is a lie costs no time', async () => {
    const started = process.cpuUsage().user
    expect(['PAYLOAD_TOO_LARGE', 'JSON_INVALID']).toContain((await thrownBy(() => toJson(holes(50_000_000), limit))).code)
    expect(process.cpuUsage().user - started).toBeLessThan(2_000_000)
  })
  test('a bush of shared objects that would grow without end is refused', async () => {
    let bush: unknown = 'leaf'
    for (let level = 0; level < 60; level += 1) bush = [bush, bush]
    expect((await thrownBy(() => toJson(bush, limit))).code).toBe('PAYLOAD_TOO_LARGE')
  })
  test('just within the limit passes', () => {
    expect(toJson('x'.repeat(99_990), limit)).toHaveLength(99_990)
  })
})

describe('canonicalJson', () => {
  test('does not depend on the order of keys', () => {
    expect(canonicalJson({ b: 1, a: { d: 2, c: 3 } })).toBe(canonicalJson({ a: { c: 3, d: 2 }, b: 1 }))
  })
  test('keeps the order of lists', () => {
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]))
  })
})

describe('what a planner makes up is copied as JSON or refused', () => {
  const cycle: Record<string, unknown> = {}
  cycle['me'] = cycle
  const values: [string, unknown][] = [
    ['a bigint', 10n],
    ['a cycle', cycle],
    ['a map', new Map()],
    ['NaN', Number.NaN],
    ['a function', () => {}],
    ['__proto__', hostile()],
  ]
  const x = tool('x', () => 1)
  test.each(values)('an output that is %s', async (_name, output) => {
    const played = await play(
      agent(
        'subject',
        plan(() => ({ type: 'finish', output })),
      ),
    )
    expectFailure(played.outcome, 'PLANNER_DECISION_INVALID', /test-planner.*output/)
  })
  test.each(values)('a state that is %s', async (_name, state) => {
    const played = await play(
      agent(
        'subject',
        plan(() => ({ type: 'act', effects: [callTool('a', 'x')], state })),
        { tools: [x] },
      ),
    )
    expectFailure(played.outcome, 'PLANNER_DECISION_INVALID', /test-planner.*state/)
  })
  test.each(values)('arguments that are %s', async (_name, input) => {
    const played = await play(agent('subject', once(callTool('a', 'x', { value: input } as never)), { tools: [x] }))
    expectFailure(played.outcome, 'PLANNER_DECISION_INVALID', /test-planner.*"a"/)
  })
  test.each(values)('messages of a model effect that hold %s', async (_name, value) => {
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'x', providerOptions: { p: { value } } }] }]
    const played = await play(agent('subject', once({ kind: 'model', key: 'm', messages: messages as never })))
    expect(['completed', 'failed']).toContain(played.outcome.status)
  })
  test.each(values)('messages for the session that hold %s', async (_name, value) => {
    const messages = [{ role: 'user', content: [{ type: 'text', text: value }] }]
    const played = await play(
      agent(
        'subject',
        plan(() => ({ type: 'finish', output: 1, messages })),
      ),
      { start: { session: 's' } },
    )
    expectJson(played.record)
  })
  test.each(values)('further members of an effect that are %s', async (_name, extra) => {
    const played = await play(agent('subject', once({ ...callTool('a', 'x'), extra } as never), { tools: [x] }))
    expect(['completed', 'failed']).toContain(played.outcome.status)
  })
  test.each(values)('details of a failure that are %s', async (_name, details) => {
    const error = { code: 'PLAN_FAILED', message: 'no way', retryable: false, details }
    const played = await play(
      agent(
        'subject',
        plan(() => ({ type: 'fail', error })),
      ),
    )
    expect(played.outcome.status).toBe('failed')
  })
  test('state, arguments and output that the planner changes later do not change the history', async () => {
    const state = { n: 0 }
    const input = { n: 0 }
    const changing = plan((run) => {
      state.n += 1
      input.n += 1
      if (run.open > 0) return { type: 'idle' }
      if (run.decisions === 2) return { type: 'finish', output: state }
      return { type: 'act', effects: [callTool(`a${run.decisions}`, 'x', input)], state }
    })
    const played = await play(agent('subject', changing, { tools: [x] }))
    const decisions = played.history.filter((event) => event.type === 'decision')
    expect(decisions.map((event) => event.type === 'decision' && [event.state, event.effects[0]])).toMatchObject([
      [{ n: 1 }, { input: { n: 1 } }],
      [{ n: 2 }, { input: { n: 2 } }],
    ])
  })
})

test('an undefined output is recorded as null', async () => {
  const played = await play(
    agent(
      'subject',
      plan(() => ({ type: 'finish' })),
    ),
  )
  expect(played.outcome).toStrictEqual({ status: 'completed', output: null })
})
