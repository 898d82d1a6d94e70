import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool, type Schema, type Tool } from '../../../src/index.ts'
import { agent, callTool, expectCode, guardFile, hostile, modelOf, once, open, reply, thrownBy, tool } from '../harness.ts'

guardFile()

const idle = once(callTool('a', 'x'))

describe('schemas', () => {
  const withInput = (input: Schema): Promise<unknown> =>
    open({
      agents: [
        agent('subject', idle, { tools: [defineTool({ name: 'odd', description: '', input, execute: () => 1 }) as Tool] }),
      ],
    })

  test.each([
    ['a zod date', z.object({ at: z.date() })],
    ['a zod bigint', z.object({ n: z.bigint() })],
    ['a zod map', z.object({ m: z.map(z.string(), z.string()) })],
    ['valibot without a conversion', v.object({ a: v.string() })],
    ['null', null],
    ['a string', 'string'],
    ['missing', undefined],
    ['a list', []],
    ['a date', new Date(0)],
  ])('a tool input that cannot be written as JSON Schema is refused with the tool: %s', async (_name, schema) => {
    await expectCode(() => withInput(schema as never), 'SCHEMA_NOT_CONVERTIBLE', 'tool "odd"')
  })
  test.each([
    ['a pattern that is no regular expression', { type: 'object', properties: { a: { type: 'string', pattern: '[' } } }],
    ['a reference to nowhere', { type: 'object', properties: { a: { $ref: '#/definitions/missing' } } }],
    ['a type that does not exist', { type: 'object', properties: { a: { type: 'strnig' } } }],
    ['a type that is a number', { type: 5 }],
    ['properties that are no object', { type: 'object', properties: 5 }],
    ['required that is no list', { type: 'object', required: 'a' }],
  ])('a broken plain JSON Schema is refused at registration, not at the first call: %s', async (_name, schema) => {
    await expectCode(() => withInput(schema), 'SCHEMA_NOT_CONVERTIBLE', 'tool "odd"')
  })
  const cyclic: { default: unknown[] } = { default: [] }
  cyclic.default.push(cyclic)
  const converting = (made: () => unknown): object => ({
    '~standard': { version: 1, vendor: 'mine', validate: (value: unknown) => ({ value }), jsonSchema: { input: made } },
  })
  test.each<[string, unknown, RegExp]>([
    [
      'a plain document with a bigint',
      { type: 'object', properties: { n: { default: 1n } } },
      /bigint at \/properties\/n\/default/,
    ],
    ['a plain document with a cycle', { type: 'object', properties: { n: cyclic } }, /a cycle/],
    ['a plain document with a function', { type: 'object', default: () => 1 }, /a function at \/default/],
    [
      'a conversion that gives a bigint',
      converting(() => ({ type: 'object', properties: { n: { const: 1n } } })),
      /\/properties\/n\/const/,
    ],
    ['a conversion that gives a cycle', converting(() => ({ type: 'object', properties: { n: cyclic } })), /a cycle/],
    ['a conversion that gives a promise', converting(() => Promise.resolve({ type: 'object' })), /gave a promise/],
    ['a conversion that gives a promise that fails', converting(() => Promise.reject(new Error('no'))), /gave a promise/],
    ['a conversion that gives a list', converting(() => []), /gave no document/],
    [
      'a conversion that is no function',
      { '~standard': { version: 1, vendor: 'x', validate() {}, jsonSchema: {} } },
      /not a function/,
    ],
    [
      'no validate function',
      { '~standard': { version: 1, vendor: 'x', jsonSchema: { input: () => ({}) } } },
      /no validate function/,
    ],
    ['a ~standard that is null', { '~standard': null }, /no validate function/],
    ['a default with __proto__', { type: 'object', properties: { a: { default: hostile() } } }, /__proto__/],
    ['a zod default with __proto__', z.object({ a: z.any().default(hostile()) }), /__proto__/],
  ])('what cannot be hashed or sent is refused with tool and place: %s', async (_name, schema, text) => {
    await expectCode(() => withInput(schema as never), 'SCHEMA_NOT_CONVERTIBLE', 'tool "odd"', text)
  })
  test('an agent is named too', async () => {
    const bad = agent('subject', idle, { input: { type: 'object', default: 1n } as never })
    await expectCode(() => open({ agents: [bad] }), 'SCHEMA_NOT_CONVERTIBLE', /agent "subject", input.*\/default/)
  })
  test('a plain document that is changed later changes nothing', async () => {
    const document = { type: 'object', properties: { n: { type: 'number' } } }
    let shown: unknown
    const model = modelOf(({ tools }) => {
      shown = tools
      return reply('done')
    })
    const odd = tool('odd', () => 1, { input: document })
    const ops = await open({ agents: [agent('subject', undefined, { model, tools: [odd] })] })
    document.type = 'array'
    await (
      await ops.start('subject', 'go')
    ).result
    expect(shown).toMatchObject([{ inputSchema: { type: 'object' } }])
  })
  test.each([
    ['a text', z.string()],
    ['a list', { type: 'array' }],
    ['a number or null', { type: ['number', 'null'] }],
  ])('a tool input that is no object is refused, since models can only send objects: %s', async (_name, schema) => {
    await expectCode(() => withInput(schema), 'OPTIONS_INVALID', 'tool "odd"', /models can only send objects/)
  })
  test.each([
    ['anything', {}],
    ['an object or null', { type: ['object', 'null'] }],
    ['one of several objects', z.union([z.object({ a: z.string() }), z.object({ b: z.string() })])],
  ])('a tool input that may be an object is taken: %s', async (_name, schema) => {
    await withInput(schema)
  })
  test('valibot is told how to bring its document along', async () => {
    const error = await thrownBy(() => withInput(v.object({ a: v.string() }) as never))
    expect(error.message).toMatch(/valibot.*\{ validator, jsonSchema \}/)
  })
  test('valibot with its document is taken', async () => {
    await withInput({ validator: v.object({ a: v.string() }), jsonSchema: { type: 'object' } })
  })
  test.each([
    ['no validator function', { validator: {}, jsonSchema: { type: 'object' } }],
    ['a validator that is a text', { validator: 'zod', jsonSchema: { type: 'object' } }],
    ['no document', { validator: z.string() }],
    ['a document that is a text', { validator: z.string(), jsonSchema: 'x' }],
  ])('half a documented schema is refused at registration: %s', async (_name, schema) => {
    await expectCode(() => withInput(schema as never), 'SCHEMA_NOT_CONVERTIBLE', 'tool "odd"')
  })
  test('a tool output that is a zod transform is refused with tool and side', async () => {
    const output = z.string().transform((text) => text.length) as never
    const odd = tool('odd', () => 'x', { output })
    await expectCode(
      () => open({ agents: [agent('subject', idle, { tools: [odd] })] }),
      'SCHEMA_NOT_CONVERTIBLE',
      /"odd", output/,
    )
  })
  test('an agent output that is a zod date is refused with agent and side', async () => {
    const bad = agent('subject', idle, { output: z.date() as never })
    await expectCode(() => open({ agents: [bad] }), 'SCHEMA_NOT_CONVERTIBLE', /agent "subject", output/)
  })
  test('an agent input that cannot be converted is refused with agent and side', async () => {
    const bad = agent('subject', idle, { input: z.object({ at: z.date() }) as never })
    await expectCode(() => open({ agents: [bad] }), 'SCHEMA_NOT_CONVERTIBLE', /agent "subject", input/)
  })
  test('a registered tool that no agent uses yet is checked all the same', async () => {
    const odd = defineTool({ name: 'odd', description: '', input: z.object({ at: z.date() }), execute: () => 1 }) as Tool
    await expectCode(() => open({ plugins: [odd] }), 'SCHEMA_NOT_CONVERTIBLE', 'tool "odd"')
  })
})
