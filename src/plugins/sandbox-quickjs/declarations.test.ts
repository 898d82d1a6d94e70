import { expect, test } from 'vitest'
import { z } from 'zod'
import { toolDeclarations } from './index.ts'

const tool = (name: string, input: object, more: object = {}) => ({ name, description: `Does ${name}.`, input, ...more }) as never

test('tools are declared in the order of their names, whatever the order they came in', () => {
  const [a, b] = [
    tool('web.search', { type: 'object' }),
    tool('add-one', z.object({ n: z.number().describe('What to\nadd */ to.') })),
  ]
  const text = toolDeclarations([a, b, 'later'])
  expect(text).toBe(`declare const tools: {
  /** Does add-one. */
  "add-one"(input: { /** What to add * / to. */ n: number }): Promise<any>
  later(input: Record<string, any>): Promise<any>
  /** Does web.search. */
  web_search(input: Record<string, any>): Promise<any>
}`)
  expect(toolDeclarations(['later', b, a])).toBe(text)
})

test.each([
  [{ type: 'string' }, 'string'],
  [{ type: ['integer', 'null'] }, 'number | null'],
  [{ enum: ['a', 1, null] }, '"a" | 1 | null'],
  [{ const: 'x' }, '"x"'],
  [{ type: 'array', items: { type: 'string' } }, 'string[]'],
  [{ type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'number' }] } }, 'Array<string | number>'],
  [{ allOf: [{ type: 'object' }, { type: 'object', additionalProperties: false }] }, '(Record<string, any>) & ({})'],
  [{ type: 'object', properties: { 'a b': { type: 'boolean' }, c: {} }, required: ['c'] }, '{ "a b"?: boolean; c: any }'],
  [{ $ref: '#/$defs/a~1b', $defs: { 'a/b': { type: 'number' } } }, 'number'],
  [{ $ref: 'https://example.com/x' }, 'any'],
  [false, 'never'],
  [{ properties: { never: false } }, '{ never?: never }'],
])('%j', (input, type) => {
  expect(toolDeclarations([tool('x', input as object)])).toContain(`x(input: ${type}): Promise<any>`)
})

test('schemas that refer to themselves, or are huge, come to an end', () => {
  const branch = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`m${index}`, { $ref: '#' }]))
  const text = toolDeclarations([tool('x', { type: 'object', properties: branch }), tool('y', { $ref: '#' })])
  expect(text.length).toBeLessThan(4000)
  expect(text).toContain('y(input: any): Promise<any>')
})
