import { toStandardJsonSchema } from '@valibot/to-json-schema'
import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type JsonObject, jsonSchema, OpspawnError, type Schema } from '../core/index.ts'
import { loadJsonSchemaCompiler } from './json-schema.ts'
import { compileSchema, describeIssues, isPlainJsonSchema } from './schema.ts'

const compiler = await loadJsonSchemaCompiler()
const compile = (schema: unknown, side: 'input' | 'output' = 'input') =>
  compileSchema(schema as Schema, side, 'tool "t"', compiler)
/** What a document becomes that is given beside a validator. */
const closed = (document: object): JsonObject => compile({ validator: z.unknown(), jsonSchema: document }).jsonSchema
const object = (properties: object, more: object = {}): object => ({ type: 'object', properties, ...more })

describe('a schema of every library', () => {
  const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false }
  const schemas: [string, unknown][] = [
    ['zod', z.object({ city: z.string() })],
    ['valibot with its conversion', toStandardJsonSchema(v.object({ city: v.string() }))],
    ['arktype', type({ city: 'string' })],
    [
      'a validator with its document',
      { validator: v.object({ city: v.string() }), jsonSchema: object({ city: { type: 'string' } }, { required: ['city'] }) },
    ],
    ['a plain document', jsonSchema<{ city: string }>(city)],
  ]
  test.each(schemas)('of %s is shown alike', (_name, schema) => {
    expect(compile(schema).jsonSchema).toEqual(city)
  })
  test.each(schemas)('of %s lets the same through', async (_name, schema) => {
    const { validate } = compile(schema)
    expect(await validate({ city: 'Oslo' })).toMatchObject({ value: { city: 'Oslo' } })
    for (const value of [{ city: 5 }, {}, 'Oslo', null]) expect((await validate(value)).issues).not.toHaveLength(0)
    expect((await validate({ city: 5 })).issues?.[0]?.path).toBe('/city')
  })
})

describe('conversion', () => {
  test('is for the side that is asked for', () => {
    const schema = z.object({ days: z.number().default(3) })
    expect(compile(schema, 'input').jsonSchema).not.toHaveProperty('required')
    expect(compile(schema, 'output').jsonSchema).toMatchObject({ required: ['days'] })
  })
  test('is done once, however often is validated', async () => {
    const schema = z.object({ n: z.number() })
    let conversions = 0
    const counted = {
      '~standard': {
        ...schema['~standard'],
        jsonSchema: { input: () => ((conversions += 1), { type: 'object' }), output: () => ({}) },
      },
    }
    const { validate } = compile(counted)
    for (let round = 0; round < 3; round += 1) await validate({ n: 1 })
    expect(conversions).toBe(1)
  })
  test.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /tool "t" cannot be written as JSON Schema: it is missing/],
    ['null', null, /it is null/],
    ['a flag', true, /it is boolean/],
    ['a text', 'string', /it is string/],
    [
      'valibot without its conversion',
      v.string(),
      /the valibot schema has no JSON Schema conversion; pass \{ validator, jsonSchema \}/,
    ],
    ['a validator that is none', { validator: {}, jsonSchema: {} }, /its validator is no Standard Schema/],
    ['a validator that is null', { validator: null, jsonSchema: {} }, /its validator is no Standard Schema/],
    ['no document beside a validator', { validator: z.string() }, /the conversion gave no document/],
    ['a conversion that throws', z.object({ at: z.bigint() }), /BigInt/],
    ['a broken plain document', { type: 'text' }, /#\/type is "text"/],
  ])('of %s is refused with the owner', (_name, schema, message) => {
    expect(() => compile(schema)).toThrow(OpspawnError)
    expect(() => compile(schema)).toThrow(expect.objectContaining({ code: 'SCHEMA_NOT_CONVERTIBLE' }))
    expect(() => compile(schema)).toThrow(message)
  })
})

