import { describe, expect, test } from 'vitest'
import { OpspawnError } from '../core/index.ts'
import { loadJsonSchemaCompiler } from './json-schema.ts'

const compile = await loadJsonSchemaCompiler()
const check = (document: object, value: unknown): readonly { readonly path: string; readonly message: string }[] =>
  compile(document)(value)

/** What follows from `if`; a member of that name in an object would look like a promise's. */
// oxlint-disable-next-line no-thenable
const conclusion = (schema: object): object => Object.fromEntries([['then', schema]])

describe('a sound document is taken', () => {
  test.each<[string, object]>([
    ['that says nothing', {}],
    ['with a list of types', { type: ['string', 'null'] }],
    ['with true and false for schemas', { properties: { a: true, b: false }, additionalProperties: false, items: true }],
    ['with names that are keywords', { properties: { type: { type: 'string' }, enum: {}, required: {}, $ref: {}, items: {} } }],
    [
      'with every place for schemas',
      {
        allOf: [{}],
        anyOf: [{}],
        oneOf: [{}],
        not: {},
        if: {},
        ...conclusion({}),
        else: {},
        prefixItems: [{}],
        items: {},
        contains: {},
        propertyNames: {},
        unevaluatedItems: {},
        unevaluatedProperties: {},
        additionalProperties: {},
        $defs: { a: {} },
        definitions: { a: {} },
        dependentSchemas: { a: {} },
        patternProperties: { '^a': {} },
        properties: { a: {} },
      },
    ],
    ['with a list of items, as in draft-07', { $schema: 'http://json-schema.org/draft-07/schema#', items: [{ type: 'string' }] }],
    ['with a reference to itself', { properties: { child: { $ref: '#' } } }],
    ['with references to definitions', { $ref: '#/$defs/a', $defs: { a: { $ref: '#/definitions/b' } }, definitions: { b: {} } }],
    ['with escaped references', { $ref: '#/$defs/a~1b~0c', $defs: { 'a/b~c': {} } }],
    ['with a reference that is written for addresses', { $ref: '#/$defs/a%20b', $defs: { 'a b': {} } }],
    ['with a reference into a list', { $ref: '#/allOf/0', allOf: [{ type: 'string' }] }],
    ['with an anchor, which is left to the validator', { $ref: '#here', $defs: { a: { $anchor: 'here' } } }],
    [
      'with data where data belongs',
      { const: { type: 'nonsense' }, default: { $ref: 5 }, examples: [{ required: 'x' }], enum: [{ type: 5 }] },
    ],
    ['with keywords of others', { 'x-order': 5, title: 't', description: 'd', $comment: 'c' }],
    ['with a pattern of letters of all languages', { pattern: '^\\p{L}+$' }],
  ])('%s', (_name, document) => {
    expect(() => compile(document)).not.toThrow()
  })
})

describe('a broken document is refused with the place', () => {
  test.each<[string, object, string | RegExp]>([
    ['an unknown type', { type: 'text' }, '#/type is "text"'],
    ['an unknown type in a list', { type: ['string', 'date'] }, '#/type is "date"'],
    ['a type that is no text', { properties: { a: { type: 5 } } }, '#/properties/a/type is 5'],
    ['a schema that is a text', { properties: { a: 'string' } }, '#/properties/a is no schema but "string"'],
    ['a schema that is null', { not: null, if: 5 }, '#/if is no schema but 5'],
    ['a schema that is a list', { additionalProperties: [] }, '#/additionalProperties is no schema but a list'],
    ['properties that are a list', { properties: [{}] }, '#/properties is no object'],
    ['properties that are a text', { properties: 'a' }, '#/properties is no object'],
    ['anyOf that is no list', { anyOf: { type: 'string' } }, '#/anyOf is no list'],
    ['a branch that is no schema', { anyOf: [{}, 5] }, '#/anyOf is no schema but 5'],
    ['an item that is no schema', { items: [{}, 'x'] }, '#/items is no schema but "x"'],
    ['required that is a flag', { properties: { a: { required: true } } }, '#/properties/a/required is no list of names'],
    ['required that holds numbers', { required: [1] }, '#/required is no list of names'],
    ['an enum that is no list', { enum: 'a' }, '#/enum is no list'],
    ['a pattern that is none', { properties: { a: { pattern: '(' } } }, /Invalid regular expression/],
    ['a pattern that is no text', { pattern: 5 }, '#/pattern is no text'],
    ['a name that is no pattern', { patternProperties: { '[': {} } }, /Invalid regular expression/],
    ['a reference that is no text', { $ref: {} }, '#/$ref is no text'],
    ['a reference that leads nowhere', { $ref: '#/$defs/missing', $defs: {} }, '#/$ref leads nowhere: #/$defs/missing'],
    ['a reference through a text', { $ref: '#/title/x', title: 'abc' }, 'leads nowhere'],
    ['a reference to a member of Object', { $ref: '#/constructor' }, 'leads nowhere'],
    ['a reference that cannot be read', { $ref: '#/%' }, 'malformed'],
    [
      'a fault deep inside',
      { $defs: { a: { allOf: [{ items: { not: { type: 'x' } } }] } } },
      '#/$defs/a/allOf/items/not/type is "x"',
    ],
  ])('%s', (_name, document, message) => {
    expect(() => compile(document)).toThrow(message)
  })
  test('one that holds itself does not hang', () => {
    const loop: Record<string, unknown> = {}
    loop['not'] = loop
    expect(() => compile(loop)).toThrow(RangeError)
  })
  test.each<[string, object]>([
    ['a bound that is a text', { type: 'number', minimum: '5' }],
    ['a length that is a text', { type: 'string', maxLength: 'ten' }],
    ['less than no items', { type: 'array', minItems: -1 }],
    ['a multiple of nothing', { type: 'number', multipleOf: 0 }],
  ])('%s', (_name, document) => {
    expect(() => compile(document)).toThrow(Error)
  })
  test.each<[string, object]>([
    ['a reference that goes round', { $ref: '#' }],
    ['two references that go round', { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } }],
    ['an anchor that does not exist', { $ref: '#nowhere' }],
    ['a document that is not here', { $ref: 'https://example.com/other.json' }],
  ])('%s', (_name, document) => {
    expect(() => compile(document)).toThrow(Error)
  })
})

