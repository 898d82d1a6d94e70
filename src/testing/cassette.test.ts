import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { OpspawnError, type Model, type ModelCallOptions, type ModelPart } from '../core/index.ts'
import { openCassette, type CassetteOptions } from './cassette-file.ts'
import { recordModel, replayModel } from './cassette.ts'
import { modelConformance } from './model-conformance.ts'
import { scenarioStep } from './model-scenarios.ts'
import { partIterator } from './part-stream.ts'
import { scriptedModel } from './scripted-model.ts'
import { temporaryFolder } from '../../test/fixtures/temporary-folder.ts'
import type { ScriptedStep } from './scripted-step.ts'
import { ask } from '../../test/fixtures/model-calls.ts'

const folder = temporaryFolder()
const pathOf = (): string => join(folder.path, 'nested', 'run.json')

function open(mode: NonNullable<CassetteOptions['mode']>, more: CassetteOptions = {}) {
  return openCassette(pathOf(), { mode, ci: false, ...more })
}

async function read(model: Model, call: ModelCallOptions): Promise<ModelPart[]> {
  const { stream } = await model.doStream(call)
  const iterator = partIterator(stream)
  const parts: ModelPart[] = []
  for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) parts.push(step.value)
  return parts
}

async function rejection(promise: PromiseLike<unknown>): Promise<unknown> {
  return promise.then(
    () => 'nothing',
    (error: unknown) => error,
  )
}

/** Records one call for each step. */
async function record(
  steps: readonly ScriptedStep[],
  texts: readonly string[],
  method: 'generate' | 'stream' = 'generate',
  more: Partial<ModelCallOptions> = {},
): Promise<void> {
  const model = recordModel(scriptedModel(steps), open('record'))
  for (const text of texts)
    await rejection(method === 'generate' ? model.doGenerate(ask(text, more)) : read(model, ask(text, more)))
}

test('what was recorded is replayed, generate and stream', async () => {
  const steps = ['one', { reasoning: 'hm', text: 'a b', toolCalls: [{ name: 't', input: { a: 1 } }] }]
  const real = scriptedModel(steps, { provider: 'p', modelId: 'm/1' })
  const recording = recordModel(real, open('record'))
  expect(recording).toMatchObject({ specificationVersion: 'v4', provider: 'p', modelId: 'm/1' })
  const first = await recording.doGenerate(ask('x', { headers: { authorization: 'Bearer secret' }, temperature: 0 }))
  const second = await read(recording, ask('y'))
  expect(readFileSync(pathOf(), 'utf8')).not.toMatch(/authorization|secret/)

  const cassette = open('replay')
  expect(cassette.calls.map((call) => Object.keys(call.request))).toEqual([
    ['method', 'model', 'prompt', 'temperature'],
    ['method', 'model', 'prompt'],
  ])
  const model = replayModel(cassette)
  expect(model).toMatchObject({ specificationVersion: 'v4', provider: 'p', modelId: 'm/1' })
  expect(() => model.assertComplete()).toThrow('recorded call 1 was not asked for: generate, 1 message, last {"content"')
  // In another order and with other headers: each request finds its own.
  expect(await read(model, ask('y', { headers: { date: 'today' } }))).toEqual(second)
  expect(await model.doGenerate(ask('x', { temperature: 0 }))).toEqual(first)
  model.assertComplete()
})

test('a recording is deterministic', async () => {
  await record(['one', 'two'], ['x', 'y'], 'stream', { seed: 1, temperature: 0 })
  const first = readFileSync(pathOf(), 'utf8')
  await record(['one', 'two'], ['x', 'y'], 'stream', { temperature: 0, seed: 1 })
  expect(readFileSync(pathOf(), 'utf8')).toBe(first)
  expect(JSON.parse(first)).toMatchObject({ cassette: 1 })
  expect(existsSync(`${pathOf()}.new`)).toBe(false)
})

test('equal requests are answered in their recorded order, each once', async () => {
  await record(['one', 'two'], ['x', 'x'])
  const model = replayModel(open('replay'))
  expect((await model.doGenerate(ask('x'))).content).toEqual([{ type: 'text', text: 'one' }])
  expect((await model.doGenerate(ask('x'))).content).toEqual([{ type: 'text', text: 'two' }])
  const error = await rejection(model.doGenerate(ask('x')))
  expect(OpspawnError.is(error, 'CASSETTE_MISMATCH')).toBe(true)
  expect(error).toMatchObject({
    message: `call 3 of model scripted/scripted is not in cassette ${pathOf()} that often: recorded call 1 was asked for already. If the change is meant, record the cassette anew: delete the file and run without CI.`,
    details: { nearest: 1, differences: 0 },
  })
  expect(() => model.assertComplete()).toThrow('that often')
})

