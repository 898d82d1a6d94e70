import { expect, test } from 'vitest'
import { readJson } from './json-text.ts'

test.each([
  ['{"a":1}', { a: 1 }],
  [' [1, 2] ', [1, 2]],
  ['"text"', 'text'],
  ['null', null],
  ['```json\n{"a":1}\n```', { a: 1 }],
  ['```\n[1]\n```', [1]],
  ['Here it is:\n```json\n{"a":1}\n```\nGood luck.', { a: 1 }],
  ['{"a":1} and that is all', { a: 1 }],
  ['The answer is {"a":{"b":[1,{"c":2}]}}.', { a: { b: [1, { c: 2 }] } }],
  ['{"a":"} ] { \\" [ \\\\"} trailing', { a: '} ] { " [ \\' }],
  ['```json\n{"code":"```js\\n1\\n```"}\n```', { code: '```js\n1\n```' }],
])('reads %s', (text, value) => {
  expect(readJson(text)).toEqual(value)
})

test.each([
  "{'a': 1}",
  '{"a":1',
  '{"a":1]',
  '',
  'none',
  '{a:1}',
  '{"a":1,}',
  '```',
  '```json',
  '{"__proto__":1}',
  `${'['.repeat(100)}${']'.repeat(100)}`,
  '{\'a\':1} {"a":1}',
])('guesses nothing from %s', (text) => {
  expect(readJson(text)).toBeUndefined()
})

test('passes over what does not fit, and tries as often as it is told', () => {
  const isObject = (value: unknown): boolean => typeof value === 'object' && !Array.isArray(value)
  expect(readJson('[{"a":1}]', isObject)).toBeUndefined()
  expect(readJson('{oops} [1] {"a":1}', isObject, 3)).toEqual({ a: 1 })
  expect(readJson('{oops} [1] {"a":1}', isObject, 2)).toBeUndefined()
})

// Quadratic work would take minutes here, and the runner's time-out would end it.
test.each(['{', '[', '"', '`', '{"', '{}', '\\'])('a long text of %s is read in time', (piece) => {
  const text = piece.repeat(200_000)
  expect(readJson(text, () => false, 16)).toBeUndefined()
  expect(readJson(`x${text}`, () => false, 16)).toBeUndefined()
})
