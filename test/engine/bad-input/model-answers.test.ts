import { describe, expect, test } from 'vitest'
import { type Model } from '../../../src/index.ts'
import {
  agent,
  callModel,
  errorOf,
  expectFailure,
  guardFile,
  hostile,
  modelOf,
  once,
  play,
  providerError,
  reply,
} from '../harness.ts'
import { trap } from './hostile-values.ts'

guardFile()

const asked = (model: Model, watch = false) =>
  play(agent('subject', once(callModel('m')), { model, retry: { attempts: 2 } }), { watch })
/** A model whose stream gives the same as its whole answer would. */
const streaming = (give: () => unknown): Model => ({
  ...modelOf(() => trap()),
  doStream: (async () => give()) as Model['doStream'],
})
async function* parts(...list: unknown[]): AsyncGenerator<unknown> {
  yield* list
}
const finish = {
  type: 'finish',
  finishReason: { unified: 'stop' },
  usage: { inputTokens: { total: 1 }, outputTokens: { total: 1 } },
}

describe('a model that answers nonsense gives MODEL_ANSWER_INVALID with its name', () => {
  test.each([
    ['null', null],
    ['undefined', undefined],
    ['a text', 'hello'],
    ['a number', 5],
    ['a list', []],
    ['an empty object', {}],
    ['content that is a text', { ...reply('x'), content: 'hello' }],
    ['content that is null', { ...reply('x'), content: null }],
    ['content that is an object', { ...reply('x'), content: { 0: 'x', length: 1 } }],
    ['a part that is null', { ...reply('x'), content: [null] }],
    ['a part that is a text', { ...reply('x'), content: ['hello'] }],
    ['a part without a type', { ...reply('x'), content: [{ text: 'hello' }] }],
    ['a part whose type is a number', { ...reply('x'), content: [{ type: 5 }] }],
    ['a text part without text', { ...reply('x'), content: [{ type: 'text' }] }],
    ['a text part whose text is a number', { ...reply('x'), content: [{ type: 'text', text: 5 }] }],
    ['a tool call without a name', { ...reply('x'), content: [{ type: 'tool-call', toolCallId: 'c', input: '{}' }] }],
    ['a tool call without an id', { ...reply('x'), content: [{ type: 'tool-call', toolName: 'x', input: '{}' }] }],
    ['a part with a map', { ...reply('x'), content: [{ type: 'custom', kind: 'a.b', data: new Map() }] }],
    ['a part with a bigint', { ...reply('x'), content: [{ type: 'custom', kind: 'a.b', n: 10n }] }],
    ['a part with __proto__', { ...reply('x'), content: [{ type: 'custom', kind: 'a.b', more: hostile() }] }],
    [
      'a part with a getter that throws',
      {
        ...reply('x'),
        content: [
          {
            type: 'custom',
            get kind(): never {
              return trap()
            },
          },
        ],
      },
    ],
    ['structured text that is a number', { ...reply('x'), structuredOutputText: 5 }],
    ['warnings that are a text', { ...reply('x'), warnings: 'careful' }],
    ['warnings with a cycle', { ...reply('x'), warnings: [((w: Record<string, unknown>) => (w['w'] = w))({})] }],
    ['a response id that is a bigint', { ...reply('x'), response: { id: 10n } }],
    ['a model id that is an object', { ...reply('x'), response: { modelId: {} } }],
    ['a finish reason that is an object', { ...reply('x'), finishReason: { unified: {} } }],
    [
      'a content getter that throws',
      {
        get content(): never {
          return trap()
        },
      },
    ],
  ])('%s', async (_name, answer) => {
    const played = await asked(modelOf(() => answer))
    expectFailure(played.effect('m'), 'MODEL_ANSWER_INVALID', 'test/m')
    expect(played.history.filter((event) => event.type === 'effect-retry')).toEqual([])
  })
})