test('drift is shown against the nearest recorded call', async () => {
  await record(['one', 'two'], ['something else', 'What is the weather in Bergen?'], 'generate', { temperature: 0 })
  const model = replayModel(open('replay'))
  const error = await rejection(model.doGenerate(ask('What is the weather in Oslo?', { temperature: 0, seed: 1 })))
  expect(error).toMatchObject({
    message: `call 1 of model scripted/scripted is not in cassette ${pathOf()}. The nearest is recorded call 2, which differs in 2 places:
  /prompt/0/content/0/text: recorded "What is the weather in Bergen?", asked "What is the weather in Oslo?"
  /seed: recorded nothing, asked 1
If the change is meant, record the cassette anew: delete the file and run without CI.`,
    details: { nearest: 2, differences: 2, path: '/prompt/0/content/0/text' },
    retryable: false,
  })
  const stream = await rejection(model.doStream(ask('What is the weather in Bergen?', { temperature: 0 })))
  expect(stream).toMatchObject({
    message: expect.stringContaining('in one place:\n  /method: recorded "generate", asked "stream"') as string,
  })
  expect(() => model.assertComplete()).toThrow(/was not followed:\n- call 1 .*\n[^]*- recorded call 1 was not asked for/)
})

test('match loosens what must be equal', async () => {
  await record(['one', 'two'], ['x', 'y'], 'generate', { temperature: 0 })
  const byPrompt = replayModel(open('replay'), { match: 'prompt' })
  expect((await byPrompt.doGenerate(ask('y', { temperature: 1 }))).content).toEqual([{ type: 'text', text: 'two' }])
  expect(await rejection(byPrompt.doGenerate(ask('z', { temperature: 1 })))).toMatchObject({ details: { differences: 1 } })
  const anything = replayModel(open('replay'), { match: (recorded, asked) => recorded['temperature'] === asked['temperature'] })
  expect((await anything.doGenerate(ask('?', { temperature: 0 }))).content).toEqual([{ type: 'text', text: 'one' }])
  const nothing = replayModel(open('replay'), { match: () => false })
  expect(await rejection(nothing.doGenerate(ask('x', { temperature: 0 })))).toMatchObject({
    message: expect.stringContaining('but the match option refuses it') as string,
  })
})

test('errors of the model are replayed with what programs look at', async () => {
  const own = new OpspawnError('MODEL_UNAVAILABLE', 'down', { details: { why: 'rain' } })
  const plain = Object.assign(
    new TypeError('fetch failed', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) }),
    {},
  )
  const steps: ScriptedStep[] = [
    { fault: 'rate-limit', retryAfterMs: 1500 },
    { fault: 'throw', value: own },
    { fault: 'throw', value: plain },
    { fault: 'throw', value: 'text' },
    { fault: 'throw', value: new OpspawnError('INTERNAL', 'x') },
  ]
  for (const method of ['generate', 'stream'] as const) {
    await record(steps, ['0', '1', '2', '3', '4'], method)
    const model = replayModel(open('replay'))
    const again = async (text: string): Promise<unknown> =>
      rejection(method === 'generate' ? model.doGenerate(ask(text)) : model.doStream(ask(text)))
    const limited = await again('0')
    expect(limited).toMatchObject({
      name: 'AI_APICallError',
      statusCode: 429,
      isRetryable: true,
      responseHeaders: { 'retry-after-ms': '1500', 'retry-after': '2' },
    })
    expect((limited as Record<symbol, unknown>)[Symbol.for('vercel.ai.error.AI_APICallError')]).toBe(true)
    const known = await again('1')
    expect(OpspawnError.is(known, 'MODEL_UNAVAILABLE')).toBe(true)
    expect(known).toMatchObject({ message: 'down', retryable: true, details: { why: 'rain' } })
    expect(await again('2')).toMatchObject({ name: 'TypeError', message: 'fetch failed', cause: { code: 'ECONNREFUSED' } })
    expect(await again('3')).toBe('text')
    expect(OpspawnError.is(await again('4'), 'INTERNAL')).toBe(true)
    model.assertComplete()
  }
})

test('streams that break are replayed as they broke', async () => {
  await record(
    [
      { fault: 'throw', value: new Error('torn'), text: 'a' },
      { fault: 'server-error', text: 'a' },
      { fault: 'truncated', text: 'a b' },
    ],
    ['0', '1', '2'],
    'stream',
  )
  const model = replayModel(open('replay'))
  expect(await rejection(read(model, ask('0')))).toMatchObject({ message: 'torn' })
  expect((await read(model, ask('1'))).find((part) => part.type === 'error')).toMatchObject({
    error: { statusCode: 500, isRetryable: true },
  })
  expect((await read(model, ask('2'))).at(-1)).toMatchObject({ type: 'text-delta' })
})

