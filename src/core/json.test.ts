import { describe, expect, test } from 'vitest'
import { canonicalJson, type Json, pointer } from './index.ts'

describe('canonicalJson', () => {
  test.each<[string, Json, string]>([
    ['null', null, 'null'],
    ['a flag', false, 'false'],
    ['a number', 1.5e-7, '1.5e-7'],
    ['a text with what must be escaped', 'a"\\\n\u2028', JSON.stringify('a"\\\n\u2028')],
    ['nothing in a list', [], '[]'],
    ['nothing in an object', {}, '{}'],
    ['a list, in its order', [3, 'b', [null, true]], '[3,"b",[null,true]]'],
    ['keys by code unit, not by locale', { b: 1, a: 2, B: 3, ä: 4, '': 5 }, '{"":5,"B":3,"a":2,"b":1,"ä":4}'],
    ['keys like numbers as text', { 10: 'x', 9: 'y', 1: 'z' }, '{"1":"z","10":"x","9":"y"}'],
    ['objects in lists in objects', { z: [{ y: 1, x: 2 }] }, '{"z":[{"x":2,"y":1}]}'],
    ['keys with quotes', { 'a"b': 1 }, '{"a\\"b":1}'],
  ])('writes %s', (_name, value, text) => {
    expect(canonicalJson(value)).toBe(text)
    expect(JSON.parse(text)).toEqual(value)
  })
  test('tells a text from what it says', () => {
    const values: Json[] = [null, 'null', [null], ['null'], 1, '1', true, 'true', {}, '{}', [], '[]', [[]]]
    expect(new Set(values.map(canonicalJson)).size).toBe(values.length)
  })
  test('puts a member called __proto__ in its place like any other', () => {
    expect(canonicalJson(JSON.parse('{"z":1,"__proto__":{"b":1,"a":2}}') as Json)).toBe('{"__proto__":{"a":2,"b":1},"z":1}')
  })
})

describe('pointer', () => {
  test.each<[readonly PropertyKey[], string]>([
    [[], '/'],
    [['a'], '/a'],
    [['a', 0, 'b'], '/a/0/b'],
    [[''], '/'],
    [['a/b', 'c~d', '~1'], '/a~1b/c~0d/~01'],
    [[Symbol('here')], '/Symbol(here)'],
  ])('of %j is %s', (path, text) => {
    expect(pointer(path)).toBe(text)
  })
})
