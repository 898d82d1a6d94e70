import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { defineTool, type Memory, type StandardSchema, type Tool } from '../../src/index.ts'
import { agent, callModel, callTool, expectFailure, guardFile, modelOf, once, plan, play, reply, tool } from './harness.ts'

guardFile()

/** Spelt so that no linter takes this file's objects for promises. */
const THEN = ['th', 'en'].join('')

/** A promise class of its own, as libraries have them. */
class Foreign {
  readonly #promise: Promise<unknown>
  constructor(promise: Promise<unknown>) {
    this.#promise = promise
    Object.defineProperty(this, THEN, {
      value: (good: () => unknown, bad: () => unknown) => new Foreign(this.#promise.then(good, bad)),
    })
  }
}

class Extended<T> extends Promise<T> {}

const thenable = (settle: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void): object => ({
  [THEN]: settle,
})
const callable = (settle: (resolve: (value: unknown) => void) => void): object => Object.assign(() => {}, { [THEN]: settle })

/** What is not this realm's `Promise`, for a value and for an error. */
const KINDS: readonly (readonly [string, (value: unknown) => unknown, (error: unknown) => unknown])[] = [
  ["a library's promise", (value) => new Foreign(Promise.resolve(value)), (error) => new Foreign(Promise.reject(error))],
  [
    "another realm's promise",
    (value) => runInNewContext('Promise.resolve(value)', { value }) as unknown,
    (error) => runInNewContext('Promise.reject(error)', { error }) as unknown,
  ],
  ['a derived promise', (value) => Extended.resolve(value), (error) => Extended.reject(error)],
  [
    'an object with then',
    (value) => thenable((resolve) => setImmediate(resolve, value)),
    (error) => thenable((_, reject) => setImmediate(reject, error)),
  ],
  [
    'an object whose then answers at once',
    (value) => thenable((resolve) => resolve(value)),
    (error) => thenable((_, reject) => reject(error)),
  ],
  [
    'a function with then',
    (value) => callable((resolve) => resolve(value)),
    (error) =>
      callable(() => {
        throw error
      }),
  ],
]

function schemaOf(validate: (value: unknown) => unknown): StandardSchema {
  const jsonSchema = { input: () => ({}), output: () => ({}) }
  return { '~standard': { version: 1, vendor: 'mine', validate: validate as never, jsonSchema } }
}

const call = (subject: Tool) => play(agent('subject', once(callTool('a', subject.name)), { tools: [subject] }))

describe.each(KINDS)('%s', (_name, good, bad) => {
  test('of a tool gives its result, and its rejection is a failure', async () => {
    expect((await call(tool('t', () => good({ paid: 5 })))).effect('a')).toEqual({ status: 'completed', value: { paid: 5 } })
    expectFailure((await call(tool('t', () => bad(new Error('no money'))))).effect('a'), 'TOOL_FAILED', 'no money')
  })
  test('of an unsafe tool under concurrency does too', async () => {
    const more = { effect: 'unsafe', concurrency: 1 }
    expect((await call(tool('t', () => good(5), more))).effect('a')).toEqual({ status: 'completed', value: 5 })
    expectFailure((await call(tool('t', () => bad(new Error('no money')), more))).effect('a'), 'TOOL_FAILED', 'no money')
  })
  test('of a schema of arguments is waited for before the body is entered', async () => {
    const entered: unknown[] = []
    const made = (input: StandardSchema): Tool =>
      defineTool({ name: 't', description: '', effect: 'pure', input, execute: (given) => entered.push(given) }) as Tool
    await call(made(schemaOf(() => good({ value: { checked: true } }))))
    expect(entered.splice(0)).toEqual([{ checked: true }])
    const refused = await call(made(schemaOf(() => good({ issues: [{ message: 'wrong', path: ['city'] }] }))))
    expectFailure(refused.effect('a'), 'TOOL_INPUT_INVALID', '/city: wrong')
    expectFailure((await call(made(schemaOf(() => bad(new Error('offline')))))).effect('a'), 'TOOL_INPUT_INVALID', 'offline')
    expect(entered).toEqual([])
  })
  test('of a schema of results is waited for before the result counts', async () => {
    const made = (answer: () => unknown): Tool => tool('t', () => 1, { output: schemaOf(answer) })
    expect((await call(made(() => good({ value: 1 })))).effect('a')).toEqual({ status: 'completed', value: 1 })
    expectFailure((await call(made(() => good({ issues: [{ message: 'wrong' }] })))).effect('a'), 'TOOL_OUTPUT_INVALID', 'wrong')
    expectFailure((await call(made(() => bad(new Error('offline'))))).effect('a'), 'TOOL_OUTPUT_INVALID', 'offline')
  })
  test("of the schemas of a run's input and output is waited for", async () => {
    const subject = agent(
      'subject',
      plan((run) => ({ type: 'finish', output: run.input })),
      {
        input: schemaOf(() => good({ value: 'checked' })),
        output: schemaOf((value) => good({ value: `${String(value)} twice` })),
      },
    )
    expect((await play(subject)).outcome).toEqual({ status: 'completed', output: 'checked twice' })
  })
  test('of a planner is its decision', async () => {
    const decided = await play(
      agent(
        'subject',
        plan(() => good({ type: 'finish', output: 'decided' })),
      ),
    )
    expect(decided.outcome).toEqual({ status: 'completed', output: 'decided' })
    expectFailure(
      (
        await play(
          agent(
            'subject',
            plan(() => bad(new Error('no idea'))),
          ),
        )
      ).outcome,
      'PLANNER_FAILED',
      'no idea',
    )
  })
  test('of a model is its answer', async () => {
    const model = { ...modelOf(() => {}), doGenerate: (() => good(reply('hello'))) as never }
    const played = await play(agent('subject', once(callModel('m')), { model }))
    expect(played.effect('m')).toMatchObject({ status: 'completed', value: { content: [{ text: 'hello' }] } })
  })
  test('of a memory is what it found', async () => {
    const found = { items: [], degraded: [], omitted: 3 }
    const memory = {
      spec: 'memory/1',
      name: 'notes',
      capabilities: {},
      bind: () => ({ recall: () => good(found), append: () => bad(new Error('full')) }),
      maintain: () => {},
      stats: () => {},
      export: () => {},
      import: () => {},
    } as unknown as Memory
    const effects = [
      { kind: 'recall', key: 'r', query: 'q' },
      { kind: 'remember', key: 'w', entries: [] },
    ] as const
    const played = await play(agent('subject', once(...effects), { memory }))
    expect(played.effect('r')).toEqual({ status: 'completed', value: found })
    expectFailure(played.effect('w'), 'MEMORY_FAILED', 'full')
  })
})

describe('a schema that gives neither a value nor issues', () => {
  test.each([
    ['an empty object', () => ({}), /an object with neither a value nor issues/],
    ['an empty object later', () => Promise.resolve({}), /an object with neither a value nor issues/],
    ['undefined', () => undefined, /gave undefined/],
    ['true', () => true, /gave true/],
    ['issues that are no list', () => ({ issues: 'wrong' }), /issues that are "wrong", not a list/],
  ])('lets no call through and says why: %s', async (_name, validate, why) => {
    let entered = 0
    const subject = tool('t', () => (entered += 1), { input: schemaOf(validate) })
    const failure = (await call(subject)).effect('a')
    expectFailure(failure, 'TOOL_INPUT_INVALID', '"t"', why)
    expectFailure((await call(tool('t', () => 1, { output: schemaOf(validate) }))).effect('a'), 'TOOL_OUTPUT_INVALID', why)
    expect(JSON.stringify(failure)).not.toMatch('TypeError')
    expect(entered).toBe(0)
  })
  test('a value that is undefined is one', async () => {
    expect((await call(tool('t', () => 1, { input: schemaOf(() => ({ value: undefined })) }))).effect('a').status).toBe(
      'completed',
    )
  })
})
