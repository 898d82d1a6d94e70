import { describe, expect, test } from 'vitest'
import { type Json, toJson } from './index.ts'
import { refusal } from '../../test/fixtures/refusal.ts'

const refusalOf = (value: unknown, limits?: Parameters<typeof toJson>[1]) => refusal(() => toJson(value, limits))

/** Wraps a value in lists until the whole has so many levels. */
function nested(levels: number, core: unknown = 'leaf'): unknown {
  let value = core
  for (let level = 0; level < levels; level += 1) value = [value]
  return value
}

describe('toJson copies', () => {
  test.each<[string, unknown, Json]>([
    ['null', null, null],
    ['undefined at the root', undefined, null],
    ['texts, numbers and flags', ['', 'é', 0, -1.5, true, false], ['', 'é', 0, -1.5, true, false]],
    ['undefined members', { a: undefined, b: 1 }, { b: 1 }],
    ['undefined elements', [undefined, 1], [null, 1]],
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['a URL', { at: new URL('https://example.com/a') }, { at: 'https://example.com/a' }],
    ['what toJSON gives', { toJSON: () => ({ a: [1] }) }, { a: [1] }],
    ['a toJSON that gives undefined', { a: { toJSON: () => undefined } }, { a: null }],
    ['a toJSON of a toJSON', { toJSON: () => new Date(0) }, '1970-01-01T00:00:00.000Z'],
    ['a member called toJSON that is no function', { toJSON: 5 }, { toJSON: 5 }],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 }), { a: 1 }],
    [
      'own members of an instance only',
      new (class Point {
        readonly x = 1
        get length(): number {
          return 1
        }
      })(),
      { x: 1 },
    ],
    ['nothing under symbols', { [Symbol('s')]: 1n, a: 1 }, { a: 1 }],
    ['members that cannot be listed', Object.defineProperty({ a: 1 }, 'hidden', { value: 1n }), { a: 1 }],
    ['a member called constructor', { constructor: 1, hasOwnProperty: 2 }, { constructor: 1, hasOwnProperty: 2 }],
  ])('%s', (_name, value, copy) => {
    expect(toJson(value)).toStrictEqual(copy)
  })
  test('everything: what is changed afterwards does not show', () => {
    const source = { list: [{ n: 1 }] }
    const copy = toJson(source)
    source.list[0]!.n = 2
    source.list.push({ n: 3 })
    expect(copy).toEqual({ list: [{ n: 1 }] })
  })
  test('one object in two places twice', () => {
    const shared = { n: 1 }
    const copy = toJson({ a: shared, b: [shared] }) as { a: object; b: object[] }
    expect(copy).toEqual({ a: { n: 1 }, b: [{ n: 1 }] })
    expect(copy.a).not.toBe(copy.b[0])
  })
  test('toJSON with its own object', () => {
    class Money {
      readonly #cents = 150
      toJSON(): object {
        return { cents: this.#cents }
      }
    }
    expect(toJson([new Money()])).toEqual([{ cents: 150 }])
  })
})

