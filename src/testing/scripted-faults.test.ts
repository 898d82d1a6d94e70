import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import type { ModelCallOptions } from '../core/index.ts'
import { scriptedModel } from './scripted-model.ts'
import type { FaultStep } from './scripted-step.ts'

function ask(more: Partial<ModelCallOptions> = {}): ModelCallOptions {
  return { prompt: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }], ...more }
}

/** Reads a stream to its end or its error. */
async function drain(stream: AsyncIterable<{ type: string }>): Promise<{ types: string[]; last: unknown; thrown: unknown }> {
  const types: string[] = []
  let last: unknown
  try {
    for await (const part of stream) {
      types.push(part.type)
      last = part
    }
    return { types, last, thrown: undefined }
  } catch (thrown) {
    return { types, last, thrown }
  }
}

async function streamed(step: FaultStep, more: Partial<ModelCallOptions> = {}): ReturnType<typeof drain> {
  return drain((await scriptedModel([step]).doStream(ask(more))).stream)
}

const rateLimit: FaultStep = { fault: 'rate-limit', retryAfterMs: 1500 }
const serverError: FaultStep = { fault: 'server-error' }

test.each([
  [rateLimit, { statusCode: 429, responseHeaders: { 'retry-after-ms': '1500', 'retry-after': '2' } }],
  [{ fault: 'rate-limit' } as const, { statusCode: 429, responseHeaders: {} }],
  [serverError, { statusCode: 500 }],
])('%j rejects like a provider', async (step, error) => {
  const wanted = { name: 'AI_APICallError', isRetryable: true, ...error }
  await expect(scriptedModel([step]).doGenerate(ask())).rejects.toMatchObject(wanted)
  const thrown: unknown = await scriptedModel([step])
    .doStream(ask())
    .catch((reason: unknown) => reason)
  expect(thrown).toMatchObject(wanted)
  expect((thrown as Record<symbol, unknown>)[Symbol.for('vercel.ai.error.AI_APICallError')]).toBe(true)
  const { types, last, thrown: late } = await streamed({ ...step, text: 'a' })
  expect(types).toEqual(['stream-start', 'response-metadata', 'text-start', 'text-delta', 'text-end', 'error', 'finish'])
  expect(last).toMatchObject({ finishReason: { unified: 'error' } })
  expect(late).toBeUndefined()
})

test('truncated leaves the last block open and has no finish', async () => {
  const text = await streamed({ fault: 'truncated', text: 'a b c d' })
  expect(text.types).toEqual(['stream-start', 'response-metadata', 'text-start', 'text-delta', 'text-delta'])
  const call = await streamed({ fault: 'truncated', text: 'a', toolCalls: [{ name: 't', input: { a: 1, b: 2 } }], deltas: 4 })
  expect(call.types.slice(5)).toEqual(['tool-input-start', 'tool-input-delta', 'tool-input-delta'])
  expect((await streamed({ fault: 'truncated' })).types).toEqual(['stream-start', 'response-metadata'])
  await expect(scriptedModel([{ fault: 'truncated', text: 'a' }]).doGenerate(ask())).rejects.toMatchObject({
    statusCode: 200,
    isRetryable: true,
  })
})

test('interrupted hands out half a call and no usage', async () => {
  const step: FaultStep = { fault: 'interrupted', toolCalls: [{ name: 't', input: { city: 'Bergen' } }] }
  const result = await scriptedModel([step]).doGenerate(ask())
  expect(result.finishReason.unified).toBe('interrupted')
  expect(result.usage.inputTokens.total).toBeUndefined()
  expect(result.content).toMatchObject([{ input: '{"city":"' }])
  expect((await streamed(step)).last).toMatchObject({ finishReason: { unified: 'interrupted' } })
  expect(
    (await scriptedModel([{ fault: 'interrupted', text: 'a', usage: { inputTokens: 1 } }]).doGenerate(ask())).usage.inputTokens
      .total,
  ).toBe(1)
})

test('bad-json is a call of the first tool, of a named one, or a text', async () => {
  const tools = [{ type: 'function' as const, name: 'weather', inputSchema: {} }]
  const half = '{"unfinished": "jso'
  const content = async (step: FaultStep, more?: Partial<ModelCallOptions>): Promise<unknown> =>
    (await scriptedModel([step]).doGenerate(ask(more))).content
  expect(await content({ fault: 'bad-json' }, { tools })).toEqual([
    { type: 'tool-call', toolCallId: 'call-1-1', toolName: 'weather', input: half },
  ])
  expect(await content({ fault: 'bad-json', toolName: 'other', text: 'a', toolCalls: [{ name: 't' }] }, { tools })).toMatchObject(
    [{ text: 'a' }, { toolName: 't' }, { toolName: 'other', input: half }],
  )
  expect(await content({ fault: 'bad-json' })).toEqual([{ type: 'text', text: half }])
  expect(await content({ fault: 'bad-json', content: [{ type: 'text', text: '{' }] })).toEqual([{ type: 'text', text: '{' }])
})

