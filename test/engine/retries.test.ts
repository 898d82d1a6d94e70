import { describe, expect, test } from 'vitest'
import { DEFAULT_RETRY, defineExtension, type Memory, OpspawnError, type Recall, type RetryPolicy } from '../../src/index.ts'
import { inProcessMemory } from '../../src/plugins/memory-in-process/index.ts'
import {
  agent,
  callModel,
  ended,
  expectFailure,
  guardFile,
  historyOf,
  modelOf,
  once,
  open,
  play,
  reply,
  seededRandom,
  turns,
} from './harness.ts'
import { flaky, limited, NOW, tryModel } from './support/flaky-models.ts'

guardFile()

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
  describe('where an error of ours asks for it in details.retryAfterMs', () => {
    const busy = (code: 'MODEL_RATE_LIMITED' | 'MEMORY_FAILED'): OpspawnError =>
      new OpspawnError(code, 'busy', { details: { retryAfterMs: 7_300 } })
    const waitOf = (retry: { readonly at: number; readonly dueAt: number } | undefined): number =>
      (retry?.dueAt ?? NaN) - (retry?.at ?? NaN)

    test('thrown by a model', async () => {
      expect(waitOf((await tryModel(1, () => busy('MODEL_RATE_LIMITED'))).retries('m')[0])).toBe(7_300)
    })
    test('thrown by middleware that holds a model back', async () => {
      const limiter = defineExtension({
        name: 'limiter',
        setup: (host) =>
          host.addMiddleware((_effect, { attempt }, next) =>
            attempt === 1 ? Promise.reject(busy('MODEL_RATE_LIMITED')) : next(),
          ),
      })
      const model = modelOf(() => reply('at last'))
      const played = await play(agent('subject', once(callModel('m')), { model }), {
        options: { plugins: [limiter], random: () => 0 },
      })
      expect(played.effect('m').status).toBe('completed')
      expect(waitOf(played.retries('m')[0])).toBe(7_300)
    })
    test('thrown by a memory', async () => {
      let calls = 0
      const recall = async (): Promise<Recall> => {
        calls += 1
        if (calls === 1) throw busy('MEMORY_FAILED')
        return { items: [], degraded: [], omitted: 0, tokens: 0 }
      }
      const memory = { ...inProcessMemory(), bind: () => ({ recall }) } as unknown as Memory
      const played = await play(agent('subject', once({ kind: 'recall', key: 'r', query: 'x' }), { memory }), {
        options: { random: () => 0 },
      })
      expect(played.effect('r').status).toBe('completed')
      expect(waitOf(played.retries('r')[0])).toBe(7_300)
    })
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
