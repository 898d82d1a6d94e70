import { describe, expect, test } from 'vitest'
import { OpspawnError } from '../core/index.ts'
import { DEFAULT_RETRY, modelFault, retryDelay, toolFault } from './retry.ts'

const NOW = Date.UTC(2026, 0, 1)
const refused = (status: number | undefined, headers?: unknown, isRetryable?: unknown): Error =>
  Object.assign(new Error('no'), { statusCode: status, responseHeaders: headers, isRetryable })
const network = (code: string): Error => Object.assign(new Error('no'), { code })

describe('retryDelay', () => {
  test('draws below a bound that doubles up to the cap', () => {
    const most = Array.from({ length: 9 }, (_, index) => retryDelay({}, index + 1, undefined, () => 1))
    expect(most).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
    expect(Array.from({ length: 9 }, (_, index) => retryDelay({}, index + 1, undefined, () => 0))).toEqual(Array(9).fill(0))
  })
  test('keeps to the cap however often it failed', () => {
    expect(retryDelay({}, 5000, undefined, () => 1)).toBe(DEFAULT_RETRY.maxMs)
    expect(retryDelay({ baseMs: 10, maxMs: 25 }, 3, undefined, () => 1)).toBe(25)
    expect(retryDelay({ baseMs: 100, maxMs: 25 }, 1, undefined, () => 1)).toBe(25)
  })
  test('can be recorded though nothing bounds it', () => {
    expect(Number.isSafeInteger(retryDelay({ baseMs: Infinity, maxMs: Infinity }, 1, undefined, () => 0.5))).toBe(true)
    expect(retryDelay({ baseMs: Infinity, maxMs: Infinity }, 1, undefined, () => 0)).toBe(0)
  })
  test('waits no less than was asked for, and not all at the same time', () => {
    expect(retryDelay({}, 1, 7000, () => 0)).toBe(7000)
    expect(retryDelay({}, 1, 7000, () => 1)).toBe(7125)
    expect(retryDelay({ maxMs: 100 }, 1, 60_000, () => 0)).toBe(60_000)
    expect(retryDelay({}, 1, 0, () => 0)).toBe(0)
  })
  test('gives whole milliseconds', () => {
    for (const draw of [0.1, 0.333, 0.987])
      expect(Number.isInteger(retryDelay({ baseMs: 0.7 }, 1, undefined, () => draw))).toBe(true)
  })
})

describe('modelFault', () => {
  test.each<[number, string, boolean]>([
    [400, 'MODEL_FAILED', false],
    [401, 'MODEL_FAILED', false],
    [408, 'MODEL_UNAVAILABLE', true],
    [409, 'MODEL_UNAVAILABLE', true],
    [429, 'MODEL_RATE_LIMITED', true],
    [499, 'MODEL_FAILED', false],
    [500, 'MODEL_UNAVAILABLE', true],
    [529, 'MODEL_UNAVAILABLE', true],
  ])('status %i is %s', (status, code, retryable) => {
    expect(modelFault(refused(status), NOW).failure).toMatchObject({ code, retryable, details: { status } })
  })
  test('believes what the provider says of trying again', () => {
    expect(modelFault(refused(500, undefined, false), NOW).failure.retryable).toBe(false)
    expect(modelFault(refused(400, undefined, true), NOW).failure.retryable).toBe(true)
    expect(modelFault(refused(400, undefined, 'yes'), NOW).failure.retryable).toBe(false)
  })
  test.each(['ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'ENOTFOUND', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_BODY_TIMEOUT'])(
    'the network error %s is found behind others, and tried again',
    (code) => {
      const wrapped = new TypeError('fetch failed', { cause: new Error('between', { cause: network(code) }) })
      expect(modelFault(wrapped, NOW).failure).toMatchObject({ code: 'MODEL_UNAVAILABLE', retryable: true })
      expect(modelFault(Object.assign(wrapped, { isRetryable: false }), NOW).failure.retryable).toBe(true)
    },
  )
  test('does not look for a network error for ever', () => {
    const loop: Error = new Error('loop')
    loop.cause = loop
    expect(modelFault(loop, NOW).failure.code).toBe('MODEL_FAILED')
    let deep: Error = network('ECONNRESET')
    for (let level = 0; level < 6; level += 1) deep = new Error('outer', { cause: deep })
    expect(modelFault(deep, NOW).failure.code).toBe('MODEL_FAILED')
  })
  test('keeps an error of this package as it is', () => {
    const { failure, retryAfterMs } = modelFault(new OpspawnError('MODEL_INTERRUPTED', 'broke off'), NOW)
    expect(failure).toEqual({ code: 'MODEL_INTERRUPTED', message: 'broke off', retryable: true })
    expect(retryAfterMs).toBeUndefined()
  })
  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['a text', 'no'],
    ['a status that is no number', refused('429' as never)],
  ])('%s is an ordinary failure', (_name, thrown) => {
    expect(modelFault(thrown, NOW)).toMatchObject({ failure: { code: 'MODEL_FAILED', retryable: false } })
  })
})

