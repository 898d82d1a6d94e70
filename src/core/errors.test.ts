import { describe, expect, test } from 'vitest'
import { ERROR_CODES, errorInfo, type Failure, OpspawnError, toError, toFailure } from './index.ts'

/** What programs outside may rely on; a row that changes breaks them. New codes may be added. */
const PUBLISHED: readonly (readonly [http: number, grpc: string, exit: number, retryable: boolean, codes: string])[] = [
  [400, 'INVALID_ARGUMENT', 2, false, 'INPUT_INVALID JSON_INVALID NAME_INVALID OPTIONS_INVALID PAYLOAD_TOO_LARGE SIGNAL_INVALID'],
  [400, 'INVALID_ARGUMENT', 2, false, 'MEMORY_INPUT_INVALID SCHEDULE_INVALID TOOL_INPUT_INVALID'],
  [404, 'NOT_FOUND', 3, false, 'AGENT_UNKNOWN APPROVAL_UNKNOWN MEMORY_UNKNOWN MODEL_UNKNOWN RUN_UNKNOWN TOOL_UNKNOWN'],
  [404, 'NOT_FOUND', 3, false, 'MEMORY_RECORD_UNKNOWN SCHEDULE_UNKNOWN'],
  [
    409,
    'FAILED_PRECONDITION',
    4,
    false,
    'APPROVAL_DECIDED DOCUMENT_CONFLICT LEASE_LOST MEMORY_CONFLICT RUN_FINISHED SEQUENCE_CONFLICT STATE_INVALID',
  ],
  [409, 'ALREADY_EXISTS', 4, false, 'RUN_EXISTS'],
  [403, 'PERMISSION_DENIED', 5, false, 'ADDRESS_REFUSED APPROVAL_DENIED APPROVAL_EXPIRED POLICY_DENIED TOOL_CHANGED'],
  [429, 'RESOURCE_EXHAUSTED', 6, true, 'MODEL_RATE_LIMITED QUEUE_FULL TOOL_RATE_LIMITED'],
  [422, 'RESOURCE_EXHAUSTED', 7, false, 'BUDGET_EXCEEDED'],
  [422, 'ABORTED', 1, false, 'CASSETTE_MISMATCH EFFECT_UNKNOWN MODEL_ANSWER_INVALID MODEL_FAILED OUTPUT_INVALID PLAN_FAILED'],
  [
    422,
    'ABORTED',
    1,
    false,
    'PLANNER_DECISION_INVALID PLANNER_FAILED PLANNER_STALLED RUN_QUARANTINED SCHEDULE_MISSED TOOL_FAILED',
  ],
  [422, 'ABORTED', 1, false, 'TOOL_OUTPUT_INVALID'],
  [504, 'DEADLINE_EXCEEDED', 8, true, 'RUN_TIMEOUT TOOL_TIMEOUT WAIT_EXPIRED'],
  [503, 'UNAVAILABLE', 9, true, 'MEMORY_FAILED MODEL_INTERRUPTED MODEL_UNAVAILABLE ORCHESTRATOR_DRAINING STORE_FAILED'],
  [503, 'UNAVAILABLE', 9, true, 'TOOL_UNAVAILABLE'],
  [499, 'CANCELLED', 130, false, 'RUN_CANCELLED'],
  [500, 'FAILED_PRECONDITION', 78, false, 'AGENT_INVALID BUDGET_PRICE_UNKNOWN LIMIT_INVALID MODEL_UNSUPPORTED NAME_DUPLICATE'],
  [500, 'FAILED_PRECONDITION', 78, false, 'PLUGIN_CAPABILITY_MISSING PLUGIN_INVALID PLUGIN_PACKAGE_MISSING'],
  [500, 'FAILED_PRECONDITION', 78, false, 'MEMORY_MISMATCH PLUGIN_SPEC_UNSUPPORTED SCHEMA_NOT_CONVERTIBLE'],
  [500, 'INTERNAL', 70, false, 'INTERNAL'],
]
const published = PUBLISHED.flatMap(([http, grpc, exit, retryable, codes]) =>
  codes.split(' ').map((code) => ({ code, http, grpc, exit, retryable })),
)

