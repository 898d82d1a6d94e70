import { describe, expect, it, vi } from 'vitest'
import { type Model, type ModelCallOptions, type ModelPart, OpspawnError } from '../../core/index.ts'
import { aiSdkModel } from './ai-sdk-model.ts'
import { requireModel } from '../../orchestrator/checks/model.ts'
import type { CallOptionsV2, ModelV2, UsageV2 } from './shapes-v2.ts'
import type { ModelV3 } from './shapes-v3.ts'

const hello: ModelCallOptions = { prompt: [{ role: 'user', content: [{ type: 'text', text: 'hello' }] }] }
const usageV2: UsageV2 = { inputTokens: 1, outputTokens: 2, totalTokens: 3 }
const usageV3 = { inputTokens: { total: 1, noCache: 1 }, outputTokens: { total: 2 }, raw: { a: 1 } }
const stop = { unified: 'stop', raw: 'end' }

/** A V2 model that answers with the given parts, and as a stream with the given parts. */
function modelV2(
  answer: { content?: ModelPart[]; finishReason?: string; warnings?: object[]; parts?: ModelPart[] } = {},
): ModelV2 & { calls: CallOptionsV2[] } {
  const calls: CallOptionsV2[] = []
  return {
    specificationVersion: 'v2',
    provider: 'old',
    modelId: 'm',
    calls,
    async doGenerate(options) {
      calls.push(options)
      const { content = [], finishReason = 'stop', warnings = [] } = answer
      return { content, finishReason, usage: usageV2, warnings, providerMetadata: { old: { a: 1 } }, response: { id: 'r' } }
    },
    async doStream(options) {
      calls.push(options)
      return { stream: ReadableStream.from(answer.parts ?? []) }
    },
  }
}

function modelV3(
  answer: { content?: ModelPart[]; finishReason?: typeof stop | { unified: string; raw: undefined }; parts?: ModelPart[] } = {},
): ModelV3 {
  return {
    specificationVersion: 'v3',
    provider: 'newer',
    modelId: 'm',
    supportedUrls: { 'image/*': [/^https:/] },
    doGenerate: async () => ({
      content: answer.content ?? [],
      finishReason: answer.finishReason ?? stop,
      usage: usageV3,
      warnings: [],
    }),
    doStream: async () => ({ stream: ReadableStream.from(answer.parts ?? []) }),
  }
}

async function partsOf(model: Model, options: ModelCallOptions = hello): Promise<ModelPart[]> {
  const { stream } = await model.doStream(options)
  const parts: ModelPart[] = []
  for await (const part of stream as AsyncIterable<ModelPart>) parts.push(part)
  return parts
}