test('throw rejects with any value, at once or behind the content', async () => {
  const thrown = async (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      () => 'nothing',
      (value: unknown) => value,
    )
  for (const value of [undefined, 'text', new Error('x'), { odd: true }]) {
    expect(await thrown(scriptedModel([{ fault: 'throw', value }]).doGenerate(ask()))).toBe(value)
    expect(await thrown(scriptedModel([{ fault: 'throw', value }]).doStream(ask()))).toBe(value)
  }
  const late = await streamed({ fault: 'throw', value: 'late', text: 'a' })
  expect(late).toMatchObject({
    thrown: 'late',
    types: ['stream-start', 'response-metadata', 'text-start', 'text-delta', 'text-end'],
  })
})

test('slow waits on the given clock', async () => {
  const timers: { ms: number; fire: () => void; cancelled: boolean }[] = []
  const clock = {
    setTimer(ms: number, callback: () => void) {
      const timer = { ms, fire: callback, cancelled: false }
      timers.push(timer)
      return () => {
        timer.cancelled = true
      }
    },
  }
  const slow: FaultStep = { fault: 'slow', delayMs: 5000, text: 'late' }
  const model = scriptedModel([slow, slow, { fault: 'server-error', delayMs: 7 }, slow, slow], { clock })
  const result = model.doGenerate(ask())
  await Promise.resolve()
  await expect.poll(() => timers.length).toBe(1)
  timers[0]?.fire()
  expect((await result).content).toEqual([{ type: 'text', text: 'late' }])

  const reading = drain((await model.doStream(ask())).stream)
  await expect.poll(() => timers.length).toBe(2)
  timers[1]?.fire()
  expect((await reading).types).toHaveLength(6)

  const failing = model.doStream(ask()).catch((error: unknown) => error)
  await expect.poll(() => timers.length).toBe(3)
  timers[2]?.fire()
  expect(await failing).toMatchObject({ statusCode: 500 })

  const control = new AbortController()
  const stopped = model.doGenerate(ask({ abortSignal: control.signal })).catch((error: unknown) => error)
  await expect.poll(() => timers.length).toBe(4)
  control.abort(new Error('enough'))
  expect(await stopped).toEqual(new Error('enough'))
  expect(timers[3]).toMatchObject({ ms: 5000, cancelled: true })
  expect(getEventListeners(control.signal, 'abort')).toHaveLength(0)

  const { stream } = await model.doStream(ask())
  const reader = stream.getReader()
  const pending = reader.read()
  await expect.poll(() => timers.length).toBe(5)
  await reader.cancel()
  expect(await pending).toEqual({ done: true, value: undefined })
  expect(timers[4]?.cancelled).toBe(true)
})

test('slow waits in real time by default', async () => {
  expect((await scriptedModel([{ fault: 'slow', delayMs: 1, text: 'late' }]).doGenerate(ask())).content).toHaveLength(1)
  const control = new AbortController()
  const call = scriptedModel([{ fault: 'slow', delayMs: 60_000, text: 'late' }]).doGenerate(ask({ abortSignal: control.signal }))
  setImmediate(() => control.abort(new Error('enough')))
  await expect(call).rejects.toThrow('enough')
})

test.each([{ fault: 'hang' }, { fault: 'hang', text: 'a' }] as const)('%j lasts until an abort', async (step) => {
  const control = new AbortController()
  const reason = new Error('enough')
  const model = scriptedModel([step, step])
  setImmediate(() => control.abort(reason))
  const generated = model.doGenerate(ask({ abortSignal: control.signal }))
  const streamed = model
    .doStream(ask({ abortSignal: control.signal }))
    .then(({ stream }) => drain(stream).then(({ thrown }) => Promise.reject(thrown as Error)))
  expect(await Promise.allSettled([generated, streamed])).toEqual([
    { status: 'rejected', reason },
    { status: 'rejected', reason },
  ])
  expect(getEventListeners(control.signal, 'abort')).toHaveLength(0)
})