describe('toJson refuses and names the place', () => {
  const cycle: unknown[] = []
  cycle.push({ again: cycle })
  test.each<[string, unknown, string, RegExp]>([
    ['NaN', { a: Number.NaN }, '/a', /^NaN at \/a /],
    ['infinity', [0, Number.POSITIVE_INFINITY], '/1', /^Infinity at /],
    ['minus infinity', Number.NEGATIVE_INFINITY, '/', /^-Infinity at \/ /],
    ['a bigint', { a: { b: 1n } }, '/a/b', /^a bigint /],
    ['a function', [[() => 1]], '/0/0', /^a function /],
    ['a symbol', { s: Symbol('x') }, '/s', /^a symbol /],
    ['a map', { m: new Map() }, '/m', /type Map /],
    ['a set', [new Set()], '/0', /type Set /],
    ['a weak map', { m: new WeakMap() }, '/m', /type WeakMap /],
    ['a weak set', { m: new WeakSet() }, '/m', /type WeakSet /],
    ['a promise', { p: Promise.resolve() }, '/p', /type Promise /],
    ['a pattern', { r: /x/ }, '/r', /type RegExp /],
    ['bytes', { bytes: new Uint8Array(2) }, '/bytes', /type Uint8Array /],
    ['a data view', { view: new DataView(new ArrayBuffer(1)) }, '/view', /type DataView /],
    ['an array buffer', { b: new ArrayBuffer(1) }, '/b', /type ArrayBuffer /],
    ['an error', { e: new RangeError('x') }, '/e', /type Error /],
    ['a __proto__ key', JSON.parse('{"a":{"__proto__":1}}'), '/a/__proto__', /^the key __proto__ /],
    ['an empty __proto__ key', JSON.parse('[{"__proto__":{}}]'), '/0/__proto__', /^the key __proto__ /],
    ['what toJSON gives', { a: { toJSON: () => 1n } }, '/a', /^a bigint /],
    ['a key with a slash and a tilde', { 'a/b': { 'c~d': 1n } }, '/a~1b/c~0d', /^a bigint /],
    [
      'a list in an instance',
      new (class {
        readonly items = [1, Number.NaN]
      })(),
      '/items/1',
      /^NaN /,
    ],
  ])('%s', (_name, value, path, text) => {
    const error = refusalOf(value)
    expect(error).toMatchObject({ code: 'JSON_INVALID', details: { path }, retryable: false })
    expect(error.message).toMatch(text)
    expect(error.message).toContain(` at ${path} `)
    expect(error.message).toContain('convert it first')
  })
  test('a cycle, however it closes', () => {
    const own: Record<string, unknown> = {}
    own['me'] = own
    const endless = { toJSON: (): unknown => endless }
    for (const value of [cycle, own, endless]) expect(refusalOf(value)).toMatchObject({ code: 'JSON_INVALID' })
    expect(refusalOf(own).message).toMatch(/nesting deeper than 64, or a cycle/)
  })
  test('a long path keeps its two ends in the message, and is whole in the details', () => {
    const deep: Record<string, unknown> = { last: Number.NaN }
    let value = deep
    for (let depth = 40; depth > 0; depth -= 1) value = { [`step${depth}`]: value }
    const { message, details } = refusalOf(value)
    expect(message).toMatch(/^NaN at \/step1\/step2\/.*\.\.\..*\/step40\/last is not JSON/)
    expect(message.length).toBeLessThan(300)
    expect((details as { readonly path: string }).path.split('/')).toHaveLength(42)
  })
  test('a getter that throws, with what it threw', () => {
    const thrown = new Error('closed')
    const value = {
      get secret(): never {
        throw thrown
      },
    }
    const error = refusalOf({ a: [value] })
    expect(error).toMatchObject({ code: 'JSON_INVALID', cause: thrown })
    expect(error.message).toMatch(/throws when it is read at \/.*secret/)
  })
  test('a toJSON that throws, with what it threw', () => {
    const thrown = new Error('closed')
    const toJSON = (): never => {
      throw thrown
    }
    expect(refusalOf({ a: { toJSON } })).toMatchObject({ code: 'JSON_INVALID', details: { path: '/a' }, cause: thrown })
    expect(refusalOf({ toJSON }).message).toMatch(/throws when it is read/)
  })
  test('a toJSON that is a getter that throws', () => {
    const value = Object.defineProperty({}, 'toJSON', {
      get() {
        throw new Error('closed')
      },
    })
    expect(refusalOf([value])).toMatchObject({ code: 'JSON_INVALID', details: { path: '/0' } })
  })
})

describe('toJson keeps to its limits', () => {
  test('64 levels by default, no more', () => {
    expect(toJson(nested(64))).toEqual(nested(64))
    expect(refusalOf(nested(65)).message).toMatch(/deeper than 64/)
    expect(refusalOf(nested(65, [])).details).toEqual({ path: '/0'.repeat(64) })
  })
  test('the levels that were asked for', () => {
    expect(toJson({ a: { b: 1 } }, { maxDepth: 2 })).toEqual({ a: { b: 1 } })
    expect(refusalOf({ a: { b: {} } }, { maxDepth: 2 })).toMatchObject({ code: 'JSON_INVALID', details: { path: '/a/b' } })
    expect(refusalOf([], { maxDepth: 0 }).code).toBe('JSON_INVALID')
    expect(toJson('flat', { maxDepth: 0 })).toBe('flat')
  })
  test('the size that was asked for', () => {
    expect(toJson('x'.repeat(98), { maxSize: 100 })).toHaveLength(98)
    const error = refusalOf('x'.repeat(99), { maxSize: 100 })
    expect(error).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', details: { limit: 100 } })
    expect(error.message).toMatch(/larger than 100 characters of JSON/)
  })
  test.each<[string, unknown]>([
    ['keys', { ['k'.repeat(100)]: 1 }],
    ['many texts', Array.from({ length: 40 }, () => 'ab')],
    ['many numbers', Array.from({ length: 60 }, () => 1.5)],
    ['many flags', Array.from({ length: 60 }, () => false)],
    ['nested lists', Array.from({ length: 60 }, () => [[]])],
    ['what toJSON gives', { toJSON: () => 'x'.repeat(100) }],
  ])('in %s', (_name, value) => {
    expect(refusalOf(value, { maxSize: 100 }).code).toBe('PAYLOAD_TOO_LARGE')
  })
  test('two million characters by default', () => {
    expect(refusalOf('x'.repeat(2_097_151))).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', details: { limit: 2_097_152 } })
    expect(toJson('x'.repeat(2_097_150))).toHaveLength(2_097_150)
  })
  test('and stops copying at once where they are passed', () => {
    let reads = 0
    const row = {
      get text(): string {
        reads += 1
        return 'x'.repeat(50)
      },
    }
    expect(
      refusalOf(
        Array.from({ length: 10_000 }, () => row),
        { maxSize: 1000 },
      ).code,
    ).toBe('PAYLOAD_TOO_LARGE')
    expect(reads).toBeLessThan(30)
  })
})
