import { describe, expect, test } from 'vitest'
import { ERROR_CODES, errorInfo, OpspawnError, toError, toFailure } from '../../src/index.ts'
import { expectJson, guardFile, hostile } from './harness.ts'

guardFile()

const trap = (): never => {
  throw new Error('trap')
}

describe('the table of codes', () => {
  test('is in alphabetical order and has no code twice', () => {
    expect([...ERROR_CODES]).toEqual([...new Set(ERROR_CODES)].toSorted())
  })
  test.each([...ERROR_CODES])('%s has a sentence, an HTTP status, a gRPC status and an exit code', (code) => {
    const info = errorInfo(code)
    expect(info.meaning).toMatch(/^[A-Z].*\.$/)
    expect(info.http).toBeGreaterThanOrEqual(400)
    expect(info.http).toBeLessThan(600)
    expect(info.grpc).toMatch(/^[A-Z_]+$/)
    expect(info.exit).toBeGreaterThan(0)
    expect(info.exit).toBeLessThan(256)
    expect(typeof info.retryable).toBe('boolean')
  })
  test.each(['NOPE', '', '__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'the unknown code %j reads as INTERNAL',
    (code) => {
      expect(errorInfo(code)).toEqual(errorInfo('INTERNAL'))
    },
  )
})

describe('OpspawnError', () => {
  test('is recognised across copies of the package, and with its code', () => {
    const foreign = Object.defineProperty(
      Object.assign(new Error('x'), { code: 'QUEUE_FULL', retryable: true }),
      Symbol.for('opspawn.error'),
      { value: true },
    )
    expect(OpspawnError.is(foreign)).toBe(true)
    expect(OpspawnError.is(foreign, 'QUEUE_FULL')).toBe(true)
    expect(OpspawnError.is(foreign, 'INTERNAL')).toBe(false)
  })
  test.each([
    ['null', null],
    ['undefined', undefined],
    ['a text', 'x'],
    ['an error', new Error('x')],
    ['a proxy that throws', new Proxy({}, { has: trap, get: trap })],
    ['a function', () => {}],
  ])('%s is none, and looking does not throw', (_name, value) => {
    expect(OpspawnError.is(value)).toBe(false)
  })
  test('takes retryable from the table unless told', () => {
    expect(new OpspawnError('QUEUE_FULL', 'x').retryable).toBe(true)
    expect(new OpspawnError('QUEUE_FULL', 'x', { retryable: false }).retryable).toBe(false)
    expect(new OpspawnError('TOOL_FAILED', 'x').retryable).toBe(false)
  })
})

describe('toFailure never throws and always gives JSON', () => {
  const loop = new Error('loop')
  loop.cause = loop
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  const branded = (members: object): object => Object.defineProperty(members, Symbol.for('opspawn.error'), { value: true })
  const cycle: Record<string, unknown> = {}
  cycle['me'] = cycle
  test.each([
    ['undefined', undefined],
    ['null', null],
    ['a text', 'x'],
    ['an empty text', ''],
    ['a symbol', Symbol('x')],
    ['a bigint', 10n],
    ['a function', trap],
    ['a list', [1]],
    ['an error that is its own cause', loop],
    ['an error with a cause that is undefined', new Error('x', { cause: undefined })],
    ['an aggregate', new AggregateError([new Error('a')], 'many')],
    ['throwing getters', Object.create(null, { message: { get: trap }, name: { get: trap }, cause: { get: trap } })],
    ['a proxy that throws', new Proxy({}, { get: trap, has: trap })],
    ['a revoked proxy', proxy],
    ['details that are no JSON', new OpspawnError('TOOL_FAILED', 'x', { details: 10n as never })],
    ['details with a cycle', new OpspawnError('TOOL_FAILED', 'x', { details: cycle as never })],
    ['details with __proto__', new OpspawnError('TOOL_FAILED', 'x', { details: hostile() })],
    ['a brand without members', branded({})],
    ['a brand with wrong members', branded({ code: 5, message: 6, retryable: 'yes', details: trap })],
    [
      'a brand with getters that throw',
      branded({
        get code(): never {
          return trap()
        },
        get message(): never {
          return trap()
        },
      }),
    ],
  ])('%s', (_name, value) => {
    const failure = toFailure(value, 'TOOL_FAILED')
    expectJson(failure)
    expect(typeof failure.code).toBe('string')
    expect(typeof failure.message).toBe('string')
    expect(typeof failure.retryable).toBe('boolean')
  })
  test('keeps at most four causes', () => {
    let error = new Error('0')
    for (let level = 1; level < 10; level += 1) error = new Error(String(level), { cause: error })
    expect(toFailure(error, 'INTERNAL').causes?.map((cause) => cause.message)).toEqual(['8', '7', '6', '5'])
  })
  test('and back keeps code, message, retryable and details', () => {
    const failure = toFailure(new OpspawnError('QUEUE_FULL', 'full', { retryable: false, details: { queue: 'q' } }), 'INTERNAL')
    expect(toError(failure)).toMatchObject({ code: 'QUEUE_FULL', message: 'full', retryable: false, details: { queue: 'q' } })
  })
  test.each(['FUTURE_CODE', '__proto__', 'constructor'])('a failure of the code %j comes back as INTERNAL', (code) => {
    expect(toError({ code, message: 'x', retryable: false }).code).toBe('INTERNAL')
  })
})
