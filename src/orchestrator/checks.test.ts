import { describe, expect, test } from 'vitest'
import { OpspawnError, type RunLimits, DEFAULT_LIMITS } from '../core/index.ts'
import { requireLimits } from './checks/limits.ts'
import { requireName } from './checks/name.ts'
import { type Kind, requireShape, type Shape } from './checks/shape.ts'
import { named, show } from './checks/show.ts'
import { refusal } from '../../test/fixtures/refusal.ts'

describe('requireName', () => {
  test.each(['a', '_', '9', 'web.search', 'a-b', 'A_1', 'constructor', 'toString', 'x'.repeat(64)])('takes %j', (name) => {
    expect(() => requireName('tool', name)).not.toThrow()
  })
  test.each<[unknown, string]>([
    ['', '""'],
    ['x'.repeat(65), `"${'x'.repeat(65)}"`],
    ['.a', '".a"'],
    ['-a', '"-a"'],
    ['a b', '"a b"'],
    ['a/b', '"a/b"'],
    ['a\n', '"a\\n"'],
    ['naïve', '"naïve"'],
    ['__proto__', '"__proto__"'],
    [undefined, 'undefined'],
    [null, 'null'],
    [5, '5'],
    [['a'], 'a list'],
    [{}, 'an object'],
    [10n, '10'],
  ])('refuses %s', (name, shown) => {
    const error = refusal(() => requireName('tool', name))
    expect(error.code).toBe('NAME_INVALID')
    expect(error.message).toContain(`tool name ${shown} must be 1 to 64 `)
  })
})

/** For every kind: what fits and what does not. */
const KINDS: readonly [kind: Kind, fits: readonly unknown[], unfit: readonly unknown[]][] = [
  ['text', ['', 'a'], [5, null, {}, [], true]],
  ['flag', [true, false], [0, 'true', null]],
  ['function', [() => {}, class {}], ['f', {}, null]],
  ['list', [[], [1]], ['a', { length: 1 }, null, new Set()]],
  ['object', [{}, Object.create(null), new Map()], [null, [], 'x', () => {}]],
  ['number', [0, -1.5, 1e300], [Number.NaN, Number.POSITIVE_INFINITY, '5', null, 5n]],
  ['positive', [1, 0.1, Number.POSITIVE_INFINITY], [0, -1, Number.NaN, '1', null, 1n]],
  ['upTo', [1, 2 ** 53 - 1, Number.POSITIVE_INFINITY], [0, 0.5, 1.5, -1, Number.NaN, '1', null]],
  ['amount', [0, 0.5], [-1, Number.NaN, Number.POSITIVE_INFINITY, '0', null]],
  ['whole', [1, 2 ** 53 - 1], [0, 1.5, -1, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, '1']],
  ['count', [0, 1], [-1, 0.5, Number.NaN, '0', null]],
]
const LIMITS: readonly string[] = ['positive', 'upTo', 'amount', 'whole', 'count']

