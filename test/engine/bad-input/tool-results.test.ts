import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type StandardSchema } from '../../../src/index.ts'
import { errorOf, expectFailure, guardFile, hostile, tool } from '../harness.ts'
import { revoked, trap } from './hostile-values.ts'
import { call } from './tool-call.ts'

guardFile()
/** Spelt so that no linter takes this file's objects for promises. */
const THEN = ['th', 'en'].join('')

describe('what a tool returns that is not JSON is refused with the place (TOOL_OUTPUT_INVALID)', () => {
  const cycle: Record<string, unknown> = { name: 'loop' }
  cycle['again'] = [cycle]
  const values: [string, unknown, string][] = [
    ['a cycle', cycle, '/again/0'],
    ['a bigint', { n: 10n }, '/n'],
    ['a map', { m: new Map() }, '/m'],
    ['a set', { s: new Set() }, '/s'],
    ['NaN', { n: Number.NaN }, '/n'],
    ['Infinity', [1, Infinity], '/1'],
    ['a function', { f() {} }, '/f'],
    ['a symbol', { s: Symbol('x') }, '/s'],
    ['bytes', { b: new Uint8Array(2) }, '/b'],
    ['a buffer', { b: Buffer.from('ab') }, '/b'],
    ['an error', { e: new Error('x') }, '/e'],
    ['a regular expression', { r: /x/ }, '/r'],
    ['a promise inside', { p: Promise.resolve(1) }, '/p'],
    ['a weak map', { w: new WeakMap() }, '/w'],
    ['a response of fetch', { r: new Response('x') }, '/r'],
    ['headers', { h: new Headers({ a: 'b' }) }, '/h'],
    ['search parameters', { q: new URLSearchParams('a=b') }, '/q'],
    ['a generator', { g: (function* g() {})() }, '/g'],
    ['a boxed number', { n: Object(5) as unknown }, '/n'],
    ['a boxed text', { s: Object('ab') as unknown }, '/s'],
    ['an invalid date', { d: new Date(Number.NaN) }, '/d'],
    ['an array buffer', { b: new ArrayBuffer(2) }, '/b'],
    ['a shared array buffer', { b: new SharedArrayBuffer(2) }, '/b'],
    ['__proto__', { a: hostile() }, '/a/__proto__'],
    [
      'a getter that throws',
      {
        a: {
          get b(): never {
            throw new Error('lazy')
          },
        },
      },
      '/a/b',
    ],
    ['a toJSON that throws', { a: { toJSON: trap } }, '/a'],
    [
      'a toJSON that returns itself',
      {
        a: {
          toJSON() {
            return this
          },
        },
      },
      '/a',
    ],
    ['a toJSON that gives a bigint', { a: { toJSON: () => 10n } }, '/a'],
    ['a proxy that throws', { a: new Proxy({}, { get: trap, ownKeys: trap, getPrototypeOf: trap }) }, '/a'],
    ['a revoked proxy', { a: revoked }, '/a'],
    ['an element that throws', { a: Object.defineProperty([1], 0, { get: trap, enumerable: true }) }, '/a/0'],
  ]
  test.each(values)('%s', async (_name, value, path) => {
    const played = await call(tool('bad', () => value))
    const failure = errorOf(played.effect('a'))
    expect(`${failure.code} ${failure.message}`).toMatch(/^TOOL_OUTPUT_INVALID /)
    expect(failure.message).toMatch('"bad"')
    expect(failure.message).toMatch(path)
    expect((failure.details as { path: string }).path.startsWith(path)).toBe(true)
  })
  test('nesting without end is refused', async () => {
    const deep: Record<string, unknown> = {}
    let at = deep
    for (let level = 0; level < 10_000; level += 1) at = at['a'] = {}
    expectFailure((await call(tool('bad', () => deep))).effect('a'), 'TOOL_OUTPUT_INVALID', /deeper/)
  })
  test('a toJSON without end is refused', async () => {
    const endless = (): object => ({ toJSON: endless })
    expectFailure((await call(tool('bad', endless))).effect('a'), 'TOOL_OUTPUT_INVALID', '"bad"')
  })
  test('a result whose then throws is a failure', async () => {
    expectFailure((await call(tool('bad', () => Object.defineProperty({}, THEN, { get: trap })))).effect('a'), 'TOOL_FAILED')
  })
})

describe('what a tool returns that is JSON is recorded as it was', () => {
  test.each([
    ['undefined', undefined, null],
    ['null', null, null],
    ['false', false, false],
    ['zero', 0, 0],
    ['minus zero', -0, 0],
    ['an empty text', '', ''],
    ['an empty object', {}, {}],
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['a URL', new URL('http://example.com/a'), 'http://example.com/a'],
    ['undefined in an object', { a: undefined, b: 1 }, { b: 1 }],
    ['undefined in a list', [undefined, 1], [null, 1]],
    [
      'a class instance',
      new (class Point {
        x = 1
      })(),
      { x: 1 },
    ],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ['the same object twice', ((one) => [one, one])({ a: 1 }), [{ a: 1 }, { a: 1 }]],
    ['half a character', '\uD800', '\uD800'],
    [
      'a member named constructor',
      { constructor: 1, toString: 2, hasOwnProperty: 3 },
      { constructor: 1, toString: 2, hasOwnProperty: 3 },
    ],
    ['a thenable', { [THEN]: (resolve: (value: unknown) => void) => resolve('later') }, 'later'],
  ])('%s', async (_name, value, recorded) => {
    expect((await call(tool('good', () => value))).effect('a')).toStrictEqual({ status: 'completed', value: recorded })
  })
  test('what the tool changes later changes nothing', async () => {
    const result = { list: [1] }
    const played = await call(
      tool('good', () => {
        setImmediate(() => result.list.push(2))
        return result
      }),
    )
    expect(played.effect('a')).toEqual({ status: 'completed', value: { list: [1] } })
  })
})

describe('results that do not fit the output schema (TOOL_OUTPUT_INVALID)', () => {
  test.each([
    ['zod', z.object({ degrees: z.number() })],
    ['JSON Schema', { type: 'object', properties: { degrees: { type: 'number' } } }],
  ])('the path is named, and no model sees the value: %s', async (_name, output) => {
    const failure = errorOf((await call(tool('typed', () => ({ degrees: 'warm' }), { output }))).effect('a'))
    expect(failure.code).toBe('TOOL_OUTPUT_INVALID')
    expect(failure.message).toMatch(/"typed".*\/degrees/)
    expect(failure.details).toMatchObject({ issues: [{ path: '/degrees' }] })
  })
  test.each([
    ['throws', trap],
    ['rejects', () => Promise.reject(new Error('trap'))],
    ['gives undefined', () => undefined],
  ])('a schema that %s is a failure of the output, not of the tool', async (_name, validate) => {
    const jsonDocument = { input: () => ({}), output: () => ({}) }
    const schema: StandardSchema = {
      '~standard': { version: 1, vendor: 'mine', validate: validate as never, jsonSchema: jsonDocument },
    }
    const played = await call(tool('typed', () => 1, { output: schema }))
    expect(played.outcome.status).toBe('completed')
    expect(errorOf(played.effect('a')).code).toBe('TOOL_OUTPUT_INVALID')
  })
})