describe('values are held against the document', () => {
  test.each<[string, object, readonly unknown[], readonly unknown[]]>([
    ['types', { type: 'integer' }, [1, 1.0, -5], [1.5, '1', null]],
    ['several types', { type: ['string', 'null'] }, ['a', null], [1, {}]],
    ['bounds', { type: 'number', minimum: 1, exclusiveMaximum: 3 }, [1, 2.9], [0, 3]],
    ['lengths', { type: 'string', minLength: 1, maxLength: 2 }, ['a', 'ab', '😀😀'], ['', 'abc']],
    ['patterns', { type: 'string', pattern: '^a+$' }, ['a', 'aa'], ['b', 'ab']],
    ['formats', { type: 'string', format: 'email' }, ['a@example.com'], ['nobody']],
    ['what is required', { type: 'object', required: ['a'] }, [{ a: null }, { a: 1, b: 2 }], [{}, { b: 1 }]],
    ['what may be there', { properties: { a: {} }, additionalProperties: false }, [{}, { a: 1 }], [{ b: 1 }]],
    ['names by pattern', { patternProperties: { '^n_': { type: 'number' } } }, [{ n_a: 1, x: 'y' }], [{ n_a: 'x' }]],
    ['items', { type: 'array', items: { type: 'number' }, minItems: 1, uniqueItems: true }, [[1, 2]], [[], ['a'], [1, 1]]],
    ['choices', { enum: ['a', 1, null, { b: [1] }] }, ['a', 1, null, { b: [1] }], ['b', '1', { b: [2] }]],
    ['one value', { const: { a: [1] } }, [{ a: [1] }], [{ a: [2] }]],
    ['not', { not: { type: 'string' } }, [1], ['a']],
    ['exactly one', { oneOf: [{ type: 'number' }, { minimum: 5 }] }, [1, 'text'], [6]],
    ['conditions', { if: { required: ['a'] }, ...conclusion({ required: ['b'] }) }, [{}, { a: 1, b: 1 }], [{ a: 1 }]],
    ['what depends', { dependentRequired: { a: ['b'] } }, [{ b: 1 }, { a: 1, b: 1 }], [{ a: 1 }]],
    [
      'references',
      { $ref: '#/$defs/tree', $defs: { tree: { type: 'object', properties: { next: { $ref: '#/$defs/tree' } } } } },
      [{ next: { next: {} } }],
      [{ next: { next: 5 } }],
    ],
    [
      'places in a list, draft 2020-12',
      { prefixItems: [{ type: 'string' }], items: { type: 'number' } },
      [['a', 1, 2], ['a']],
      [[1], ['a', 'b']],
    ],
    [
      'places in a list, draft-07',
      { $schema: 'http://json-schema.org/draft-07/schema#', items: [{ type: 'string' }], additionalItems: { type: 'number' } },
      [['a', 1]],
      [[1], ['a', 'b']],
    ],
    ['names of keywords', { properties: { type: { type: 'string' } }, required: ['type'] }, [{ type: 'x' }], [{ type: 1 }, {}]],
  ])('%s', (_name, document, right, wrong) => {
    const validate = compile(document)
    expect(right.filter((value) => validate(value).length > 0)).toEqual([])
    expect(wrong.filter((value) => validate(value).length === 0)).toEqual([])
  })
  test('the deepest place is named, as a JSON Pointer', () => {
    const document = { properties: { list: { items: { properties: { 'a/b': { type: 'string' } } } } } }
    const issues = check(document, { list: [{}, { 'a/b': 5 }] })
    expect(issues.map(({ path }) => path)).toEqual(['/list/1/a~1b'])
    expect(issues[0]?.message).toMatch(/string/)
  })
  test('every fault is told', () => {
    const document = { type: 'object', properties: { a: { type: 'string' }, b: { type: 'number' } }, required: ['c'] }
    const paths = check(document, { a: 1, b: 'x' }).map(({ path }) => path)
    expect(paths.toSorted()).toEqual(['/', '/a', '/b'])
  })
  test('members of Object are not taken for members of the value', () => {
    expect(check({ required: ['toString'] }, {})).toHaveLength(1)
    expect(check({ properties: { constructor: { type: 'string' } } }, {})).toEqual([])
  })
  test('the value is not changed', () => {
    const value = Object.freeze({ a: Object.freeze([1]) })
    expect(check({ properties: { a: { items: { default: 5 } }, b: { default: 1 } } }, value)).toEqual([])
    expect(value).toEqual({ a: [1] })
  })
})

test('what the compiler throws is an ordinary error: whoever registers the schema gives it its code', () => {
  expect(() => compile({ type: 'x' })).not.toThrow(OpspawnError)
})