describe('a model that streams nonsense gives the same codes as one that does not', () => {
  test.each([
    ['null', null],
    ['undefined', undefined],
    ['no stream', {}],
    ['a stream that is a text', { stream: 'hello' }],
    ['a stream that is no iterable', { stream: {} }],
    ['a part that is null', { stream: parts(null, finish) }],
    ['a part that is a text', { stream: parts('hello', finish) }],
    ['a delta that is a number', { stream: parts({ type: 'text-delta', id: '1', delta: 5 }, finish) }],
    ['a delta without text', { stream: parts({ type: 'text-delta', id: '1' }, finish) }],
    ['a part with a map', { stream: parts({ type: 'custom', kind: 'a.b', m: new Map() }, finish) }],
    ['warnings that are no list', { stream: parts({ type: 'stream-start', warnings: 5 }, finish) }],
  ])('%s: MODEL_ANSWER_INVALID', async (_name, answer) => {
    const played = await asked(
      streaming(() => answer),
      true,
    )
    expectFailure(played.effect('m'), 'MODEL_ANSWER_INVALID', 'test/m')
  })
  test('a stream without its finish part: MODEL_INTERRUPTED, tried again', async () => {
    const played = await asked(
      streaming(() => ({ stream: parts({ type: 'text-delta', id: '1', delta: 'hel' }) })),
      true,
    )
    expectFailure(played.effect('m'), 'MODEL_INTERRUPTED')
    expect(played.retries('m')).toHaveLength(1)
  })
  test('a stream of nothing: MODEL_INTERRUPTED', async () => {
    expectFailure(
      (
        await asked(
          streaming(() => ({ stream: parts() })),
          true,
        )
      ).effect('m'),
      'MODEL_INTERRUPTED',
    )
  })
  test.each([
    ['a text', 'overloaded', 'MODEL_INTERRUPTED'],
    ['null', null, 'MODEL_INTERRUPTED'],
    ['undefined', undefined, 'MODEL_INTERRUPTED'],
    [
      'an object with a throwing message',
      {
        get message(): never {
          return trap()
        },
      },
      'MODEL_FAILED',
    ],
    ['a cycle', ((c: Record<string, unknown>) => (c['c'] = c))({}), 'MODEL_FAILED'],
    ['a bigint', 10n, 'MODEL_INTERRUPTED'],
  ] as const)('an error part that holds %s fails the call', async (_name, error, code) => {
    const played = await asked(
      streaming(() => ({ stream: parts({ type: 'error', error }) })),
      true,
    )
    expectFailure(played.effect('m'), code)
    expect(played.outcome.status).toBe('completed')
  })
  test('__proto__ in metadata of a delta does not reach any prototype', async () => {
    const delta = { type: 'text-delta', id: '1', delta: 'x', providerMetadata: hostile({ polluted: 'yes' }) }
    const played = await asked(
      streaming(() => ({ stream: parts(delta, finish) })),
      true,
    )
    expect(({} as { polluted?: string }).polluted).toBeUndefined()
    expect(played.effect('m').status).toBe('completed')
  })
  test('a block named __proto__ is a block like any other', async () => {
    const played = await asked(
      streaming(() => ({
        stream: parts(
          { type: 'text-delta', id: '__proto__', delta: 'a' },
          { type: 'text-delta', id: 'constructor', delta: 'b' },
          finish,
        ),
      })),
      true,
    )
    expect(played.effect('m')).toMatchObject({ value: { content: [{ text: 'a' }, { text: 'b' }] } })
  })
})

