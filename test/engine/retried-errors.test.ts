import { describe, expect, test } from 'vitest'
import { OpspawnError } from '../../src/index.ts'
import {
  agent,
  callModel,
  callTool,
  ended,
  errorOf,
  expectFailure,
  guardFile,
  historyOf,
  manualClock,
  modelOf,
  once,
  open,
  play,
  providerError,
  scriptedModel,
  tool,
} from './harness.ts'
import { tryModel } from './support/flaky-models.ts'

guardFile()

describe('which errors of a model', () => {
  const status = (statusCode: number, isRetryable: boolean) => () => providerError('x', { statusCode, isRetryable })
  test.each([
    [400, false, 1, 'MODEL_FAILED'],
    [401, false, 1, 'MODEL_FAILED'],
    [404, false, 1, 'MODEL_FAILED'],
    [408, true, 4, 'MODEL_UNAVAILABLE'],
    [409, true, 4, 'MODEL_UNAVAILABLE'],
    [429, true, 4, 'MODEL_RATE_LIMITED'],
    [429, false, 1, 'MODEL_RATE_LIMITED'],
    [500, true, 4, 'MODEL_UNAVAILABLE'],
    [503, true, 4, 'MODEL_UNAVAILABLE'],
    [529, true, 4, 'MODEL_UNAVAILABLE'],
  ] as const)('status %i, retryable %s: %i call(s), %s', async (code, isRetryable, calls, expected) => {
    const played = await tryModel(99, status(code, isRetryable))
    expect(played.calls).toBe(calls)
    expectFailure(played.effect('m'), expected)
  })
  test.each([
    'ECONNRESET',
    'ECONNREFUSED',
    'ETIMEDOUT',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EPIPE',
    'UND_ERR_SOCKET',
    'UND_ERR_HEADERS_TIMEOUT',
  ])('the network error %s is tried again', async (code) => {
    const played = await tryModel(1, () => Object.assign(new Error('net'), { code }))
    expect(played.outcome.status).toBe('completed')
    expect(played.retries('m')[0]?.error.code).toBe('MODEL_UNAVAILABLE')
  })
  test('a network error behind others is found, as fetch wraps them', async () => {
    const thrown = () =>
      new TypeError('fetch failed', {
        cause: new Error('socket', { cause: Object.assign(new Error('reset'), { code: 'ECONNRESET' }) }),
      })
    expect((await tryModel(1, thrown)).calls).toBe(2)
  })
  test('an ordinary error is tried once', async () => {
    const played = await tryModel(99, () => new Error('bug in the provider package'))
    expect(played.calls).toBe(1)
    expect(errorOf(played.effect('m'))).toMatchObject({ code: 'MODEL_FAILED', retryable: false })
  })
  test.each([
    ['retryable', true, 4],
    ['not retryable', false, 1],
  ] as const)('an OpspawnError says it itself: %s', async (_name, retryable, calls) => {
    expect((await tryModel(99, () => new OpspawnError('MODEL_FAILED', 'x', { retryable }))).calls).toBe(calls)
  })
  test('an answer that is no answer is tried once', async () => {
    const model = modelOf(() => null)
    await play(agent('subject', once(callModel('m')), { model }))
    expect(model.calls).toBe(1)
  })
  test('a stream that breaks is tried again, and its deltas are voided', async () => {
    const model = scriptedModel([{ fault: 'truncated', text: 'half an ans' }, 'whole'])
    const clock = manualClock()
    const ops = await open({ agents: [agent('subject', once(callModel('m')), { model })], clock })
    const live: string[] = []
    ops.on('live', (_run, event) => void live.push(event.type))
    const run = await ops.start('subject', 'go')
    await ended(run, clock)
    expect(live).toContain('delta-reset')
    expect(live.lastIndexOf('text-delta')).toBeGreaterThan(live.indexOf('delta-reset'))
    const [end] = (await historyOf(run)).filter((event) => event.type === 'effect-end')
    expect(JSON.stringify(end)).toMatch('whole')
    expect(JSON.stringify(end)).not.toMatch('half')
  })
})

