import { isDeepStrictEqual } from 'node:util'
import { toJson, type Json, type Tool, type ToolContext } from '../core/index.ts'
import { assert, assertEqual } from './assert.ts'
import { deepFreeze } from './model-scenarios.ts'
import type { ConformanceCase } from './suite.ts'
import { toolContext } from './tool-context.ts'
import { schemaDocument, validate, type DocumentCheck } from './tool-schema.ts'
import { assertNoListener, settled, within, type Settled } from './within.ts'

/** What a case works with. */
export interface ToolWorld {
  readonly tool: Tool
  /** Another one of the same factory. */
  readonly twin: Tool
  readonly validInput: unknown
  readonly invalidInput: unknown
  readonly slowInput: unknown
  readonly context: Partial<ToolContext>
  readonly check: DocumentCheck
  readonly observe: (() => number | Promise<number>) | undefined
  readonly promptMs: number
}

type ToolCase = ConformanceCase<ToolWorld>

/** Validates an input, as the engine does before it enters a body. */
async function admitted({ tool, check }: ToolWorld, input: unknown): Promise<unknown> {
  const validation = await validate(tool.input, 'input', structuredClone(input), check)
  const { issues } = validation
  assert(
    issues === undefined,
    `the schema refuses the input: ${(issues ?? []).map((one) => `${one.path}: ${one.message}`).join('; ')}`,
  )
  return deepFreeze((validation as { readonly value: unknown }).value)
}

async function execute(world: ToolWorld, input: unknown, context: Partial<ToolContext> = {}): Promise<unknown> {
  const whole = toolContext({ ...world.context, ...context })
  const value = await admitted(world, input)
  // A body may throw before it returns a promise.
  return (async () => world.tool.execute(value, whole))()
}

async function checkedOutput(world: ToolWorld, output: unknown): Promise<Json> {
  const json = toJson(output)
  if (world.tool.output === undefined) return json
  const { issues } = await validate(world.tool.output, 'output', json, world.check)
  assert(
    issues === undefined,
    `the output does not fit its schema: ${(issues ?? []).map((one) => `${one.path}: ${one.message}`).join('; ')}`,
  )
  return json
}

async function succeed(world: ToolWorld, context: Partial<ToolContext> = {}): Promise<Json> {
  const output = await within(execute(world, world.validInput, context), world.promptMs, 'execute')
  return checkedOutput(world, output)
}

