import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { lastUserText } from './prompt-text.ts'
import { scriptedModel } from './scripted-model.ts'
import { ask, collect } from '../../test/fixtures/model-calls.ts'

const usage = {
  inputTokens: { total: 10, noCache: 10, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 5, text: 5, reasoning: undefined },
}

test('one script serves generate and stream', async () => {
  const model = scriptedModel(['Hello there.', { reasoning: 'Hm.', text: 'a b', toolCalls: [{ name: 'add', input: { a: 1 } }] }])
  const result = await model.doGenerate(ask('hi'))
  expect(result).toEqual({
    content: [{ type: 'text', text: 'Hello there.' }],
    finishReason: { unified: 'stop', raw: undefined },
    usage,
    warnings: [],
    response: { id: 'scripted-1', modelId: 'scripted' },
  })
  const { stream } = await model.doStream(ask('again'))
  expect(stream).toBeInstanceOf(ReadableStream)
  expect(await collect(stream)).toEqual([
    { type: 'stream-start', warnings: [] },
    { type: 'response-metadata', id: 'scripted-2', modelId: 'scripted' },
    { type: 'reasoning-start', id: '0' },
    { type: 'reasoning-delta', id: '0', delta: 'Hm.' },
    { type: 'reasoning-end', id: '0' },
    { type: 'text-start', id: '1' },
    { type: 'text-delta', id: '1', delta: 'a' },
    { type: 'text-delta', id: '1', delta: ' b' },
    { type: 'text-end', id: '1' },
    { type: 'tool-input-start', id: 'call-2-1', toolName: 'add' },
    { type: 'tool-input-delta', id: 'call-2-1', delta: '{"a":1}' },
    { type: 'tool-input-end', id: 'call-2-1' },
    { type: 'tool-call', toolCallId: 'call-2-1', toolName: 'add', input: '{"a":1}' },
    { type: 'finish', finishReason: { unified: 'tool-calls', raw: undefined }, usage },
  ])
  model.assertComplete()
})

test('a call beyond the script says what was asked', async () => {
  const model = scriptedModel(['one'])
  await model.doGenerate(ask('first'))
  const error = await Promise.resolve(
    model.doStream(ask('second', { tools: [{ type: 'function', name: 'add', inputSchema: {} }] })),
  ).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    name: 'ScriptExhaustedError',
    message: 'the script has 1 step, and this is call 2: 1 message, last user message "second", tools ["add"]',
  })
  expect(() => model.assertComplete()).toThrow('this is call 2')
})

test('unused steps are named', async () => {
  const model = scriptedModel([
    'one',
    { text: 'two', expect: { messages: 1 } },
    function three() {
      return '3'
    },
  ])
  await model.doGenerate(ask('x'))
  expect(() => model.assertComplete()).toThrow(
    'the script was not followed:\n- step 2 of 3 was not used: {"text":"two"}\n- step 3 of 3 was not used: a function (three)',
  )
  expect(() => scriptedModel(['one', () => 'two']).assertComplete()).toThrow(
    'step 1 of 2 was not used: "one"\n- step 2 of 2 was not used: a function',
  )
})

test('repeat answers every later call with the last step', async () => {
  const model = scriptedModel(['one', 'more'], { repeat: true })
  const texts: unknown[] = []
  for (let at = 0; at < 4; at += 1) texts.push((await model.doGenerate(ask('x'))).content[0])
  expect(texts).toEqual(['one', 'more', 'more', 'more'].map((text) => ({ type: 'text', text })))
  model.assertComplete()
  await expect(scriptedModel([], { repeat: true }).doGenerate(ask('x'))).rejects.toThrow('the script has 0 steps')
})

test('a function makes a step from the call', async () => {
  const model = scriptedModel([
    (call, index) => `${index}: ${lastUserText(call)}`,
    async () => ({ text: 'later', expect: { lastUserText: 'nothing like it' } }),
  ])
  expect((await model.doGenerate(ask('hi'))).content).toEqual([{ type: 'text', text: '0: hi' }])
  await expect(model.doGenerate(ask('hi'))).rejects.toThrow('lastUserText: expected "nothing like it", actual "hi"')
})

test('calls are recorded as copies, unless told otherwise', async () => {
  const model = scriptedModel(['one', 'two'])
  const bytes = new Uint8Array([1])
  const call = ask('x', { temperature: 0, abortSignal: new AbortController().signal })
  const content = call.prompt[0]?.content as object[]
  content.push({
    type: 'file',
    data: { type: 'data', data: bytes },
    at: new Date(0),
    url: new URL('http://localhost/'),
  })
  await model.doGenerate(call)
  call.prompt.length = 0
  bytes[0] = 2
  await collect((await model.asV3().doStream(ask('y'))).stream)
  expect(model.calls).toMatchObject([
    { index: 0, method: 'generate', version: 'v4', options: { temperature: 0 } },
    { index: 1, method: 'stream', version: 'v3' },
  ])
  expect(model.calls[0]?.options.prompt[0]?.content[1]).toMatchObject({ data: { data: new Uint8Array([1]) } })
  expect(model.calls[0]?.options.abortSignal).toBe(call.abortSignal)
  const quiet = scriptedModel(['one'], { record: false })
  await quiet.doGenerate(ask('x'))
  expect(quiet.calls).toEqual([])
})

