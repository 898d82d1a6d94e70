import { expect, test } from 'vitest'
import { z } from 'zod'
import type { StandardSchema } from '../core/index.ts'
import { checkDocument, schemaDocument, validate } from './tool-schema.ts'

test('the small check knows types, required and unknown members', () => {
  const document = {
    type: 'object',
    properties: {
      a: { type: ['integer', 'null'] },
      b: { enum: ['x'] },
      c: { const: 1 },
      d: { type: 'array', items: { type: 'string' } },
      e: true,
      f: { type: 'array' },
      g: {},
    },
    required: ['a'],
    additionalProperties: false,
  }
  expect(checkDocument(document, { a: 1, b: 'x', c: 1, d: ['y'], e: 5, f: [1], g: 'z' })).toEqual([])
  expect(checkDocument(document, { a: null })).toEqual([])
  expect(checkDocument(document, { a: 1.5, b: 'y', c: 2, d: ['y', 1], f: {}, h: 1 })).toEqual([
    { path: '/a', message: 'expected integer or null' },
    { path: '/b', message: 'expected one of ["x"]' },
    { path: '/c', message: 'expected 1' },
    { path: '/d/1', message: 'expected string' },
    { path: '/f', message: 'expected array' },
    { path: '/h', message: 'is not known' },
  ])
  expect(checkDocument(document, {})).toEqual([{ path: '/a', message: 'is missing' }])
  expect(checkDocument(document, 1)).toEqual([{ path: '/', message: 'expected object' }])
  expect(checkDocument({}, { a: 1 })).toEqual([])
})

test('schemas of every form are read', async () => {
  const schema = z.object({ city: z.string(), days: z.number().default(1) })
  const documented = { validator: schema as StandardSchema, jsonSchema: { type: 'object' } }
  expect(schemaDocument(documented, 'input')).toEqual({ type: 'object' })
  expect(await validate(documented, 'input', { city: 'x' }, checkDocument)).toEqual({ value: { city: 'x', days: 1 } })
  const keyed: StandardSchema = {
    '~standard': {
      version: 1,
      vendor: 'x',
      validate: () => ({ issues: [{ message: 'm', path: [{ key: 'a' }, 0] }, { message: 'n' }] }),
    },
  }
  expect(await validate(keyed, 'input', 1, checkDocument)).toEqual({
    issues: [
      { path: '/a/0', message: 'm' },
      { path: '/', message: 'n' },
    ],
  })
})
