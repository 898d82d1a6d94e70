import { expect, test } from 'vitest'
import type { Model, ModelCallOptions, ModelPart, ModelResult } from '../core/index.ts'
import { MODEL_CASES, modelConformance } from './model-conformance.ts'
import { scenarioStep, type ModelScenario } from './model-scenarios.ts'
import { partIterator } from './part-stream.ts'
import { scriptedModel } from './scripted-model.ts'

function sound(scenario: ModelScenario, fast = false): Model {
  const step = [scenarioStep(scenario)]
  return fast ? scriptedModel(step, { repeat: true, fast }) : scriptedModel(step, { repeat: true })
}

modelConformance({ test, createModel: (scenario) => sound(scenario) })
modelConformance({ test: (name, run) => test(`fast: ${name}`, run), createModel: (scenario) => sound(scenario, true) })

/** Runs the suite over a model; gives what failed, case and message. */
async function failures(createModel: (scenario: ModelScenario) => Model, promptMs = 80): Promise<readonly string[]> {
  const cases: { name: string; run: () => Promise<void> }[] = []
  modelConformance({ test: (name, run) => cases.push({ name, run }), createModel, promptMs })
  const failed = await Promise.all(
    cases.map(({ name, run }) =>
      run().then(
        () => [],
        (error: Error) => [`${name} | ${error.message}`],
      ),
    ),
  )
  return failed.flat()
}

type Loose = ModelPart & Record<string, unknown>

/** A wrapper that breaks something. */
interface Mutation {
  readonly result?: (result: ModelResult & Record<string, unknown>) => object
  readonly parts?: (parts: Loose[], scenario: ModelScenario) => readonly unknown[]
  readonly options?: (options: ModelCallOptions) => ModelCallOptions
  readonly model?: (model: Model, scenario: ModelScenario) => object
}

function mutant({ result, parts, options = (same) => same, model = () => ({}) }: Mutation): (scenario: ModelScenario) => Model {
  return (scenario) => {
    const inner = sound(scenario)
    return {
      specificationVersion: 'v4',
      provider: inner.provider,
      modelId: inner.modelId,
      async doGenerate(call) {
        const given = await inner.doGenerate(options(call))
        return (result === undefined ? given : result(given as ModelResult & Record<string, unknown>)) as ModelResult
      },
      async doStream(call) {
        const { stream } = await inner.doStream(options(call))
        if (parts === undefined || scenario.startsWith('hang')) return { stream }
        return {
          stream: (async function* () {
            const all: Loose[] = []
            const iterator = partIterator(stream)
            for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) all.push(step.value as Loose)
            yield* parts(all, scenario) as readonly ModelPart[]
          })(),
        }
      },
      ...model(inner, scenario),
    }
  }
}

const each =
  (change: (part: Loose) => object): ((parts: Loose[]) => readonly unknown[]) =>
  (parts) =>
    parts.map(change)
const content =
  (change: (part: Loose) => unknown) =>
  (result: ModelResult): object => ({ ...result, content: result.content.map((part) => change(part as Loose)) })
const without =
  (type: string) =>
  (parts: Loose[]): Loose[] =>
    parts.filter((part) => part.type !== type)