describe('what is taken', () => {
  it('gives a V4 model back as it is', () => {
    const model = { ...modelV3(), specificationVersion: 'v4' as const }
    expect(aiSdkModel(model)).toBe(model)
  })

  it('makes V4 models that core takes, under their own names', () => {
    for (const model of [aiSdkModel(modelV2()), aiSdkModel(modelV3())]) {
      expect(() => requireModel('test', model)).not.toThrow()
      expect(model.specificationVersion).toBe('v4')
    }
    expect(aiSdkModel(modelV2())).toMatchObject({ provider: 'old', modelId: 'm', supportedUrls: {} })
    expect(aiSdkModel(modelV3())).toMatchObject({ provider: 'newer', supportedUrls: { 'image/*': [/^https:/] } })
  })

  it.each([
    ['openai/gpt-5', 'there is no default gateway'],
    [undefined, 'found undefined'],
    [null, 'found null'],
    [7, 'found 7'],
    [{ specificationVersion: 'v2', doEmbed() {} }, 'found specification version "v2"'],
    [{ doGenerate() {} }, 'found specification version none'],
  ])('refuses %j', (value, message) => {
    expect(() => aiSdkModel(value as unknown as Model)).toThrow(
      expect.objectContaining({ code: 'MODEL_UNSUPPORTED', message: expect.stringContaining(message) as string }) as Error,
    )
  })

  it('uses a model of an unknown version as V4, and says so', async () => {
    const onWarning = vi.fn<(message: string) => void>()
    const future = {
      ...modelV3({ content: [{ type: 'text' }], parts: [{ type: 'file', data: 'AA==' } as ModelPart] }),
      specificationVersion: 'v9',
    }
    const model = aiSdkModel(future as unknown as Model, { onWarning })
    expect(onWarning).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('newer/m has the specification version "v9"'))
    expect(() => requireModel('test', model)).not.toThrow()

    const warnings = [{ type: 'unsupported', feature: 'specificationVersion', details: onWarning.mock.calls[0]?.[0] }]
    expect(await model.doGenerate(hello)).toEqual({ content: [{ type: 'text' }], finishReason: stop, usage: usageV3, warnings })
    expect(await partsOf(model)).toEqual([
      { type: 'stream-start', warnings },
      { type: 'file', data: 'AA==' },
    ])
    const unversioned = { ...future, specificationVersion: undefined }
    expect(aiSdkModel(unversioned as unknown as Model).specificationVersion).toBe('v4')
  })

  it('passes the whole call to a model of an unknown version, and its finish and warnings back', async () => {
    const asked = vi.fn<(options: ModelCallOptions) => void>()
    const finish = { type: 'finish', finishReason: { unified: 'other', raw: undefined }, usage: usageV3 }
    const parts = [{ type: 'stream-start', warnings: [{ type: 'new' }] }, finish]
    const future = {
      ...modelV3(),
      specificationVersion: 'v9',
      async doStream(options: ModelCallOptions) {
        asked(options)
        return { stream: ReadableStream.from(parts) }
      },
    }
    const got = await partsOf(aiSdkModel(future as unknown as Model), { ...hello, reasoning: 'high' })
    expect(asked).toHaveBeenCalledWith({ ...hello, reasoning: 'high' })
    expect(got).toMatchObject([{ warnings: [{ feature: 'specificationVersion' }, { type: 'new' }] }, finish])
  })

  it('calls the methods of a class instance on the instance', async () => {
    class Old {
      readonly #name = 'private'
      readonly specificationVersion = 'v2' as const
      get provider(): string {
        return this.#name
      }
      get modelId(): string {
        return this.#name
      }
      get supportedUrls(): Record<string, RegExp[]> {
        return { [this.#name]: [] }
      }
      async doGenerate(): Promise<Awaited<ReturnType<ModelV2['doGenerate']>>> {
        return { content: [{ type: this.#name }], finishReason: 'stop', usage: usageV2, warnings: [] }
      }
      async doStream(): Promise<Awaited<ReturnType<ModelV2['doStream']>>> {
        return { stream: ReadableStream.from([{ type: this.#name }]) }
      }
    }
    const model = aiSdkModel(new Old())
    expect(model).toMatchObject({ provider: 'private', modelId: 'private', supportedUrls: { private: [] } })
    expect(await model.doGenerate(hello)).toMatchObject({ content: [{ type: 'private' }] })
    expect(await partsOf(model)).toEqual([{ type: 'private' }])
  })
})

describe('answers of V2', () => {
  it('are lifted, and keep metadata, response and parts that are not known', async () => {
    const text = { type: 'text', text: 'hi', providerMetadata: { old: { signature: 's' } } }
    const future = { type: 'not-invented-yet', data: 'kept' }
    const content = [
      text,
      future,
      { type: 'file', mediaType: 'image/png', data: 'AA==' },
      { type: 'tool-result', toolCallId: 'c', toolName: 't', result: null, providerExecuted: true },
      { type: 'tool-result', toolCallId: 'd', toolName: 't', result: { a: 1 }, isError: true },
    ]
    const result = await aiSdkModel(modelV2({ content })).doGenerate(hello)
    expect(result).toEqual({
      content: [
        text,
        future,
        { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'AA==' } },
        { type: 'tool-result', toolCallId: 'c', toolName: 't', result: {} },
        { type: 'tool-result', toolCallId: 'd', toolName: 't', result: { a: 1 }, isError: true },
      ],
      finishReason: { unified: 'stop', raw: undefined },
      usage: {
        inputTokens: { total: 1, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
        outputTokens: { total: 2, text: undefined, reasoning: undefined },
        raw: usageV2,
      },
      warnings: [],
      providerMetadata: { old: { a: 1 } },
      response: { id: 'r' },
    })
  })

  it.each([
    ['stop', 'stop', 'stop'],
    ['length', 'length', 'length'],
    ['content-filter', 'content-filter', 'content-filter'],
    ['tool-calls', 'tool-calls', 'tool-calls'],
    ['error', 'error', 'error'],
    ['other', 'other', 'other'],
    ['unknown', 'other', 'interrupted'],
    [undefined, 'other', 'interrupted'],
    ['paused', 'other', 'other'],
  ])('that end with %s end with %s, and with %s in a stream', async (finishReason, generated, streamed) => {
    const model = modelV2({ parts: [{ type: 'finish', finishReason, usage: usageV2 } as ModelPart] })
    model.doGenerate = async () => ({ content: [], finishReason: finishReason as string, usage: usageV2, warnings: [] })
    expect((await aiSdkModel(model).doGenerate(hello)).finishReason).toEqual({
      unified: generated,
      raw: finishReason === 'paused' ? 'paused' : undefined,
    })
    expect(await partsOf(aiSdkModel(model))).toMatchObject([{ type: 'finish', finishReason: { unified: streamed } }])
  })

  it('carry what the call lost before the warnings of the model', async () => {
    const warnings = [
      { type: 'unsupported-setting', setting: 'topK', details: 'no' },
      { type: 'unsupported-setting', setting: 'seed' },
      { type: 'unsupported-tool', tool: { name: 'search' } },
      { type: 'other', message: 'hm' },
    ]
    const lifted = [
      { type: 'unsupported', feature: 'reasoning' },
      { type: 'unsupported', feature: 'topK', details: 'no' },
      { type: 'unsupported', feature: 'seed' },
      { type: 'unsupported', feature: 'tool "search"' },
      { type: 'other', message: 'hm' },
    ]
    const model = modelV2({ warnings, parts: [{ type: 'stream-start', warnings } as ModelPart, { type: 'ping' }] })
    expect(await aiSdkModel(model).doGenerate({ ...hello, reasoning: 'low' })).toMatchObject({ warnings: lifted })
    expect(await partsOf(aiSdkModel(model), { ...hello, reasoning: 'low' })).toMatchObject([
      { type: 'stream-start', warnings: lifted },
      { type: 'ping' },
    ])
    expect(model.calls).toEqual([hello, hello])
  })

  it('carry what the call lost also where the stream does not begin as it should', async () => {
    const parts = [{ type: 'text-start', id: '0' } as ModelPart, { type: 'stream-start', warnings: [] } as ModelPart]
    expect(await partsOf(aiSdkModel(modelV2({ parts })), { ...hello, reasoning: 'low' })).toMatchObject([
      { type: 'stream-start', warnings: [{ feature: 'reasoning' }] },
      parts[0],
      { type: 'stream-start', warnings: [] },
    ])
  })

  it('may be streams without a finish part, which stay so', async () => {
    const parts = [{ type: 'text-start', id: '0' } as ModelPart]
    expect(await partsOf(aiSdkModel(modelV2({ parts })))).toEqual(parts)
  })

  it('count the tokens of a stream by the metadata of its finish part', async () => {
    const usage = { inputTokens: 12, cachedInputTokens: 8, outputTokens: 9 }
    const finish = {
      type: 'finish',
      finishReason: 'stop',
      usage,
      providerMetadata: { anthropic: { cacheCreationInputTokens: 0 } },
    }
    expect(await partsOf(aiSdkModel(modelV2({ parts: [finish] })))).toMatchObject([
      {
        usage: { inputTokens: { total: 20, noCache: 12, cacheRead: 8, cacheWrite: 0 } },
        providerMetadata: finish.providerMetadata,
      },
    ])
  })
})

describe('answers of V3', () => {
  it('keep usage, warnings and finish reason; files are tagged', async () => {
    const bytes = new Uint8Array([1])
    const tagged = { type: 'file', mediaType: 'image/png', data: { type: 'url', url: 'https://example.com/a' } }
    const content = [
      { type: 'file', mediaType: 'image/png', data: bytes } as ModelPart,
      tagged,
      { type: 'tool-approval-request' },
    ]
    expect(await aiSdkModel(modelV3({ content })).doGenerate(hello)).toEqual({
      content: [
        { type: 'file', mediaType: 'image/png', data: { type: 'data', data: bytes } },
        tagged,
        { type: 'tool-approval-request' },
      ],
      finishReason: stop,
      usage: usageV3,
      warnings: [],
    })
  })

  it('are interrupted when a stream ends with a reason that the provider did not give', async () => {
    const finish = (unified: string, raw?: string): ModelPart =>
      ({ type: 'finish', finishReason: { unified, raw }, usage: usageV3 }) as ModelPart
    const endOf = async (part: ModelPart): Promise<unknown> => (await partsOf(aiSdkModel(modelV3({ parts: [part] })))).at(-1)
    expect(await endOf(finish('other'))).toMatchObject({ finishReason: { unified: 'interrupted' }, usage: usageV3 })
    expect(await endOf(finish('other', 'pause_turn'))).toMatchObject({ finishReason: { unified: 'other', raw: 'pause_turn' } })
    expect(await endOf(finish('stop'))).toMatchObject({ finishReason: { unified: 'stop' } })
    const whole = await aiSdkModel(modelV3({ finishReason: { unified: 'other', raw: undefined } })).doGenerate(hello)
    expect(whole.finishReason).toEqual({ unified: 'other', raw: undefined })
  })

  it('pass warnings through', async () => {
    const start = { type: 'stream-start', warnings: [{ type: 'unsupported', feature: 'topK' }] }
    expect(await partsOf(aiSdkModel(modelV3({ parts: [start] })))).toEqual([start])
  })
})

describe('failures', () => {
  it('of the model come out as they are', async () => {
    const error = Object.assign(new Error('slow down'), { statusCode: 429 })
    const fail = async (): Promise<never> => Promise.reject(error)
    const model = aiSdkModel({ ...modelV3(), doGenerate: fail, doStream: fail })
    await expect(model.doGenerate(hello)).rejects.toBe(error)
    await expect(model.doStream(hello)).rejects.toBe(error)
  })

  it('of lowering reject the call before the model is asked', async () => {
    const model = modelV2()
    const file = { type: 'file', mediaType: 'image/png', data: { type: 'reference', reference: {} } }
    const call = aiSdkModel(model).doGenerate({ prompt: [{ role: 'user', content: [file] }] })
    await expect(call).rejects.toSatisfy((error) => OpspawnError.is(error, 'MODEL_FAILED'))
    expect(model.calls).toEqual([])
  })

  it('of an abort are left to the model, which gets the signal itself', async () => {
    const { signal } = new AbortController()
    const model = modelV2()
    await aiSdkModel(model).doStream({ ...hello, abortSignal: signal })
    expect(model.calls[0]?.abortSignal).toBe(signal)
  })
})