test('aborted and cancelled calls hang in the replay until they are aborted', async () => {
  const hang: ScriptedStep = { fault: 'hang' }
  const recording = recordModel(scriptedModel([hang, { fault: 'hang', text: 'a' }, 'a b c']), open('record'))
  const aborting = (): ModelCallOptions => {
    const control = new AbortController()
    setImmediate(() => control.abort(new Error('enough')))
    return ask('x', { abortSignal: control.signal })
  }
  await rejection(recording.doGenerate(aborting()))
  await rejection(read(recording, aborting()))
  const cancelled = partIterator((await recording.doStream(ask('y'))).stream)
  await cancelled.next()
  await cancelled.return?.()

  const model = replayModel(open('replay'))
  expect(await rejection(model.doGenerate(aborting()))).toMatchObject({ message: 'enough' })
  expect(await rejection(read(model, aborting()))).toMatchObject({ message: 'enough' })
  const control = new AbortController()
  const iterator = partIterator((await model.doStream(ask('y', { abortSignal: control.signal }))).stream)
  expect((await iterator.next()).value).toMatchObject({ type: 'stream-start' })
  setImmediate(() => control.abort(new Error('enough')))
  expect(await rejection(iterator.next())).toMatchObject({ message: 'enough' })
  expect(await rejection(model.doGenerate(ask('x', { abortSignal: AbortSignal.abort('early') })))).toBe('early')
  model.assertComplete()
})

test('a cancel while a part is awaited is recorded as a stop, not as an end', async () => {
  const recording = recordModel(scriptedModel([{ fault: 'hang', text: 'a' }]), open('record'))
  const { stream } = await recording.doStream(ask('x'))
  const reader = (stream as ReadableStream<ModelPart>).getReader()
  for (let at = 0; at < 5; at += 1) await reader.read()
  const pending = reader.read()
  await reader.cancel()
  expect(await pending).toMatchObject({ done: true })
  expect(open('replay').calls[0]?.response).toMatchObject({ open: true })
})

test('transport data stays out, and so does nothing else', async () => {
  const result = {
    content: [],
    finishReason: { unified: 'stop' },
    usage: { inputTokens: { total: undefined }, outputTokens: { total: 0 } },
    warnings: [],
  }
  const transport = {
    request: { body: 'wire' },
    response: { id: 'r', timestamp: new Date(5), headers: { 'set-cookie': 'c' }, body: 'wire' },
  }
  const real: Model = {
    specificationVersion: 'v4',
    provider: 'p',
    modelId: 'm',
    doGenerate: async ({ prompt }) => (prompt.length === 1 ? { ...result, ...transport } : result),
    doStream: async () => ({
      stream: (async function* () {
        yield { type: 'raw', rawValue: new Uint8Array([1, 2]) }
      })(),
    }),
  }
  const recording = recordModel(real, open('record'))
  expect(await recording.doGenerate(ask('x'))).toMatchObject(transport)
  await recording.doGenerate({ prompt: [] })
  expect(await read(recording, ask('x'))).toHaveLength(1)
  expect(readFileSync(pathOf(), 'utf8')).not.toMatch(/wire|cookie/)
  const model = replayModel(open('replay'))
  const replayed = await model.doGenerate(ask('x'))
  expect(replayed.response).toEqual({ id: 'r', timestamp: new Date(5) })
  expect(replayed.usage.inputTokens.total).toBeUndefined()
  expect(replayed.usage.outputTokens.total).toBe(0)
  expect(await model.doGenerate({ prompt: [] })).toEqual(result)
  expect(await read(model, ask('x'))).toEqual([{ type: 'raw', rawValue: new Uint8Array([1, 2]) }])
})

test('secrets are taken out, also where deltas cut them', async () => {
  const key = `sk-proj-${'a1B2'.repeat(6)}`
  const step = { text: `use ${key} now`, deltas: 5, toolCalls: [{ name: 't', input: { key } }] }
  await record([step, step, { fault: 'throw', value: new Error(`no ${key}`) }], [`my ${key}`, 'y', 'z'], 'stream')
  expect(readFileSync(pathOf(), 'utf8')).not.toContain('a1B2')
  const model = replayModel(open('replay'))
  const parts = await read(model, ask(`my ${key}`))
  const text = parts
    .flatMap((part) => (part.type === 'text-delta' ? [(part as unknown as { delta: string }).delta] : []))
    .join('')
  expect(text).toBe('use sk-REDACTED now')
  // Another key asks the same.
  await record(['one'], [`my ${key}`])
  expect((await replayModel(open('replay')).doGenerate(ask(`my sk-${'z'.repeat(20)}`))).content).toHaveLength(1)
})

test('redact replaces the default', async () => {
  const redact = (text: string): string => text.replaceAll('Ada', 'Somebody')
  const recording = recordModel(scriptedModel(['Hello Ada']), open('record', { redact }))
  await recording.doGenerate(ask('I am Ada'))
  expect(readFileSync(pathOf(), 'utf8')).not.toContain('Ada')
  expect((await replayModel(open('replay', { redact })).doGenerate(ask('I am Ada'))).content).toEqual([
    { type: 'text', text: 'Hello Somebody' },
  ])
  expect(await rejection(replayModel(open('replay')).doGenerate(ask('I am Ada')))).toMatchObject({ code: 'CASSETTE_MISMATCH' })
})

// Recording changes nothing: a wrapped model is as good a model as before.
modelConformance({
  test: (name, run) => test(`recorded: ${name}`, run),
  createModel: (scenario) => recordModel(scriptedModel([scenarioStep(scenario)], { repeat: true }), open('record')),
})