test.each<readonly [string, Mutation, string]>([
  ['another version', { model: () => ({ specificationVersion: 'v3' }) }, 'must be an AI SDK LanguageModelV4'],
  ['no provider', { model: () => ({ provider: '' }) }, 'provider is a text'],
  ['no id', { model: () => ({ modelId: undefined }) }, 'modelId is a text'],
  ['result is no object', { result: () => null as never }, 'doGenerate gives an object'],
  ['no content', { result: ({ content: _content, ...rest }) => rest }, 'content is an array'],
  ['no warnings', { result: ({ warnings: _warnings, ...rest }) => rest }, 'warnings is an array'],
  ['metadata is text', { result: (given) => ({ ...given, providerMetadata: 'x' }) }, 'providerMetadata is an object or absent'],
  [
    'part metadata is text',
    { result: content((part) => ({ ...part, providerMetadata: null })) },
    'providerMetadata is an object or absent',
  ],
  ['finish reason is a word', { result: (given) => ({ ...given, finishReason: 'stop' }) }, 'finishReason is an object'],
  [
    'finish reason is empty',
    { result: (given) => ({ ...given, finishReason: { unified: '' } }) },
    'finishReason has a unified word',
  ],
  [
    'raw reason is a number',
    { result: (given) => ({ ...given, finishReason: { unified: 'stop', raw: 1 } }) },
    'the raw finish reason is a string',
  ],
  [
    'usage is flat',
    { result: (given) => ({ ...given, usage: { inputTokens: 1, outputTokens: 1 } }) },
    'usage has inputTokens and outputTokens',
  ],
  ['usage is missing', { result: ({ usage: _usage, ...rest }) => rest }, 'usage is an object'],
  [
    'usage is null',
    { result: (given) => ({ ...given, usage: { inputTokens: { total: null }, outputTokens: {} } }) },
    'token count total is a number',
  ],
  [
    'unknown usage is zero',
    { result: (given) => ({ ...given, usage: zeroed(given.usage) }) },
    'usage: expected [null,null], found [0,0]',
  ],
  [
    'unknown usage of a stream is zero',
    { parts: each((part) => (part.type === 'finish' ? { ...part, usage: zeroed(part['usage']) } : part)) },
    'answer: stream, unreported | usage',
  ],
  [
    'known usage is lost',
    { result: (given) => ({ ...given, usage: { inputTokens: {}, outputTokens: {} } }) },
    'usage: expected [10,5]',
  ],
  [
    'input is parsed',
    {
      result: content((part) =>
        part.type === 'tool-call' && part['input'] !== '{"city": "Par'
          ? { ...part, input: JSON.parse(part['input'] as string) as object }
          : part,
      ),
    },
    'the input of a tool call is JSON text, found object',
  ],
  [
    'broken input is mended',
    { result: content((part) => (part['input'] === '{"city": "Par' ? { ...part, input: '{}' } : part)) },
    'answer: generate, bad-arguments | the arguments',
  ],
  [
    'ids repeat',
    { result: content((part) => ('toolCallId' in part ? { ...part, toolCallId: 'same' } : part)) },
    'tool calls have ids of their own',
  ],
  [
    'no call id',
    { result: content((part) => ('toolCallId' in part ? { ...part, toolCallId: '' } : part)) },
    'a tool call has an id',
  ],
  [
    'no tool name',
    { result: content((part) => ('toolName' in part ? { ...part, toolName: undefined } : part)) },
    'a tool call has the name of a tool',
  ],
  [
    'another tool name',
    { result: content((part) => ('toolName' in part ? { ...part, toolName: 'other' } : part)) },
    'the tools called',
  ],
  ['text is missing', { result: content((part) => ({ type: part.type })) }, 'the text of a text part is a string'],
  ['a part without type', { result: content(() => ({})) }, 'a part is an object with a type'],
  [
    'fails on unknown parts',
    { parts: (parts) => parts.map((part) => (part.type === 'opspawn-unknown' ? fail('what is this') : part)) },
    'answer: stream, unknown-part | what is this',
  ],
  ['stream start late', { parts: (parts) => [...parts.slice(1, -1), parts[0], parts.at(-1)] }, 'stream-start is the first part'],
  [
    'stream start without warnings',
    { parts: each((part) => (part.type === 'stream-start' ? { type: part.type } : part)) },
    'an array of warnings',
  ],
  ['no ids of blocks', { parts: each((part) => ({ ...part, id: undefined })) }, 'has an id'],
  [
    'a block starts twice',
    { parts: (parts) => parts.flatMap((part) => (part.type === 'text-start' ? [part, part] : [part])) },
    'block 0 starts once',
  ],
  [
    'one id for all blocks',
    {
      parts: (parts, scenario) =>
        scenario === 'parallel-calls' ? parts.map((part) => ('id' in part ? { ...part, id: '0' } : part)) : parts,
    },
    'block 0 starts once',
  ],
  ['deltas outside of blocks', { parts: (parts) => without('text-start')(parts) }, 'text-delta of 0 stands between'],
  [
    'deltas of another kind',
    { parts: each((part) => (part.type === 'text-delta' ? { ...part, type: 'reasoning-delta' } : part)) },
    'reasoning-delta of 0 stands between',
  ],
  ['deltas are objects', { parts: each((part) => ('delta' in part ? { ...part, delta: {} } : part)) }, 'a delta is a string'],
  ['blocks stay open', { parts: (parts) => without('text-end')(parts) }, 'every block is closed; open: 0'],
  [
    'whole text parts',
    { parts: (parts) => [...parts.slice(0, -1), { type: 'text', text: 'x' }, parts.at(-1)] },
    'a stream has blocks, not whole text parts',
  ],
  [
    'deltas differ from the call',
    { parts: each((part) => (part.type === 'tool-input-delta' ? { ...part, delta: 'x' } : part)) },
    'the deltas of a tool input',
  ],
  ['no finish', { parts: (parts) => without('finish')(parts) }, 'a stream has one finish, found 0'],
  ['two finishes', { parts: (parts) => [...parts, parts.at(-1)] }, 'a stream has one finish, found 2'],
  ['parts behind the finish', { parts: (parts) => [...parts, { type: 'ping' }] }, 'finish is the last part'],
  ['error parts', { parts: (parts) => [{ type: 'error', error: 1 }, ...parts.slice(1)] }, 'has no error part'],
  [
    'finish reasons disagree',
    { parts: each((part) => (part.type === 'finish' ? { ...part, finishReason: { unified: 'other' } } : part)) },
    'what the stream says, against doGenerate',
  ],
  [
    'a call is lost in the stream',
    { parts: (parts) => parts.filter((part) => part['input'] !== '{"city":"Oslo"}') },
    'the calls of the stream, against doGenerate',
  ],
  [
    'truncation is hidden',
    { parts: (parts, scenario) => (scenario === 'truncated' ? [{ type: 'finish', finishReason: { unified: 'stop' } }] : parts) },
    'that of a whole answer',
  ],
  [
    'errors without status',
    { model: (inner) => rejecting(inner, (error) => new Error(error.message)) },
    'error: generate, rate-limit | statusCode: expected 429',
  ],
  ['errors as text', { model: (inner) => rejecting(inner, (error) => error.message) }, 'a failure is an object'],
  [
    'errors without retry-after',
    { model: (inner) => rejecting(inner, (error) => Object.assign(error, { responseHeaders: undefined })) },
    'responseHeaders carry retry-after',
  ],
  [
    'every error is retryable',
    { model: (inner) => rejecting(inner, (error) => Object.assign(error, { isRetryable: true })) },
    'bad-request | isRetryable: expected false',
  ],
  [
    'errors are swallowed',
    { model: (inner) => ({ doGenerate: (call: ModelCallOptions) => Promise.resolve(inner.doGenerate(call)).catch(() => ({})) }) },
    'generate fails when the provider does',
  ],
  ['the signal is not passed on', { options: ({ abortSignal: _abortSignal, ...rest }) => rest }, 'did not settle within 80 ms'],
  [
    'an aborted signal is not seen',
    { options: ({ abortSignal: _abortSignal, ...rest }) => rest },
    'doGenerate rejects when its signal is aborted already',
  ],
  [
    'a listener stays',
    {
      options: (call) => {
        call.abortSignal?.addEventListener('abort', () => {})
        return call
      },
    },
    'listeners were left on the signal',
  ],
  ['an abort ends a stream quietly', { model: quietOnAbort }, 'the stream rejects after an abort'],
  [
    'options are written into',
    {
      options: (call) => {
        call.prompt.push({ role: 'user', content: [] })
        return call
      },
    },
    'object is not extensible',
  ],
  ['calls at once mix', { model: mixing }, 'model: calls at once do not mix'],
])('a model is caught: %s', async (_name, mutation, message) => {
  expect((await failures(mutant(mutation))).join('\n')).toContain(message)
})

