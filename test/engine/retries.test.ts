import { describe, expect, test } from 'vitest'
import { DEFAULT_RETRY, OpspawnError, type RetryPolicy } from '../../src/index.ts'
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
  reply,
  scriptedModel,
  seededRandom,
  tool,
  turns,
} from './harness.ts'

guardFile()

const NOW = 1_780_000_000_000
const limited = (headers: Record<string, string>): Error =>
  providerError('slow down', { statusCode: 429, isRetryable: true, responseHeaders: headers })

/** Fails so often with something, then answers; tells when it was called. */
function flaky(failures: number, thrown: () => unknown) {
  const at: number[] = []
  const clock = manualClock(NOW)
  const model = modelOf((_options, call) => {
    at.push(clock.now())
    if (call <= failures) throw thrown()
    return reply('at last')
  })
  return { at, clock, model, waits: () => at.slice(1).map((time, index) => time - (at[index] ?? 0)) }
}

async function tryModel(failures: number, thrown: () => unknown, more: { retry?: RetryPolicy; random?: () => number } = {}) {
  const { model, clock, at, waits } = flaky(failures, thrown)
  const subject = agent('subject', once(callModel('m')), {
    model,
    ...(more.retry === undefined ? undefined : { retry: more.retry }),
  })
  const played = await play(subject, { clock, options: { random: more.random ?? (() => 0) } })
  return { ...played, calls: at.length, waits: waits() }
}

describe('Retry-After is honoured (S12)', () => {
  test.each([
    ['retry-after-ms', { 'retry-after-ms': '7300' }, 7300],
    ['retry-after-ms with a fraction', { 'retry-after-ms': '1500.5' }, 1501],
    ['retry-after in seconds', { 'retry-after': '7' }, 7000],
    ['retry-after in seconds with a fraction', { 'retry-after': '1.5' }, 1500],
    ['retry-after with spaces', { 'retry-after': ' 7 ' }, 7000],
    ['retry-after as a date', { 'retry-after': new Date(NOW + 20_000).toUTCString() }, 20_000],
    ['both: the exact one', { 'retry-after-ms': '900', 'retry-after': '60' }, 900],
    ['other letters of the name', { 'Retry-After': '7' }, 7000],
  ] as [string, Record<string, string>, number][])('%s', async (_name, headers, ms) => {
    const played = await tryModel(1, () => limited(headers))
    expect(played.outcome.status).toBe('completed')
    const [retry] = played.retries('m')
    expect(retry?.dueAt).toBe((retry?.at ?? 0) + ms)
    expect(played.waits[0]).toBeGreaterThanOrEqual(ms)
    expect(played.waits[0]).toBeLessThanOrEqual(ms + 1_000)
  })
  test('given as Headers of the platform', async () => {
    const thrown = () =>
      Object.assign(new Error('slow down'), {
        statusCode: 429,
        isRetryable: true,
        responseHeaders: new Headers({ 'Retry-After': '7' }),
      })
    const [retry] = (await tryModel(1, thrown)).retries('m')
    expect(retry?.dueAt).toBe((retry?.at ?? 0) + 7000)
  })
  test.each([
    ['a date that has passed', { 'retry-after': new Date(NOW - 20_000).toUTCString() }],
    ['rubbish', { 'retry-after': 'soon' }],
    ['a negative number', { 'retry-after': '-5' }],
    ['an empty text', { 'retry-after': '' }],
    ['two points', { 'retry-after': '1.2.3' }],
    ['text before rubbish', { 'retry-after-ms': 'x', 'retry-after': 'y' }],
  ] as [string, Record<string, string>][])('%s asks for no more than a short wait', async (_name, headers) => {
    const [retry] = (await tryModel(1, () => limited(headers))).retries('m')
    expect((retry?.dueAt ?? Infinity) - (retry?.at ?? 0)).toBeLessThanOrEqual(2_000)
  })
  test('more than an hour is not believed', async () => {
    const { model, clock } = flaky(1, () => limited({ 'retry-after': '86400' }))
    const ops = await open({ agents: [agent('subject', once(callModel('m')), { model })], clock, random: () => 0 })
    const run = await ops.start('subject', 'go')
    await turns()
    await clock.advance(3_600_000 + 2_000)
    expect((await ops.record(run.id)).outcome?.status).toBe('completed')
  })
  test('longer than maxMs is waited for all the same', async () => {
    const [retry] = (await tryModel(1, () => limited({ 'retry-after': '60' }), { retry: { maxMs: 1000 } })).retries('m')
    expect(retry?.dueAt).toBe((retry?.at ?? 0) + 60_000)
  })
  test('some of the jitter is added, so that those who were told the same do not come back together', async () => {
    const [retry] = (await tryModel(1, () => limited({ 'retry-after': '10' }), { random: () => 0.9 })).retries('m')
    expect((retry?.dueAt ?? 0) - (retry?.at ?? 0)).toBeGreaterThan(10_000)
  })
})

