import * as valibot from 'valibot'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool, jsonSchema, type Tool, type ToolContext, type ToolOptions, type StandardSchema } from '../core/index.ts'
import { TOOL_CASES, toolConformance, type ToolConformanceOptions } from './tool-conformance.ts'
import { toolContext } from './tool-context.ts'
import { checkDocument, schemaDocument, validate } from './tool-schema.ts'

const schema = z.object({ city: z.string(), days: z.number().default(1) })
type Input = z.infer<typeof schema>
type Options = ToolOptions<typeof schema, unknown>

const given = { validInput: { city: 'Bergen' }, invalidInput: { city: 7 } }

/** A pure tool. */
function forecast(more: Partial<Options> = {}): Tool<Input> {
  return defineTool({
    name: 'forecast',
    description: 'Tells the weather of the next days.',
    input: schema,
    output: z.object({ city: z.string(), sky: z.string() }),
    effect: 'pure',
    execute: ({ city }) => ({ city, sky: 'rain' }),
    ...more,
  })
}

/** An idempotent tool that can be verified and that heeds its signal, with the box that its mails go to. */
function mailer(more: (sent: Map<string, unknown>) => Partial<Options> = () => ({})): {
  createTool: () => Tool<Input>
  observe: () => number
} {
  const sent = new Map<string, unknown>()
  const createTool = (): Tool<Input> =>
    defineTool<typeof schema, unknown>({
      name: 'mail',
      description: 'Sends a mail.',
      input: schema,
      effect: 'idempotent',
      async execute({ days }, context) {
        await pause(days > 100 ? 60_000 : 1, context.signal)
        const known = sent.get(context.idempotencyKey)
        if (known !== undefined) return known
        context.progress({ sending: true })
        sent.set(context.idempotencyKey, { number: sent.size })
        return sent.get(context.idempotencyKey)
      },
      verify: (_input, { idempotencyKey }) =>
        sent.has(idempotencyKey) ? { happened: true, output: sent.get(idempotencyKey) as never } : { happened: false },
      ...more(sent),
    })
  return { createTool, observe: () => sent.size }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const timer = setTimeout(() => done(resolve), ms)
    const aborted = (): void => done(() => reject(signal.reason as Error))
    function done(how: () => void): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', aborted)
      how()
    }
    signal.addEventListener('abort', aborted)
  })
}

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

/** Runs the suite; gives what failed, case and message. */
async function failures(options: Omit<ToolConformanceOptions, 'test'>): Promise<readonly string[]> {
  const cases: { name: string; run: () => Promise<void> }[] = []
  toolConformance({ test: (name, run) => cases.push({ name, run }), promptMs: 60, ...options })
  const failed: string[] = []
  for (const { name, run } of cases) await run().catch((error: Error) => failed.push(`${name} | ${error.message}`))
  return failed
}

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

test('a context is whole, and keeps what it is told', () => {
  const context = toolContext({ runId: 'r', tenant: 'acme', attempt: 3 })
  context.progress({ done: 1 })
  context.log('line')
  context.log('line', [1])
  expect(context).toMatchObject({
    runId: 'r',
    key: 'call-1',
    idempotencyKey: 'r/call-1',
    tenant: 'acme',
    attempt: 3,
    epoch: 1,
    agent: 'agent',
  })
  expect([context.deadline, context.session, context.tx]).toEqual([undefined, undefined, undefined])
  expect(context.progressed).toEqual([{ done: 1 }])
  expect(context.logged).toEqual([
    { message: 'line', data: undefined },
    { message: 'line', data: [1] },
  ])
  expect(() => context.progress(new Map() as never)).toThrow('a value of type Map')
  context.abort(new Error('enough'))
  expect(context.signal.reason).toEqual(new Error('enough'))
  const own: ToolContext = toolContext({ idempotencyKey: 'mine', key: 'k' })
  expect(own).toMatchObject({ idempotencyKey: 'mine', key: 'k', runId: 'run-1' })
})

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
