import { expect, test } from 'vitest'
import { defineTool, jsonSchema, type Tool } from '../core/index.ts'
import { failures, forecast, given, type Input, mailer } from '../../test/fixtures/sound-tools.ts'
import { TOOL_CASES, toolConformance } from './tool-conformance.ts'

toolConformance({ test, createTool: () => forecast(), ...given, observe: () => 0 })
toolConformance({
  test: (name, run) => test(`mail: ${name}`, run),
  ...mailer(),
  ...given,
  slowInput: { city: 'Bergen', days: 1000 },
})
toolConformance({
  test: (name, run) => test(`plain: ${name}`, run),
  createTool: async () =>
    defineTool({
      name: 'plain',
      description: 'Adds.',
      input: jsonSchema<{ a: number }>({
        type: 'object',
        properties: { a: { type: 'number' } },
        required: ['a'],
        additionalProperties: false,
      }),
      execute: ({ a }) => a + 1,
    }),
  validInput: { a: 1 },
  invalidInput: { a: 1, b: 2 },
})

test('sound tools pass', async () => {
  expect(await failures({ createTool: () => forecast(), ...given, promptMs: 2000 })).toEqual([])
  expect(await failures({ ...mailer(), ...given, promptMs: 2000 })).toEqual([])
})

test('cases are left out by name, and other checks of documents can be given', async () => {
  const names: string[] = []
  const collect = (name: string): void => void names.push(name)
  toolConformance({
    test: collect,
    createTool: () => forecast(),
    ...given,
    skip: { 'abort: a call under way settles at once': 'it is instant' },
  })
  expect(names).toHaveLength(TOOL_CASES.length)
  expect(names).toContain('abort: a call under way settles at once (skipped: it is instant)')
  expect(() => toolConformance({ test: collect, createTool: () => forecast(), ...given, skip: { no: 'x' } })).toThrow('"no"')
  const plain = (): Tool<Input> =>
    forecast({ input: jsonSchema<Input>({ type: 'object' }) as never, execute: () => ({ city: 'x', sky: 'y' }) })
  expect((await failures({ createTool: plain, ...given })).join()).toContain('the schema accepts the invalid input')
  const check = (_document: object, value: unknown) =>
    typeof (value as Input).city === 'string' ? [] : [{ path: '/city', message: 'expected text' }]
  expect(await failures({ createTool: plain, ...given, check })).toEqual([])
})