test('a sound wrapper passes', async () => {
  expect(await failures(mutant({ parts: (parts) => parts }), 2000)).toEqual([])
})

test('cases are left out by name, with the reason', () => {
  const names: string[] = []
  const collect = (name: string): void => void names.push(name)
  const skip = { 'error: generate, bad-request': 'the server has none' }
  modelConformance({ test: collect, createModel: sound, skip })
  expect(names).toContain('error: generate, bad-request (skipped: the server has none)')
  expect(names).toHaveLength(MODEL_CASES.length)
  expect(() => modelConformance({ test: collect, createModel: sound, skip: { 'no such case': 'x' } })).toThrow('no such case')
})

function zeroed(usage: unknown): object {
  const { inputTokens, outputTokens } = usage as ModelResult['usage']
  return { inputTokens: { total: inputTokens.total ?? 0 }, outputTokens: { total: outputTokens.total ?? 0 } }
}

function fail(message: string): never {
  throw new Error(message)
}

function rejecting(inner: Model, change: (error: Error) => unknown): object {
  const changed = (error: Error): Promise<never> => Promise.reject(change(error) as Error)
  return {
    doGenerate: (call: ModelCallOptions) => Promise.resolve(inner.doGenerate(call)).catch(changed),
    doStream: (call: ModelCallOptions) => Promise.resolve(inner.doStream(call)).catch(changed),
  }
}

function quietOnAbort(inner: Model): object {
  return {
    async doStream(call: ModelCallOptions) {
      const { stream } = await inner.doStream(call)
      const iterator = partIterator(stream)
      return {
        stream: (async function* () {
          try {
            for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) yield step.value
          } catch {
            // Lost.
          }
        })(),
      }
    },
  }
}

/** Gives the second of two calls what the first one gets, and the first nothing. */
function mixing(inner: Model): object {
  let waiting: ((result: unknown) => void) | undefined
  return {
    doGenerate: (call: ModelCallOptions) =>
      new Promise((resolve, reject) => {
        waiting = resolve
        void Promise.resolve(inner.doGenerate(call)).then((result) => waiting?.(result), reject)
      }),
  }
}
