import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { jsonSchema, type Schema, type StandardSchema } from '../../src/index.ts'
import { agent, errorOf, expectFailure, expectJson, guardFile, plan, play, scriptedModel } from './harness.ts'

guardFile()

const weather = z.object({ city: z.string(), degrees: z.number() })
const good = '{"city":"Bergen","degrees":7}'
const bad = '{"city":"Bergen","degrees":"cold"}'
const talk = (steps: Parameters<typeof scriptedModel>[0], more: object = {}) => {
  const model = scriptedModel(steps)
  return play(agent('subject', undefined, { model, output: weather as never, ...more })).then((played) => ({ ...played, model }))
}
const giving = (output: unknown, schema: Schema, more: object = {}) =>
  play(
    agent(
      'subject',
      plan(() => ({ type: 'finish', output })),
      { output: schema as never, ...more },
    ),
  )
const standard = (validate: (value: unknown) => unknown): Schema => {
  const document = { input: () => ({ type: 'object' }), output: () => ({ type: 'object' }) }
  return {
    '~standard': {
      version: 1,
      vendor: 'mine',
      validate: validate as StandardSchema['~standard']['validate'],
      jsonSchema: document,
    },
  }
}

describe('an output that fits', () => {
  test('is the outcome, as data', async () => {
    const played = await talk([good])
    expect(played.outcome).toEqual({ status: 'completed', output: { city: 'Bergen', degrees: 7 } })
  })
  test('is asked for with the schema', async () => {
    const { model } = await talk([good])
    expect(model.calls[0]?.options.responseFormat).toMatchObject({
      type: 'json',
      schema: { type: 'object', required: ['city', 'degrees'] },
    })
  })
  test.each(['```json\n' + good + '\n```', `Here you are: ${good} Enjoy.`, `\n\n${good}\n`])('is found in %j', async (text) => {
    expect((await talk([text])).outcome.status).toBe('completed')
  })
  test('apart from the text is taken', async () => {
    expect((await talk([{ text: 'chat', structuredOutputText: good }])).outcome.status).toBe('completed')
  })
  test('is what the schema makes of it', async () => {
    const output = z.object({ city: z.string(), unit: z.string().default('C') })
    expect((await giving({ city: 'Bergen' }, output)).outcome).toEqual({
      status: 'completed',
      output: { city: 'Bergen', unit: 'C' },
    })
  })
  test('by plain JSON Schema', async () => {
    const schema = jsonSchema({ type: 'object', required: ['a'], properties: { a: { type: 'number' } } })
    expect((await giving({ a: 1 }, schema)).outcome.status).toBe('completed')
  })
  test('by a schema that answers later', async () => {
    expect(
      (
        await giving(
          { a: 1 },
          standard(async (value) => ({ value })),
        )
      ).outcome,
    ).toEqual({ status: 'completed', output: { a: 1 } })
  })
})

describe('an output that does not fit', () => {
  test('gets one turn to mend it, with every path', async () => {
    const played = await talk([bad, { text: good, expect: { lastUserText: /\/degrees/ } }])
    expect(played.outcome.status).toBe('completed')
    const reject = played.history.find((event) => event.type === 'output-reject')
    expect(reject).toMatchObject({ output: { degrees: 'cold' }, issues: [{ path: '/degrees' }] })
  })
  test('twice fails with OUTPUT_INVALID, path, issues and the output', async () => {
    const played = await talk([bad, bad])
    expectFailure(played.outcome, 'OUTPUT_INVALID', '"subject"', '/degrees')
    expect(errorOf(played.outcome).details).toMatchObject({ issues: [{ path: '/degrees' }], output: { city: 'Bergen' } })
  })
  test('fails at once with repairs: 0', async () => {
    const played = await talk([bad], { limits: { repairs: 0 } })
    expectFailure(played.outcome, 'OUTPUT_INVALID')
    expect(played.model.calls).toHaveLength(1)
  })
  test('gets as many turns as limits.repairs says', async () => {
    expect((await talk([bad, bad, bad, good], { limits: { repairs: 3 } })).outcome.status).toBe('completed')
  })
  test.each(['I do not know', '{"city":', '', '```json\n{"a":\n```'])(
    'and is no JSON at all (%j) gets one turn, then fails typed',
    async (text) => {
      const played = await talk([text, text])
      expect(errorOf(played.outcome).code).toMatch(/MODEL_ANSWER_INVALID|OUTPUT_INVALID/)
      expect(played.model.calls).toHaveLength(2)
    },
  )
  test('with a hostile key is not taken, and harms nobody', async () => {
    const text = '{"city":"Bergen","degrees":7,"__proto__":{"polluted":"yes"}}'
    const played = await talk([text, text])
    expect(errorOf(played.outcome).code).toMatch(/MODEL_ANSWER_INVALID|OUTPUT_INVALID/)
  })
  test('of a planner without a model comes back to the planner once', async () => {
    let asked = 0
    const played = await play(
      agent(
        'subject',
        plan((run) => {
          asked += 1
          return { type: 'finish', output: run.rejectedNow ? { city: 'Bergen', degrees: 7 } : 'first try' }
        }),
        { output: weather as never },
      ),
    )
    expect(asked).toBe(2)
    expect(played.outcome.status).toBe('completed')
  })
})

describe('a schema that misbehaves ends the run typed, and does not blame the planner', () => {
  test.each([
    [
      'throws',
      () => {
        throw new Error('no database')
      },
    ],
    ['rejects', () => Promise.reject(new Error('no database'))],
    ['gives undefined', () => undefined],
    ['gives undefined later', async () => undefined],
    ['gives issues that are no list', () => ({ issues: 'wrong' })],
  ])('%s', async (_name, validate) => {
    const played = await giving({ a: 1 }, standard(validate))
    expectFailure(played.outcome, 'OUTPUT_INVALID', '"subject"')
  })
  test.each([
    ['a bigint', 10n],
    ['a date', new Date(0)],
    ['a map', new Map()],
    [
      'a class instance',
      new (class Weather {
        degrees = 7
      })(),
    ],
    ['NaN', Number.NaN],
    ['undefined', undefined],
  ])('makes %s of the output: what is recorded is JSON all the same', async (_name, value) => {
    const played = await giving(
      { a: 1 },
      standard(() => ({ value })),
    )
    expectJson(played.outcome)
    expectJson(played.record)
  })
  test('that keeps what it gave and changes it later does not change the history', async () => {
    const value = { list: [1] }
    const played = await giving(
      { a: 1 },
      standard(() => ({ value })),
    )
    value.list.push(2)
    const again = await played.ops.record(played.run.id)
    expect(again.outcome).toEqual({ status: 'completed', output: { list: [1] } })
  })
})
