import { expect, it } from 'vitest'
import { headerProblem } from './header-annotations.ts'

const schema = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more })
const field = (header: unknown, type = 'string') => ({ type, 'x-mcp-header': header })

it.each([
  ['none', schema({ a: { type: 'string' } })],
  ['two', schema({ a: field('Region'), b: schema({ c: field('Zone', 'integer') }) })],
  ['a value that looks like one', schema({ a: { default: field('x') } })],
  ['a property of that name', schema({ 'x-mcp-header': { type: 'string' } })],
])('finds nothing wrong with %s', (_name, given) => {
  expect(headerProblem(given)).toBeUndefined()
})

it.each([
  ['the root', { 'x-mcp-header': 'A' }, 'at the root'],
  ['a list', schema({ a: { type: 'array', items: field('A') } }), 'at /a/items'],
  ['a choice', schema({}, { anyOf: [schema({ a: field('A') })] }), 'where it may not stand'],
  ['no token', schema({ a: field('a b') }), "not a header's name"],
  ['an empty one', schema({ a: field('') }), "not a header's name"],
  ['an object', schema({ a: field('A', 'object') }), 'not a string, integer or boolean'],
  ['twice', schema({ a: field('Region'), b: field('region') }), 'stands twice'],
])('finds an annotation at %s', (_name, given, problem) => {
  expect(headerProblem(given)).toContain(problem)
})