describe('models are told that no other members exist', () => {
  test('wherever members are listed and nothing is said', () => {
    const inner = object({ a: {} })
    expect(
      closed(object({ one: inner, many: { type: 'array', items: inner }, any: { anyOf: [inner, { type: 'null' }] } })),
    ).toEqual(
      object(
        {
          one: object({ a: {} }, { additionalProperties: false }),
          many: { type: 'array', items: object({ a: {} }, { additionalProperties: false }) },
          any: { anyOf: [object({ a: {} }, { additionalProperties: false }), { type: 'null' }] },
        },
        { additionalProperties: false },
      ),
    )
  })
  test.each<[string, object]>([
    ['a record', { type: 'object', additionalProperties: { type: 'number' } }],
    ['members beside a record', object({ a: {} }, { additionalProperties: { type: 'number' } })],
    ['an object that lists nothing', { type: 'object' }],
    ['something that may also be none', { type: ['object', 'null'], properties: { a: {} } }],
    ['branches that must be met together', { allOf: [object({ a: {} }), object({ b: {} })] }],
    [
      'data that looks like a schema',
      { const: object({ a: 1 }), default: object({ a: 1 }), enum: [object({ a: 1 })], examples: [object({})] },
    ],
    ['what is closed already', object({ a: {} }, { additionalProperties: false })],
  ])('but nothing is changed in %s', (_name, document) => {
    expect(closed(document)).toEqual(document)
  })
  test('definitions are closed too, and the mark of the draft is left out at the top only', () => {
    const document = {
      $schema: 'http://json-schema.org/draft-07/schema#',
      definitions: { a: object({ $schema: {} }) },
      $ref: '#/definitions/a',
    }
    expect(closed(document)).toEqual({
      definitions: { a: object({ $schema: {} }, { additionalProperties: false }) },
      $ref: '#/definitions/a',
    })
  })
  test('the document that was given is not changed', () => {
    const document = Object.freeze(object(Object.freeze({ a: Object.freeze(object({})) })))
    closed(document)
    expect(document).toEqual(object({ a: object({}) }))
  })
  test('plain documents are shown as they are', () => {
    const document = { $schema: 'https://json-schema.org/draft/2020-12/schema', ...object({ a: {} }) }
    expect(compile(document).jsonSchema).toEqual(document)
  })

  test('also where a library says of its own accord that others may come', () => {
    expect(closed(object({ a: {} }, { additionalProperties: true }))).toMatchObject({ additionalProperties: false })
  })
  test('also of a member whose name is a keyword', () => {
    expect(closed(object({ default: object({ a: {} }) }))).toMatchObject({
      properties: { default: { additionalProperties: false } },
    })
  })
  test.each<[string, object]>([
    ['allOf', object({ a: {} }, { allOf: [object({ b: {} }, { required: ['b'] })] })],
    ['anyOf', object({ a: {} }, { required: ['a'], anyOf: [object({ b: {} }, { required: ['b'] })] })],
  ])('never so that nothing fits: members listed beside %s', (_name, document) => {
    expect(compiler(document)({ a: 1, b: 1 })).toEqual([])
    expect(compiler(closed(document))({ a: 1, b: 1 })).toEqual([])
  })
  test.each<[string, z.ZodType, unknown]>([
    ['a loose object', z.looseObject({ a: z.number() }), { a: 1, more: 2 }],
    ['two objects met together', z.object({ a: z.number() }).and(z.object({ b: z.number() })), { a: 1, b: 2 }],
    ['a union', z.union([z.object({ a: z.number() }), z.object({ b: z.number() })]), { b: 2 }],
    ['a record', z.record(z.string(), z.number()), { x: 1 }],
    ['a tuple', z.tuple([z.string(), z.object({ a: z.number() })]), ['x', { a: 1 }]],
    [
      'a tree',
      z.object({
        get next() {
          return z.object({ n: z.number() }).optional()
        },
      }),
      { next: { n: 1 } },
    ],
    ['what extends another', z.object({ a: z.number() }).extend({ b: z.number() }), { a: 1, b: 2 }],
  ])('never so that what zod takes does not fit: %s', (_name, schema, value) => {
    expect(schema.safeParse(value).success).toBe(true)
    expect(compiler(compile(schema).jsonSchema)(value)).toEqual([])
  })
})

describe('validation', () => {
  test('waits for schemas that take their time', async () => {
    const { validate } = compile(z.object({ a: z.string().refine(async (text) => text === 'x') }))
    expect(validate({ a: 'x' })).toBeInstanceOf(Promise)
    expect(await validate({ a: 'x' })).toEqual({ value: { a: 'x' } })
    expect(await validate({ a: 'y' })).toMatchObject({ issues: [{ path: '/a' }] })
  })
  test('gives what the schema makes of a value', async () => {
    expect(await compile(z.object({ n: z.number().default(3) })).validate({})).toEqual({ value: { n: 3 } })
  })
  test('names places, also of lists and of names that must be escaped', async () => {
    const { validate } = compile(z.object({ 'a/b': z.array(z.object({ n: z.number() })) }))
    const issues = (await validate({ 'a/b': [{ n: 1 }, { n: 'x' }] })).issues ?? []
    expect(issues.map(({ path }) => path)).toEqual(['/a~1b/1/n'])
  })
  test('reads places that are given as objects, and issues without a place', async () => {
    const validate = () => ({ issues: [{ message: 'no', path: [{ key: 'a' }, 0] }, { message: 'at all' }] })
    const schema = {
      '~standard': { version: 1, vendor: 'mine', validate, jsonSchema: { input: () => ({}), output: () => ({}) } },
    }
    expect(await compile(schema).validate(1)).toEqual({
      issues: [
        { path: '/a/0', message: 'no' },
        { path: '/', message: 'at all' },
      ],
    })
  })
})

test('issues are written as one sentence, at most eight of them', () => {
  const issues = (count: number) => Array.from({ length: count }, (_, index) => ({ path: `/${index}`, message: 'no' }))
  expect(describeIssues([])).toBe('')
  expect(describeIssues(issues(2))).toBe('/0: no; /1: no')
  expect(describeIssues(issues(8))).not.toContain('more')
  expect(describeIssues(issues(11))).toMatch(/\/7: no; and 3 more$/)
})

test.each<[unknown, boolean]>([
  [{ type: 'object' }, true],
  [{}, true],
  [z.string(), false],
  [{ validator: z.string(), jsonSchema: {} }, false],
  [null, false],
  ['x', false],
])('isPlainJsonSchema(%o) is %s', (schema, plain) => {
  expect(isPlainJsonSchema(schema)).toBe(plain)
})
