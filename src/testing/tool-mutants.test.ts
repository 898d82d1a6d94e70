import { expect, test } from 'vitest'
import { z } from 'zod'
import * as valibot from 'valibot'
import { jsonSchema, type StandardSchema, type Tool } from '../core/index.ts'
import { failures, forecast, given, type Input, mailer, schema } from '../../test/fixtures/sound-tools.ts'
import type { ToolConformanceOptions } from './tool-conformance.ts'

const changing = (): Tool<Input> => {
  let readings = 0
  return Object.defineProperty({ ...forecast() }, 'description', { get: () => `reading ${(readings += 1)}`, enumerable: true })
}
const noIssueText: StandardSchema = {
  '~standard': {
    version: 1,
    vendor: 'x',
    validate: (value) => ((value as Input).city === 'Bergen' ? { value } : { issues: [{ message: '' }] }),
  },
}

test.each<readonly [string, Partial<Omit<ToolConformanceOptions, 'test'>>, string]>([
  ['no spec', { createTool: () => ({ ...forecast(), spec: 'tool/9' }) as unknown as Tool<Input> }, 'speaks tool/9'],
  [
    'another spec',
    { createTool: () => ({ ...forecast(), spec: 'planner/1', decide() {} }) as unknown as Tool<Input> },
    'spec: expected "tool/1"',
  ],
  ['a bad name', { createTool: () => ({ ...forecast(), name: 'no spaces please' }) }, 'tool name "no spaces please" must be'],
  ['no description', { createTool: () => ({ ...forecast(), description: ' ' }) }, 'a tool has a description'],
  ['an unknown effect', { createTool: () => ({ ...forecast(), effect: 'magic' as 'pure' }) }, 'the effect class is one of'],
  ['a changing description', { createTool: changing }, 'description changes between two readings'],
  ['a changing schema', { createTool: fickle() }, 'the input schema changes between two readings'],
  [
    'a schema that cannot be converted',
    { createTool: () => ({ ...forecast(), input: valibot.object({ city: valibot.string() }) as never }) },
    'the valibot schema cannot convert itself',
  ],
  [
    'a schema whose conversion throws',
    { createTool: () => ({ ...forecast(), input: z.object({ city: z.string(), at: z.date().optional() }) as never }) },
    'Date',
  ],
  [
    'a schema of a text',
    { createTool: () => ({ ...forecast(), input: z.string() as never }), validInput: 'x' },
    'the root type is object',
  ],
  ['a schema that is none', { createTool: () => ({ ...forecast(), input: 7 as never }) }, 'a JSON Schema document is an object'],
  [
    'a schema of another version',
    { createTool: () => ({ ...forecast(), input: { '~standard': { ...schema['~standard'], version: 2 } } as never }) },
    'a Standard Schema is of version 1, found 2',
  ],
  [
    'an output schema that cannot be converted',
    { createTool: () => forecast({ output: z.date() as never, execute: () => 'x' }) },
    'the output schema, if any',
  ],
  [
    'a schema that refuses all',
    { createTool: () => forecast({ input: z.object({ other: z.string() }) as never }) },
    'valid input is accepted | the schema refuses the input: /other: ',
  ],
  [
    'a schema that accepts all',
    { createTool: () => forecast({ input: z.looseObject({}) as never }) },
    'the schema accepts the invalid input',
  ],
  [
    'issues without text',
    { createTool: () => forecast({ input: { validator: noIssueText, jsonSchema: { type: 'object' } } as never }) },
    'an issue says what is wrong',
  ],
  [
    'a body that throws',
    {
      createTool: () =>
        forecast({
          execute: () => {
            throw new Error('broken')
          },
        }),
    },
    'broken',
  ],
  [
    'an output of another form',
    { createTool: () => forecast({ execute: ({ city }) => ({ city }) }) },
    'the output does not fit its schema: /sky: ',
  ],
  [
    'an output that is no JSON',
    { createTool: () => forecast({ output: undefined, execute: () => new Map() }) },
    'a value of type Map',
  ],
  [
    'an output with a getter that throws',
    {
      createTool: () =>
        forecast({
          output: undefined,
          execute: () => ({
            get sky() {
              throw new Error('no')
            },
          }),
        }),
    },
    'a value that throws when it is read at /sky',
  ],
  [
    'progress that is no JSON',
    { createTool: () => forecast({ execute: (_input, context) => context.progress(1n as never) }) },
    'a bigint',
  ],
  [
    'an input written into',
    {
      createTool: () =>
        forecast({
          execute: (input) => {
            input.city = 'Oslo'
            return { city: 'Oslo', sky: 'rain' }
          },
        }),
    },
    'Cannot assign to read only property',
  ],
  [
    'a pure tool with a memory',
    { createTool: counting() },
    'a pure tool gives equal results and has no effect | the second result',
  ],
  [
    'a pure tool that has effects',
    countedEffects(),
    'a pure tool gives equal results and has no effect | effects that were counted',
  ],
  [
    'a pure tool that differs at once',
    { createTool: counting() },
    'two calls at once both succeed | the result of the second call',
  ],
  [
    'an idempotent tool that repeats',
    mailer((sent) => ({ execute: () => sent.set(String(sent.size), 1).size })),
    'once for each idempotency key | the outcome of the repeated call',
  ],
  [
    'an idempotent tool that repeats unseen',
    mailer((sent) => ({
      execute: () => {
        sent.set(String(sent.size), 1)
        return 'sent'
      },
    })),
    'once for each idempotency key | effects that were counted: expected 2, found 3',
  ],
  [
    'verify that knows nothing',
    mailer(() => ({ verify: () => ({ happened: false }) })),
    'verify knows whether a call happened | what verify finds',
  ],
  [
    'verify that believes all',
    mailer(() => ({ verify: () => ({ happened: true, output: 1 }) })),
    'verify knows whether a call happened | happened, of a call that was not made',
  ],
  ['a tool that cannot run twice at once', { createTool: exclusive() }, 'two calls at once both succeed | busy'],
  [
    'a tool that hangs',
    { createTool: () => forecast({ execute: () => new Promise(() => {}) }) },
    'the input is left as it was | execute did not settle within 60 ms',
  ],
  [
    'a tool deaf to aborts',
    { createTool: () => forecast({ execute: (_input, { signal }) => (signal.aborted ? null : new Promise(() => {})) }) },
    'a call under way settles at once | execute did not settle',
  ],
  [
    'a tool that starts although it was aborted',
    {
      createTool: () =>
        forecast({
          execute: (input, { signal }) => (signal.aborted ? new Promise(() => {}) : { city: input.city, sky: 'rain' }),
        }),
    },
    'an aborted call settles at once | execute did not settle',
  ],
  [
    'a tool that goes on listening',
    {
      createTool: () =>
        forecast({
          execute: ({ city }, { signal }) => {
            signal.addEventListener('abort', () => {})
            return { city, sky: 'rain' }
          },
        }),
    },
    'nothing listens after a call | 1 listeners were left',
  ],
])('a tool is caught: %s', async (_name, options, message) => {
  expect((await failures({ createTool: () => forecast(), ...given, ...options })).join('\n')).toContain(message)
})

function fickle(): () => Tool<Input> {
  let made = 0
  return () => {
    made += 1
    return forecast({ input: jsonSchema<Input>({ type: 'object', title: `schema ${made}` }) as never })
  }
}

function counting(): () => Tool<Input> {
  let calls = 0
  return () => forecast({ execute: ({ city }) => ({ city, sky: `rain ${(calls += 1)}` }) })
}

function countedEffects(): { createTool: () => Tool<Input>; observe: () => number } {
  let calls = 0
  return {
    observe: () => calls,
    createTool: () =>
      forecast({
        execute({ city }) {
          calls += 1
          return { city, sky: 'rain' }
        },
      }),
  }
}

function exclusive(): () => Tool<Input> {
  let busy = false
  return () =>
    forecast({
      async execute({ city }) {
        if (busy) throw new Error('busy')
        busy = true
        await new Promise((resolve) => setImmediate(resolve))
        busy = false
        return { city, sky: 'rain' }
      },
    })
}
