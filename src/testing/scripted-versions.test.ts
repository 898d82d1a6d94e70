import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { scriptedModel } from './scripted-model.ts'
import { ask, collect } from '../../test/fixtures/model-calls.ts'

test('the V2 and V3 forms share the script and have their own shapes', async () => {
  const answer = { text: 'hi', usage: { inputTokens: 20, outputTokens: 9, cacheRead: 8, reasoning: 5 } }
  const file = { content: [{ type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'AA==' } }] }
  const model = scriptedModel([
    answer,
    answer,
    answer,
    answer,
    file,
    { fault: 'interrupted', text: 'x' },
    { fault: 'interrupted', text: 'x' },
    { text: 'y', usage: 'unreported' },
  ])
  const v2 = model.asV2()
  const v3 = model.asV3()
  const call = { prompt: ask('x').prompt }
  const flat = { inputTokens: 20, outputTokens: 9, totalTokens: 29, reasoningTokens: 5, cachedInputTokens: 8 }
  expect([v2.specificationVersion, v3.specificationVersion, v2.provider, v3.modelId]).toEqual([
    'v2',
    'v3',
    'scripted',
    'scripted',
  ])
  expect(await v2.doGenerate(call)).toMatchObject({
    content: [{ type: 'text', text: 'hi' }],
    finishReason: 'stop',
    usage: flat,
    warnings: [],
  })
  expect((await collect((await v2.doStream(call)).stream)).at(-1)).toEqual({ type: 'finish', finishReason: 'stop', usage: flat })
  expect(await v3.doGenerate(call)).toMatchObject({
    finishReason: { unified: 'stop', raw: undefined },
    usage: { inputTokens: { total: 20, noCache: 12 } },
  })
  expect((await collect((await v3.doStream(call)).stream)).at(-1)).toMatchObject({
    type: 'finish',
    finishReason: { unified: 'stop' },
    usage: { outputTokens: { text: 4 } },
  })
  expect((await v3.doGenerate(call)).content).toEqual([{ type: 'file', mediaType: 'image/png', data: 'AA==' }])
  expect((await collect((await v2.doStream(call)).stream)).at(-1)).toMatchObject({ finishReason: 'unknown' })
  expect((await collect((await v3.doStream(call)).stream)).at(-1)).toMatchObject({
    finishReason: { unified: 'other', raw: undefined },
  })
  expect((await v2.doGenerate(call)).usage).toEqual({ inputTokens: undefined, outputTokens: undefined, totalTokens: undefined })
  model.assertComplete()
})

test('an older form cancels while a part is awaited', async () => {
  const control = new AbortController()
  const { stream } = await scriptedModel([{ fault: 'hang', text: 'x' }])
    .asV2()
    .doStream(ask('x', { abortSignal: control.signal }) as never)
  const reader = stream.getReader()
  for (let at = 0; at < 6; at += 1) if ((await reader.read()).value?.type === 'text-end') break
  const pending = reader.read()
  await reader.cancel()
  expect(await pending).toEqual({ done: true, value: undefined })
  expect(getEventListeners(control.signal, 'abort')).toHaveLength(0)
})