describe('the published table', () => {
  test.each(published)('$code is $http, $grpc, exit $exit', ({ code, ...row }) => {
    expect(ERROR_CODES).toContain(code)
    expect(errorInfo(code)).toMatchObject(row)
  })
  test('has no code that is not noted here: a new one needs a row', () => {
    expect(ERROR_CODES.filter((code) => !published.some((row) => row.code === code))).toEqual([])
  })
  test('gives no two codes the same sentence', () => {
    expect(new Set(ERROR_CODES.map((code) => errorInfo(code).meaning)).size).toBe(ERROR_CODES.length)
  })
  test('is not to be changed through what is looked up', () => {
    Object.assign(errorInfo('QUEUE_FULL'), { http: 1 })
    expect(errorInfo('QUEUE_FULL').http).toBe(429)
  })
})

describe('OpspawnError', () => {
  test('is an error with code, message, cause and details', () => {
    const cause = new Error('deep')
    const error = new OpspawnError('TOOL_FAILED', 'it broke', { cause, details: { n: 1 } })
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ name: 'OpspawnError', code: 'TOOL_FAILED', message: 'it broke', cause, details: { n: 1 } })
    expect(error.stack).toContain('it broke')
  })
  test('has no cause where none was given', () => {
    expect('cause' in new OpspawnError('INTERNAL', 'x')).toBe(false)
    expect('cause' in new OpspawnError('INTERNAL', 'x', { cause: undefined })).toBe(false)
    expect(new OpspawnError('INTERNAL', 'x', { cause: null }).cause).toBeNull()
  })
  test('does not show its mark when it is listed', () => {
    const error = new OpspawnError('INTERNAL', 'x')
    const marks = Object.getOwnPropertySymbols(error)
    expect(marks).toEqual([Symbol.for('opspawn.error')])
    expect(marks.filter((mark) => Object.prototype.propertyIsEnumerable.call(error, mark))).toEqual([])
  })
  test('is known across two copies of the package', async () => {
    const url: string = './errors.ts?another-copy'
    const copy = (await import(/* @vite-ignore */ url)) as { OpspawnError: typeof OpspawnError }
    expect(copy.OpspawnError).not.toBe(OpspawnError)
    const theirs = new copy.OpspawnError('QUEUE_FULL', 'full', { details: { queue: 'q' } })
    expect(theirs).not.toBeInstanceOf(OpspawnError)
    expect(OpspawnError.is(theirs)).toBe(true)
    expect(OpspawnError.is(theirs, 'QUEUE_FULL')).toBe(true)
    expect(OpspawnError.is(theirs, 'TOOL_FAILED')).toBe(false)
    expect(copy.OpspawnError.is(new OpspawnError('QUEUE_FULL', 'full'), 'QUEUE_FULL')).toBe(true)
    expect(toFailure(theirs, 'INTERNAL')).toMatchObject({ code: 'QUEUE_FULL', message: 'full', retryable: true })
  })
  test('is known where a class was derived from it', () => {
    class Special extends OpspawnError {}
    expect(OpspawnError.is(new Special('RUN_UNKNOWN', 'x'), 'RUN_UNKNOWN')).toBe(true)
  })
  test('is not known by its name alone', () => {
    expect(OpspawnError.is(Object.assign(new Error('x'), { name: 'OpspawnError', code: 'INTERNAL' }))).toBe(false)
  })
})

