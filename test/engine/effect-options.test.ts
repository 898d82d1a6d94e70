import { describe, expect, test } from 'vitest'
import type { Effect, Planner } from '../../src/index.ts'
import { agent, callTool, expectFailure, guardFile, once, plan, play, tool } from './harness.ts'

guardFile()

const never = tool('never', () => new Promise(() => {}), { timeoutMs: 60_000 })
const flaky = tool('flaky', () => Promise.reject(Object.assign(new Error('reset'), { code: 'ECONNRESET' })))
const call = (name: string, more: object): Planner => once({ ...callTool('it', name), ...more } as Effect)

describe('a tool effect', () => {
  test('may end sooner than its tool says', async () => {
    const played = await play(agent('subject', call('never', { timeoutMs: 5_000, attempts: 1 }), { tools: [never] }))
    expectFailure(played.effect('it'), 'TOOL_TIMEOUT', '5000 ms')
  })

  test('may end sooner through middleware too', async () => {
    const layer = {
      spec: 'extension/1',
      name: 'layer',
      setup: (host: { addMiddleware(layer: unknown): void }) =>
        host.addMiddleware((_effect: Effect, _context: unknown, next: () => Promise<unknown>) => next()),
    }
    const subject = agent('subject', call('never', { timeoutMs: 5_000, attempts: 1 }), { tools: [never] })
    const played = await play(subject, { options: { plugins: [layer as never] } })
    expectFailure(played.effect('it'), 'TOOL_TIMEOUT', '5000 ms')
  })

  test.each([
    [1, 0],
    [3, 2],
    [undefined, 3],
  ])('with attempts %s is tried again %s times', async (attempts, retried) => {
    const played = await play(agent('subject', call('flaky', attempts === undefined ? {} : { attempts }), { tools: [flaky] }))
    expect(played.retries('it')).toHaveLength(retried)
    const [decision] = played.history.filter((event) => event.type === 'decision')
    expect(decision).toMatchObject({ effects: [attempts === undefined ? { key: 'it' } : { key: 'it', attempts }] })
  })

  test.each([{ timeoutMs: 0 }, { timeoutMs: '5s' }, { attempts: -1 }, { attempts: Number.NaN }])(
    'with %j is refused',
    async (more) => {
      const { outcome } = await play(agent('subject', call('flaky', more), { tools: [flaky] }))
      expectFailure(outcome, 'PLANNER_DECISION_INVALID', /not a number above 0/)
    },
  )
})

describe('a run effect', () => {
  const sleeper = agent('sleeper', once({ kind: 'wait', key: 'nap', for: { type: 'time', ms: 3_600_000 } }))
  const start = (timeoutMs: unknown): Planner =>
    once({ kind: 'run', key: 'child', agent: 'sleeper', input: 'x', timeoutMs } as Effect)

  test('may bound the life of its child', async () => {
    const played = await play(agent('subject', start(60_000), { agents: ['sleeper'] }), { agents: [sleeper] })
    expectFailure(played.effect('child'), 'RUN_TIMEOUT', '60000 ms')
  })

  test('cannot give it more than its parent has left', async () => {
    const subject = agent('subject', start(60_000), { agents: ['sleeper'], limits: { durationMs: 30_000 } })
    const { outcome, ops, run } = await play(subject, { agents: [sleeper] })
    expectFailure(outcome, 'RUN_TIMEOUT')
    const { runs } = await ops.list({ rootId: run.id })
    expect(runs.map(({ limits }) => limits.durationMs)).toEqual(expect.arrayContaining([30_000]))
    expect(Math.max(...runs.map(({ limits }) => limits.durationMs ?? Infinity))).toBe(30_000)
  })

  test('with a time that is none is refused', async () => {
    const { outcome } = await play(agent('subject', start(-1), { agents: ['sleeper'] }), { agents: [sleeper] })
    expectFailure(outcome, 'PLANNER_DECISION_INVALID', 'timeoutMs')
  })
})

describe('a decision that ends the run', () => {
  test.each([
    ['finish', { type: 'finish', output: 'done', state: { why: 'all well' } }],
    ['fail', { type: 'fail', error: { code: 'TOOL_FAILED', message: 'no', retryable: false }, state: { why: 'all bad' } }],
  ])('may leave a state: %s', async (_what, decision) => {
    const { history } = await play(
      agent(
        'subject',
        plan(() => decision),
      ),
    )
    const types = history.map(({ type }) => type)
    expect(types.slice(-2)).toEqual(['decision', 'run-end'])
    expect(history.at(-2)).toMatchObject({ effects: [], state: decision.state })
  })

  test('leaves none where it says none, and none that is not JSON', async () => {
    const { history } = await play(
      agent(
        'subject',
        plan(() => ({ type: 'finish', output: 'done' })),
      ),
    )
    expect(history.some(({ type }) => type === 'decision')).toBe(false)
    const { outcome } = await play(
      agent(
        'subject',
        plan(() => ({ type: 'finish', output: 'done', state: 1n })),
      ),
    )
    expectFailure(outcome, 'PLANNER_DECISION_INVALID', 'state')
  })
})