describe('tools', () => {
  const reset = (): Error => Object.assign(new Error('reset'), { code: 'ECONNRESET' })
  async function tryTool(thrown: () => unknown, more: object) {
    const attempts: number[] = []
    const keys = new Set<string>()
    const subject = tool(
      't',
      (_input, context) => {
        attempts.push(context.attempt)
        keys.add(context.idempotencyKey)
        throw thrown()
      },
      more,
    )
    const played = await play(agent('subject', once(callTool('a', 't')), { tools: [subject] }), { options: { random: () => 0 } })
    expectFailure(played.effect('a'), 'TOOL_FAILED')
    return { attempts, keys, played }
  }
  test.each([
    ['pure', 4],
    ['idempotent', 4],
    ['unsafe', 1],
  ] as const)('that are %s run %i time(s) when the network fails (S5)', async (effect, times) => {
    expect((await tryTool(reset, { effect })).attempts).toHaveLength(times)
  })
  test('that are unsafe are tried again only where their own policy says so (S5)', async () => {
    const { attempts, played } = await tryTool(reset, { effect: 'unsafe', retry: { attempts: 2 } })
    expect(attempts).toEqual([1, 2])
    expect(played.history.filter((event) => event.type === 'effect-start')).toHaveLength(2)
  })
  test('that fail with an ordinary error are tried once', async () => {
    expect((await tryTool(() => new Error('no such city'), { effect: 'pure' })).attempts).toEqual([1])
  })
  test('that say so are tried again, under one idempotency key (S4)', async () => {
    const { attempts, keys } = await tryTool(() => new OpspawnError('TOOL_FAILED', 'busy', { retryable: true }), {
      effect: 'idempotent',
    })
    expect(attempts).toEqual([1, 2, 3, 4])
    expect(keys.size).toBe(1)
  })
  test('count their attempts, and what comes after a failure is recorded once (S2, S6)', async () => {
    let calls = 0
    const subject = tool('t', () => {
      calls += 1
      if (calls < 3) throw reset()
      return 'third'
    })
    const played = await play(agent('subject', once(callTool('a', 't')), { tools: [subject] }))
    expect(played.effect('a')).toEqual({ status: 'completed', value: 'third' })
    expect(played.retries('a')).toHaveLength(2)
    expect(played.record.deliveries).toBeLessThanOrEqual(1)
  })
  test('with a wrong argument are not tried again', async () => {
    let calls = 0
    const subject = tool('t', () => (calls += 1), { input: { type: 'object', required: ['a'] } })
    const played = await play(agent('subject', once(callTool('a', 't')), { tools: [subject] }))
    expect(played.retries('a')).toEqual([])
    expect(calls).toBe(0)
  })
})

test('a child that finds the queue full is tried again, and nothing is lost', async () => {
  const { memoryStore } = await import('../../src/plugins/store-memory/index.ts')
  const clock = manualClock()
  const inner = memoryStore({ clock })
  let refused = 0
  const store = new Proxy(inner, {
    get(target, member) {
      const value = Reflect.get(target, member, target) as unknown
      if (typeof value !== 'function') return value
      if (member !== 'create') return value.bind(target) as unknown
      return async (run: { origin: { depth: number } }) => {
        if (run.origin.depth > 0 && refused < 2) {
          refused += 1
          throw new OpspawnError('QUEUE_FULL', 'full for now')
        }
        return (value as typeof inner.create).call(target, run as never)
      }
    },
  })
  const child = agent('child', once(callTool('c', 'ok')), { tools: [tool('ok', () => 1)] })
  const played = await play(agent('subject', once({ kind: 'run', key: 'a', agent: 'child', input: 1 }), { agents: [child] }), {
    agents: [child],
    clock,
    options: { store },
  })
  expect(refused).toBe(2)
  expect(played.effect('a')).toEqual({ status: 'completed', value: 'done' })
})