describe('what a model throws', () => {
  test.each([
    ['a string', 'overloaded'],
    ['an empty object', {}],
    ['undefined', undefined],
    ['null', null],
    ['a number', 429],
    ['a symbol', Symbol('x')],
    [
      'an object with throwing getters',
      {
        get message(): never {
          return trap()
        },
        get statusCode(): never {
          return trap()
        },
      },
    ],
    [
      'an object whose status throws',
      {
        get statusCode(): never {
          return trap()
        },
      },
    ],
    [
      'an object whose headers throw',
      {
        statusCode: 429,
        get responseHeaders(): never {
          return trap()
        },
      },
    ],
    [
      'an object whose isRetryable throws',
      {
        statusCode: 500,
        get isRetryable(): never {
          return trap()
        },
      },
    ],
    ['headers that are a text', { statusCode: 429, isRetryable: true, responseHeaders: 'retry-after: 5' }],
    ['headers that are null', { statusCode: 429, isRetryable: true, responseHeaders: null }],
    ['a Retry-After that is a number', { statusCode: 429, isRetryable: true, responseHeaders: { 'retry-after': 5 } }],
    ['a Retry-After that is a list', { statusCode: 429, isRetryable: true, responseHeaders: { 'retry-after': ['5'] } }],
    [
      'a Retry-After that is null',
      { statusCode: 429, isRetryable: true, responseHeaders: { 'retry-after': null, 'retry-after-ms': null } },
    ],
    ['a proxy that throws', new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap })],
    ['an error of ten megabytes', new Error('x'.repeat(10_000_000))],
  ])('%s fails the call with a typed error, and nothing hangs', async (_name, value) => {
    const played = await asked(
      modelOf(() => {
        throw value
      }),
    )
    expect(played.outcome).toEqual({ status: 'completed', output: 'done' })
    expect(errorOf(played.effect('m')).code).toMatch(/^MODEL_/)
    expect(JSON.stringify(played.history).length).toBeLessThan(5_000_000)
  })
  test('a failure carries status and no secrets of the request', async () => {
    const error = Object.assign(providerError('no', { statusCode: 401, isRetryable: false }), {
      requestBodyValues: { key: 'sk-secret' },
      url: 'http://example.com?key=sk-secret',
    })
    const played = await asked(
      modelOf(() => {
        throw error
      }),
    )
    expect(errorOf(played.effect('m'))).toMatchObject({ code: 'MODEL_FAILED', retryable: false, details: { status: 401 } })
    expect(JSON.stringify(played.history)).not.toMatch('sk-secret')
  })
})

describe('what a model may leave out or add', () => {
  test.each([
    ['usage that is missing', { usage: undefined }],
    ['usage that is null', { usage: null }],
    ['usage of texts', { usage: { inputTokens: '5', outputTokens: 5 } }],
    ['usage of NaN', { usage: { inputTokens: { total: Number.NaN }, outputTokens: { total: -1 } } }],
    ['half the usage', { usage: { inputTokens: { total: 5 }, outputTokens: {} } }],
  ])('%s counts as unreported, never as zero', async (_name, more) => {
    const played = await asked(modelOf(() => ({ ...reply('x'), ...more })))
    expect(played.effect('m').status).toBe('completed')
    expect(played.record.spending.unreported).toBe(1)
  })
  test.each([
    ['no warnings', { warnings: undefined }],
    ['no finish reason', { finishReason: undefined }],
    ['a finish reason of a newer version', { finishReason: { unified: 'paused' } }],
    ['a finish reason that is a text', { finishReason: 'stop' }],
    ['a response without members', { response: {} }],
    ['unknown members', { trace: 'x' }],
    ['a part of an unknown type', { content: [{ type: 'hologram', data: { z: 1 } }] }],
    ['no parts', { content: [] }],
  ])('%s is taken as it is', async (_name, more) => {
    expect((await asked(modelOf(() => ({ ...reply('x'), ...more })))).effect('m').status).toBe('completed')
  })
  test('bytes of a file are kept as base64', async () => {
    const content = [{ type: 'file', mediaType: 'image/png', data: { type: 'data', data: new Uint8Array([1, 2, 3]) } }]
    expect((await asked(modelOf(() => ({ ...reply('x'), content })))).effect('m')).toMatchObject({
      value: { content: [{ data: { type: 'data', data: 'AQID' } }] },
    })
  })
  test('bytes of a file in the form of older versions are kept as base64', async () => {
    const content = [{ type: 'file', mediaType: 'image/png', data: new Uint8Array([1, 2, 3]) }]
    expect(JSON.stringify((await asked(modelOf(() => ({ ...reply('x'), content })))).effect('m'))).toMatch('AQID')
  })
})