describe('requireShape', () => {
  describe.each(KINDS)('a %s', (kind, fits, unfit) => {
    const shape: Shape = { it: kind }
    const optional: Shape = { it: `${kind}?` as Kind }
    test.each(fits.map((value) => [value]))('may be %s', (value) => {
      expect(() => requireShape('here', { it: value }, shape)).not.toThrow()
      expect(() => requireShape('here', { it: value }, optional)).not.toThrow()
    })
    test.each(unfit.map((value) => [value]))('may not be %s', (value) => {
      const error = refusal(() => requireShape('here', { it: value }, optional))
      expect(error.code).toBe(LIMITS.includes(kind) ? 'LIMIT_INVALID' : 'OPTIONS_INVALID')
      expect(error.message).toMatch(/^here: it must be /)
      expect(error.details).toEqual({ member: 'it' })
    })
    test('may be absent only where the shape says so', () => {
      expect(refusal(() => requireShape('here', {}, shape)).message).toMatch(/^here: it must be .*, not undefined$/)
      expect(() => requireShape('here', {}, optional)).not.toThrow()
      expect(() => requireShape('here', { it: undefined }, optional)).not.toThrow()
    })
  })
  test('anything may be anything', () => {
    for (const it of [undefined, null, 5, 'x', [], {}, () => {}, 5n]) {
      expect(() => requireShape('here', { it }, { it: 'any' })).not.toThrow()
    }
  })
  test.each<[unknown, string]>([
    [null, 'null'],
    [undefined, 'undefined'],
    [[], 'a list'],
    ['text', '"text"'],
    [5, '5'],
    [() => {}, 'a function; did you forget to call it?'],
  ])('refuses %s in place of an object', (value, shown) => {
    const error = refusal(() => requireShape('here', value, {}, 'AGENT_INVALID'))
    expect(error).toMatchObject({ code: 'AGENT_INVALID', message: `here must be an object, not ${shown}` })
  })
  test('names a member that does not exist, and those that do', () => {
    const error = refusal(() => requireShape('here', { stepz: 1 }, { steps: 'whole?', tokens: 'whole?' }))
    expect(error).toMatchObject({ code: 'OPTIONS_INVALID', details: { member: 'stepz' } })
    expect(error.message).toBe('here has no member "stepz"; it may have steps, tokens')
  })
  test.each(['__proto__', 'constructor', 'toString'])('does not take a member %s for one of the shape', (member) => {
    const value: unknown = JSON.parse(`{"${member}":1}`)
    expect(refusal(() => requireShape('here', value, { steps: 'whole?' })).details).toEqual({ member })
  })
  test('lets other members pass where it is open, but checks those it knows', () => {
    expect(() => requireShape('here', { own: 1, steps: 2 }, { steps: 'whole' }, 'OPTIONS_INVALID', true)).not.toThrow()
    expect(refusal(() => requireShape('here', { own: 1, steps: 0 }, { steps: 'whole' }, 'OPTIONS_INVALID', true)).code).toBe(
      'LIMIT_INVALID',
    )
  })
  test('sees members of a class too', () => {
    class Options {
      get steps(): number {
        return 0
      }
    }
    expect(refusal(() => requireShape('here', new Options(), { steps: 'whole' }, 'OPTIONS_INVALID', true)).details).toEqual({
      member: 'steps',
    })
  })
  test('gives the code that was asked for', () => {
    expect(refusal(() => requireShape('here', { a: 5 }, { a: 'text' }, 'PLUGIN_INVALID')).code).toBe('PLUGIN_INVALID')
  })
})

test.each<[unknown, string]>([
  ['a"b', '"a\\"b"'],
  ['x'.repeat(81), `"${'x'.repeat(80)}…"`],
  [['x'], 'a list'],
  [() => {}, 'a function; did you forget to call it?'],
  [{ a: 1 }, 'an object'],
  [Object.create(null), 'an object'],
  [null, 'null'],
  [undefined, 'undefined'],
  [10n, '10'],
  [Symbol('s'), 'Symbol(s)'],
  [Number.NaN, 'NaN'],
])('show(%s)', (value, text) => {
  expect(show(value)).toBe(text)
})

test.each<[unknown, string]>([
  [{ name: 'a' }, 'tool "a"'],
  [{ name: 5 }, 'defineTool'],
  [{}, 'defineTool'],
  [null, 'defineTool'],
  [undefined, 'defineTool'],
  ['a', 'defineTool'],
])('named(%j)', (value, text) => {
  expect(named('tool', value, 'defineTool')).toBe(text)
})

describe('requireLimits', () => {
  test('takes every limit that exists, and none', () => {
    requireLimits('here', {})
    requireLimits('here', { ...DEFAULT_LIMITS, tokens: 1, cost: 0.01, durationMs: 1, depth: 0, repairs: 0 })
    requireLimits('here', { steps: Number.POSITIVE_INFINITY, payload: Number.POSITIVE_INFINITY })
  })
  test.each<[string, RunLimits]>([
    ['steps', { steps: 0 }],
    ['tokens', { tokens: -1 }],
    ['cost', { cost: Number.NaN }],
    ['durationMs', { durationMs: '5' as never }],
    ['decisions', { decisions: 0 }],
    ['parallel', { parallel: 1.5 }],
    ['effects', { effects: Number.POSITIVE_INFINITY }],
    ['depth', { depth: -1 }],
    ['repairs', { repairs: 0.5 }],
    ['payload', { payload: 0 }],
    ['setps', { setps: 5 } as RunLimits],
  ])('refuses a wrong %s by name', (member, limits) => {
    const check = (): void => requireLimits('agent "a"', limits)
    expect(check).toThrow(OpspawnError)
    expect(check).toThrow(expect.objectContaining({ code: 'LIMIT_INVALID', details: { member } }))
    expect(check).toThrow(/^agent "a", limits/)
  })
})
