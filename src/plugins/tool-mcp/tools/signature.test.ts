import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../core/index.ts'
import { signatureOf } from './signature.ts'

const properties = (given: JsonObject, required: readonly string[] = []): JsonObject => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: given,
  required,
  additionalProperties: false,
})

describe('a signature', () => {
  it.each<[JsonObject, string]>([
    [{ type: 'object' }, ''],
    [properties({ a: { type: 'string' }, b: { type: 'integer', default: 5 } }, ['a']), 'a: string, b?: integer = 5'],
    [properties({ a: { enum: ['x', 1, null] } }), 'a?: "x" | 1 | null'],
    [properties({ a: { type: 'array', items: { enum: ['x', 'y'] } } }), 'a?: ("x" | "y")[]'],
    [properties({ a: { type: 'array', items: properties({ b: { type: 'null' } }, ['b']) } }), 'a?: { b: null }[]'],
    [properties({ a: { type: 'array' }, b: { type: 'object' }, c: {}, d: true }), 'a?: array, b?: object, c?: any, d?: true'],
    [properties({ 'a b': { type: 'string' }, 'c-d': { type: 'string' } }), '"a b"?: string, c-d?: string'],
    [properties({ a: { type: ['string', 'null'] } }), 'a?: string | null'],
  ])('is a line: %j', (schema, line) => {
    expect(signatureOf(schema)).toEqual({ line, notes: [] })
  })

  it.each<[JsonObject, string]>([
    [properties({ a: { type: 'number', minimum: 1 } }), 'a?: {"type":"number","minimum":1}'],
    [properties({ a: { anyOf: [{ type: 'string' }] } }, ['a']), 'a: {"anyOf":[{"type":"string"}]}'],
    [
      properties({ a: { type: 'object', additionalProperties: { type: 'string' } } }),
      'a?: {"type":"object","additionalProperties":{"type":"string"}}',
    ],
    [{ type: 'object', oneOf: [] }, '{"type":"object","oneOf":[]}'],
    [{ type: 'object', properties: 5 }, '{"type":"object","properties":5}'],
    [{ type: 'object', required: 'a' }, '{"type":"object","required":"a"}'],
  ])('is the schema itself where a line would say less: %j', (schema, line) => {
    expect(signatureOf(schema).line).toBe(line)
  })

  it('has what is said of members beside it, with their paths', () => {
    const inner = properties({ b: { type: 'string', description: 'The b.' } })
    const given = properties({
      a: { type: 'array', items: inner, description: 'All a.' },
      c: { type: 'string', minLength: 1, description: 'A c.' },
    })
    expect(signatureOf(given)).toEqual({
      line: 'a?: { b?: string }[], c?: {"type":"string","minLength":1}',
      notes: ['a: All a.', 'a.b: The b.', 'c: A c.'],
    })
  })
})