describe('Retry-After', () => {
  const asked = (headers: unknown): number | undefined => modelFault(refused(429, headers), NOW).retryAfterMs
  test.each<[string, unknown, number]>([
    ['seconds', { 'retry-after': '7' }, 7000],
    ['a fraction', { 'retry-after': '0.25' }, 250],
    ['zero', { 'retry-after': '0' }, 0],
    ['spaces', { 'retry-after': '  7 ' }, 7000],
    ['a number', { 'retry-after': 7 }, 7000],
    ['milliseconds', { 'retry-after-ms': '1500.4' }, 1500],
    ['both', { 'retry-after': '60', 'retry-after-ms': '5' }, 5],
    ['milliseconds that are none', { 'retry-after': '60', 'retry-after-ms': 'soon' }, 60_000],
    ['capitals', { 'RETRY-AFTER': '7' }, 7000],
    ['headers of the platform', new Headers({ 'Retry-After': '7' }), 7000],
    ['a date of HTTP', { 'retry-after': 'Thu, 01 Jan 2026 00:01:00 GMT' }, 60_000],
    ['an older form of date', { 'retry-after': 'Thursday, 01-Jan-26 00:01:00 GMT' }, 60_000],
    ['a date that has passed', { 'retry-after': 'Wed, 31 Dec 2025 23:00:00 GMT' }, 0],
    ['a day', { 'retry-after': '86400' }, 3_600_000],
    ['a date of next year', { 'retry-after': 'Fri, 01 Jan 2027 00:00:00 GMT' }, 3_600_000],
    ['less than nothing', { 'retry-after-ms': '-5' }, 0],
    ['an endless number', { 'retry-after': '9'.repeat(400) }, 3_600_000],
  ])('in %s', (_name, headers, ms) => {
    expect(asked(headers)).toBe(ms)
  })
  test.each<[string, unknown]>([
    ['none', {}],
    ['no headers', undefined],
    ['null', null],
    ['a text', 'retry-after: 7'],
    ['a word', { 'retry-after': 'soon' }],
    ['a list', { 'retry-after': ['7'] }],
    [
      'headers that throw',
      {
        get: () => {
          throw new Error('trap')
        },
      },
    ],
  ])('that cannot be read is none: %s', (_name, headers) => {
    const ms = asked(headers)
    expect(ms === undefined || Number.isFinite(ms)).toBe(true)
    expect(ms ?? 0).toBeLessThan(1000)
  })
  test.each(['.', '..'])('that is %j is none', (text) => {
    expect(asked({ 'retry-after': text })).toBeUndefined()
  })
})

describe('toolFault', () => {
  test('is tried again where a connection failed, or where the tool says so', () => {
    expect(toolFault(network('ECONNRESET')).failure).toMatchObject({ code: 'TOOL_FAILED', retryable: true })
    expect(toolFault(new OpspawnError('TOOL_FAILED', 'x', { retryable: true })).failure.retryable).toBe(true)
    expect(toolFault(new Error('x')).failure.retryable).toBe(false)
    expect(toolFault(refused(503)).failure.retryable).toBe(false)
  })
  test('has no wait of its own', () => {
    expect(toolFault(refused(429, { 'retry-after': '7' })).retryAfterMs).toBeUndefined()
  })
})