const NAME = /^(?!__proto__$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/

const definitionCases: readonly ToolCase[] = [
  {
    name: 'definition: spec, name, description and effect class',
    async run({ tool }) {
      assert(typeof tool === 'object' && tool !== null, `a tool is an object, found ${typeof tool}; did you call the factory?`)
      assert(tool.spec === 'tool/1', `spec: expected "tool/1", but it speaks ${String(tool.spec)}`)
      assert(
        NAME.test(tool.name),
        `tool name "${tool.name}" must be 1 to 64 letters, digits, "_", "-" or ".", and start with none of the last two`,
      )
      assert(typeof tool.execute === 'function', 'a tool has an execute function')
      assert(
        typeof tool.description === 'string' && tool.description.trim() !== '',
        'a tool has a description; models choose by it',
      )
      const effects: readonly unknown[] = ['pure', 'idempotent', 'transactional', 'unsafe']
      assert(effects.includes(tool.effect), `the effect class is one of ${effects.join(', ')}; found ${String(tool.effect)}`)
    },
  },
  {
    name: 'definition: it reads the same every time',
    async run({ tool, twin }) {
      for (const member of ['name', 'description', 'effect', 'labels', 'approval'] as const) {
        const [first, again, other] = [tool[member], tool[member], twin[member]]
        assert(isDeepStrictEqual(first, again) && isDeepStrictEqual(first, other), `${member} changes between two readings`)
      }
      const documents = [tool, tool, twin].map((one) => schemaDocument(one.input, 'input'))
      assert(
        isDeepStrictEqual(documents[0], documents[1]) && isDeepStrictEqual(documents[0], documents[2]),
        'the input schema changes between two readings',
      )
    },
  },
  {
    name: 'schema: the input schema can be written as JSON Schema of an object',
    async run({ tool }) {
      const document = schemaDocument(tool.input, 'input')
      toJson(document)
      const combined = 'anyOf' in document || 'oneOf' in document || 'allOf' in document || '$ref' in document
      assert(
        document['type'] === 'object' || (document['type'] === undefined && combined),
        'models give arguments as an object, so the root type is object',
      )
    },
  },
  {
    name: 'schema: the output schema, if any, can be written as JSON Schema',
    async run({ tool }) {
      if (tool.output !== undefined) toJson(schemaDocument(tool.output, 'output'))
    },
  },
  {
    name: 'schema: valid input is accepted',
    async run(world) {
      await admitted(world, world.validInput)
    },
  },
  {
    name: 'schema: invalid input is refused, with a reason',
    async run({ tool, invalidInput, check }) {
      const { issues } = await validate(tool.input, 'input', structuredClone(invalidInput), check)
      assert(issues !== undefined && issues.length > 0, 'the schema accepts the invalid input; the body would be entered with it')
      for (const issue of issues) assert(typeof issue.message === 'string' && issue.message !== '', 'an issue says what is wrong')
    },
  },
]

const outcomeCases: readonly ToolCase[] = [
  {
    name: 'outcome: the output is JSON and fits its schema, and the input is left as it was',
    async run(world) {
      await succeed(world)
    },
  },
  {
    name: 'outcome: a pure tool gives equal results and has no effect',
    async run(world) {
      if (world.tool.effect !== 'pure') return
      const before = await world.observe?.()
      const first = await succeed(world, { idempotencyKey: 'pure-1' })
      const second = await succeed(world, { idempotencyKey: 'pure-2', attempt: 2, epoch: 2 })
      assertEqual(second, first, 'the second result')
      assertEqual(await world.observe?.(), before, 'effects that were counted')
    },
  },
  {
    name: 'outcome: an idempotent tool has its effect once for each idempotency key',
    async run(world) {
      if (world.tool.effect !== 'idempotent') return
      const before = await world.observe?.()
      const first = await succeed(world, { idempotencyKey: 'idempotent-1' })
      // The next worker repeats the call after a crash: nothing but the key is the same.
      const second = await succeed({ ...world, tool: world.twin }, { idempotencyKey: 'idempotent-1', attempt: 2, epoch: 2 })
      assertEqual(second, first, 'the outcome of the repeated call')
      if (before !== undefined) assertEqual(await world.observe?.(), before + 1, 'effects that were counted')
    },
  },
  {
    name: 'outcome: verify knows whether a call happened',
    async run(world) {
      const { tool, twin } = world
      if (tool.verify === undefined || twin.verify === undefined) return
      const input = await admitted(world, world.validInput)
      const context = (idempotencyKey: string): ToolContext =>
        toolContext({ ...world.context, key: idempotencyKey, idempotencyKey })
      const never = await twin.verify(input, context('verify-never'))
      assertEqual(never.happened, false, 'happened, of a call that was not made')
      const output = await succeed(world, { key: 'verify-made', idempotencyKey: 'verify-made' })
      const made = await twin.verify(input, context('verify-made'))
      assertEqual(made, { happened: true, output }, 'what verify finds of a call that was made')
    },
  },
  {
    name: 'outcome: two calls at once both succeed',
    async run(world) {
      const [first, second] = await Promise.all([
        succeed(world, { key: 'a', idempotencyKey: 'at-once-a' }),
        succeed(world, { key: 'b', idempotencyKey: 'at-once-b' }),
      ])
      if (world.tool.effect === 'pure') assertEqual(second, first, 'the result of the second call')
    },
  },
]

function run(world: ToolWorld, input: unknown, signal: AbortSignal, key: string): Promise<Settled<unknown>> {
  return settled(execute(world, input, { signal, key, idempotencyKey: key }), world.promptMs, 'execute')
}

const abortCases: readonly ToolCase[] = [
  {
    name: 'abort: an aborted call settles at once',
    async run(world) {
      const signal = AbortSignal.abort(new Error('stopped by the suite'))
      await run(world, world.slowInput, signal, 'aborted-before')
      await assertNoListener(signal, world.promptMs)
    },
  },
  {
    name: 'abort: a call under way settles at once',
    async run(world) {
      const control = new AbortController()
      setTimeout(() => control.abort(new Error('stopped by the suite')), 10)
      await run(world, world.slowInput, control.signal, 'aborted-midway')
      await assertNoListener(control.signal, world.promptMs)
    },
  },
  {
    name: 'abort: nothing listens after a call',
    async run(world) {
      const { signal } = new AbortController()
      await run(world, world.validInput, signal, 'not-aborted')
      await assertNoListener(signal, world.promptMs)
    },
  },
]

/** Every case of the suite. */
export const toolCases: readonly ToolCase[] = [...definitionCases, ...outcomeCases, ...abortCases]