describe('full jitter (S12)', () => {
  const waited = async (random: () => number, retry?: RetryPolicy) => {
    const played = await tryModel(3, () => limited({}), { random, ...(retry === undefined ? undefined : { retry }) })
    return played.retries('m').map((event) => event.dueAt - event.at)
  }
  test('draws between nothing and a bound that doubles', async () => {
    expect(await waited(() => 0)).toEqual([0, 0, 0])
    expect(await waited(() => 0.5)).toEqual([250, 500, 1000])
    const most = await waited(() => 0.999_999)
    expect(most).toEqual([500, 1000, 2000])
  })
  test('the policy sets base and cap', async () => {
    expect(await waited(() => 0.999_999, { baseMs: 1000, maxMs: 1500 })).toEqual([1000, 1500, 1500])
  })
  test('the same seed gives the same waits', async () => {
    expect(await waited(seededRandom(7))).toEqual(await waited(seededRandom(7)))
  })
  test('different seeds give different waits', async () => {
    expect(await waited(seededRandom(7))).not.toEqual(await waited(seededRandom(8)))
  })
})

describe('how often', () => {
  test('four times by default', async () => {
    const played = await tryModel(99, () => limited({}))
    expect(played.calls).toBe(DEFAULT_RETRY.attempts)
    expectFailure(played.effect('m'), 'MODEL_RATE_LIMITED')
    expect(played.retries('m').map((event) => event.attempt)).toEqual([1, 2, 3])
  })
  test.each([1, 2, 7])('%i times where the policy says so', async (attempts) => {
    expect((await tryModel(99, () => limited({}), { retry: { attempts } })).calls).toBe(attempts)
  })
  test('the history tells each failure with code and message', async () => {
    const played = await tryModel(2, () => limited({}))
    expect(played.retries('m').map((event) => event.error)).toMatchObject([
      { code: 'MODEL_RATE_LIMITED', message: expect.stringMatching('slow down') as string, details: { status: 429 } },
      { code: 'MODEL_RATE_LIMITED' },
    ])
  })
  test('a retry that waits long gives its place up and goes on afterwards', async () => {
    const played = await tryModel(1, () => limited({ 'retry-after': '120' }))
    expect(played.outcome.status).toBe('completed')
    expect(played.history.filter((event) => event.type === 'run-claim')).toHaveLength(2)
    expect(played.record.deliveries).toBeLessThanOrEqual(1)
  })
  test('a run may be cancelled while it waits for a retry (S11)', async () => {
    const { model, clock } = flaky(9, () => limited({ 'retry-after': '120' }))
    const played = await play(agent('subject', once(callModel('m')), { model }), {
      clock,
      meanwhile: (run) => turns().then(() => run.cancel('enough')),
    })
    expect(played.outcome.status).toBe('cancelled')
    expect(model.calls).toBe(1)
  })
  test('the time of the run ends the waiting', async () => {
    const { model, clock } = flaky(9, () => limited({ 'retry-after': '120' }))
    const ops = await open({ agents: [agent('subject', once(callModel('m')), { model, limits: { durationMs: 10_000 } })], clock })
    const run = await ops.start('subject', 'go')
    const begun = clock.now()
    expectFailure(await ended(run, clock, 30_000), 'RUN_TIMEOUT')
    expect(clock.now() - begun).toBeLessThanOrEqual(12_000)
    await historyOf(run)
  })
})

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