test('steps set finish reason, usage, ids, structured text and the cut of deltas', async () => {
  const model = scriptedModel(
    [
      { text: 'x', finishReason: 'length', usage: 'unreported', structuredOutputText: '{}' },
      { text: 'x', usage: { inputTokens: 20, outputTokens: 9, cacheRead: 8, cacheWrite: 2, reasoning: 4 } },
      { text: 'a😀bc d', toolCalls: [{ name: 't', input: '{oh', id: 'mine' }, { name: 'u' }], deltas: 2 },
      { text: '', deltas: 'whole' },
      { text: 'ab', deltas: (text) => [text, ''] },
      ' ',
    ],
    { modelId: 'm', provider: 'p', deltas: 'whole' },
  )
  expect([model.provider, model.modelId, model.supportedUrls]).toEqual(['p', 'm', {}])
  expect(await model.doGenerate(ask('x'))).toMatchObject({
    finishReason: { unified: 'length' },
    usage: { inputTokens: { total: undefined, noCache: undefined }, outputTokens: { total: undefined } },
    structuredOutputText: '{}',
    response: { modelId: 'm' },
  })
  expect((await model.doGenerate(ask('x'))).usage).toEqual({
    inputTokens: { total: 20, noCache: 10, cacheRead: 8, cacheWrite: 2 },
    outputTokens: { total: 9, text: 5, reasoning: 4 },
  })
  const third = await collect((await model.doStream(ask('x'))).stream)
  expect(third.flatMap((part) => (part.type === 'text-delta' ? [part.delta] : []))).toEqual(['a😀', 'bc', ' d'])
  expect(third.filter((part) => part.type === 'tool-call')).toEqual([
    { type: 'tool-call', toolCallId: 'mine', toolName: 't', input: '{oh' },
    { type: 'tool-call', toolCallId: 'call-3-2', toolName: 'u', input: '{}' },
  ])
  const deltas = async (): Promise<unknown> =>
    (await collect((await model.doStream(ask('x'))).stream)).flatMap((part) => (part.type === 'text-delta' ? [part.delta] : []))
  expect(await deltas()).toEqual([])
  expect(await deltas()).toEqual(['ab', ''])
  expect(await deltas()).toEqual([' '])
})

test('raw parts pass through, and metadata of blocks comes at their end', async () => {
  const content = [
    { type: 'text', text: 'x', providerMetadata: { p: { mark: 1 } } },
    { type: 'from-the-future', value: 1 },
    { type: 'tool-call', toolCallId: 'c', toolName: 'search', input: '{}', providerExecuted: true },
  ]
  const model = scriptedModel([{ content }, { content }])
  const result = await model.doGenerate(ask('x'))
  expect(result.content).toEqual(content)
  expect(result.finishReason.unified).toBe('stop')
  const parts = await collect((await model.doStream(ask('x'))).stream)
  expect(parts).toContainEqual({ type: 'text-end', id: '0', providerMetadata: { p: { mark: 1 } } })
  expect(parts).toContainEqual(content[1])
})

test('interleaved blocks keep their order of starting', async () => {
  const model = scriptedModel([{ text: 'a b', toolCalls: [{ name: 't' }], interleave: true }, { interleave: true }])
  const parts = await collect((await model.doStream(ask('x'))).stream)
  expect(parts.slice(2, -1).map((part) => part.type)).toEqual([
    'text-start',
    'tool-input-start',
    'text-delta',
    'tool-input-delta',
    'text-delta',
    'tool-input-end',
    'text-end',
    'tool-call',
  ])
  expect(await collect((await model.doStream(ask('x'))).stream)).toHaveLength(3)
})

test('fast streams are plain iterables with the same parts', async () => {
  const slow = scriptedModel(['a b'])
  const model = scriptedModel(['a b', { fault: 'hang', text: 'x' }], { fast: true })
  const { stream } = await model.doStream(ask('x'))
  expect(stream).not.toBeInstanceOf(ReadableStream)
  expect(await collect(stream)).toEqual(await collect((await slow.doStream(ask('x'))).stream))
  for await (const part of (await model.doStream(ask('x'))).stream) if (part.type === 'text-delta') break
})

test('a call with an aborted signal takes no step', async () => {
  const model = scriptedModel(['one'])
  const reason = new Error('stop')
  await expect(model.doGenerate(ask('x', { abortSignal: AbortSignal.abort(reason) }))).rejects.toBe(reason)
  await expect(model.doStream(ask('x', { abortSignal: AbortSignal.abort(reason) }))).rejects.toBe(reason)
  await model.doGenerate(ask('x'))
  model.assertComplete()
})

test('an abort between two reads ends a stream', async () => {
  const control = new AbortController()
  const { stream } = await scriptedModel(['a b c']).doStream(ask('x', { abortSignal: control.signal }))
  const reader = stream.getReader()
  await reader.read()
  control.abort(new Error('enough'))
  await expect(reader.read()).rejects.toThrow('enough')
  expect(getEventListeners(control.signal, 'abort')).toHaveLength(0)
})

test('an abort while a function makes the step is honoured', async () => {
  const control = new AbortController()
  const model = scriptedModel([
    async () => {
      control.abort(new Error('enough'))
      return 'late'
    },
  ])
  await expect(model.doGenerate(ask('x', { abortSignal: control.signal }))).rejects.toThrow('enough')
})