describe('toFailure', () => {
  const trap = (): never => {
    throw new Error('trap')
  }
  class ParseError extends Error {
    override readonly name = 'ParseError'
  }
  test.each<[string, unknown, string]>([
    ['an error by its message', new Error('it broke'), 'it broke'],
    ['an error of another class with its name', new TypeError('not so'), 'TypeError: not so'],
    ['an error of a class of its own with its name', new ParseError('line 1'), 'ParseError: line 1'],
    ['an abort by name and message', new DOMException('stop', 'AbortError'), 'AbortError: stop'],
    ['a text as it is', 'no', 'no'],
    ['a number', 5, '5'],
    ['a bigint', 10n, '10'],
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a symbol', Symbol('x'), 'Symbol(x)'],
    ['a plain object with a message', { message: 'plain' }, 'plain'],
    ['a plain object with name and message', { name: 'Odd', message: 'plain' }, 'Odd: plain'],
    ['a name that is no text', { name: 5, message: 'plain' }, 'plain'],
    ['an object without a message', { status: 500 }, 'something thrown without a message'],
    ['a message that is no text', { message: 5 }, 'something thrown without a message'],
    ['a list', [1, 2], 'something thrown without a message'],
    ['a function that cannot be printed', Object.assign(() => {}, { toString: trap }), 'something thrown without a message'],
    ['a getter that throws', Object.defineProperty({}, 'message', { get: trap }), 'something thrown without a message'],
    ['a proxy whose members throw', new Proxy({}, { get: trap }), 'something thrown without a message'],
  ])('describes %s', (_name, thrown, message) => {
    expect(toFailure(thrown, 'TOOL_FAILED')).toEqual({ code: 'TOOL_FAILED', message, retryable: false })
  })
  test('takes retryable from the code that it is given', () => {
    expect(toFailure(new Error('x'), 'STORE_FAILED').retryable).toBe(true)
    expect(toFailure(new Error('x'), 'INTERNAL').retryable).toBe(false)
  })
  test('keeps code, retryable and details of an error of its own', () => {
    const error = new OpspawnError('TOOL_FAILED', 'x', { retryable: true, details: [1] })
    expect(toFailure(error, 'INTERNAL')).toEqual({ code: 'TOOL_FAILED', message: 'x', retryable: true, details: [1] })
  })
  test('has neither a stack nor members that are undefined', () => {
    expect(Object.keys(toFailure(new Error('x'), 'INTERNAL'))).toEqual(['code', 'message', 'retryable'])
    expect(JSON.stringify(toFailure(new Error('x', { cause: new Error('y') }), 'INTERNAL'))).not.toContain('errors.test')
  })
  test('lists what is behind it, nearest first', () => {
    const error = new Error('outer', { cause: new TypeError('inner', { cause: 'a text' }) })
    expect(toFailure(error, 'INTERNAL').causes).toEqual([
      { name: 'TypeError', message: 'inner' },
      { name: 'Error', message: 'a text' },
    ])
  })
  test.each([null, undefined])('a cause that is %s is none', (cause) => {
    expect(toFailure(new Error('x', { cause }), 'INTERNAL')).not.toHaveProperty('causes')
  })
  test('a cause whose own cause throws ends the list', () => {
    const cause = Object.defineProperty(new Error('first'), 'cause', { get: trap })
    expect(toFailure(new Error('x', { cause }), 'INTERNAL').causes).toEqual([{ name: 'Error', message: 'first' }])
  })
})

describe('toError', () => {
  test.each(ERROR_CODES)('brings %s back', (code) => {
    for (const retryable of [true, false]) {
      const failure: Failure = { code, message: 'm', retryable, details: { a: [1] } }
      const error = toError(failure)
      expect(OpspawnError.is(error, code)).toBe(true)
      expect(toFailure(error, 'INTERNAL')).toEqual(failure)
    }
  })
  test('a failure without details gives an error without', () => {
    expect(toError({ code: 'INTERNAL', message: 'm', retryable: false }).details).toBeUndefined()
  })
  test('a code of a newer version keeps its message and whether to try again', () => {
    expect(toError({ code: 'BRAND_NEW', message: 'm', retryable: true })).toMatchObject({
      code: 'INTERNAL',
      message: 'm',
      retryable: true,
    })
  })
})
