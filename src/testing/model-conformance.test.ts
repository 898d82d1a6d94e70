import { expect, test } from 'vitest'
import type { ModelCallOptions } from '../core/index.ts'
import {
  content,
  each,
  fail,
  failures,
  mixing,
  mutant,
  type Mutation,
  quietOnAbort,
  rejecting,
  sound,
  without,
  zeroed,
} from '../../test/fixtures/broken-models.ts'
import { MODEL_CASES, modelConformance } from './model-conformance.ts'

modelConformance({ test, createModel: (scenario) => sound(scenario) })
modelConformance({ test: (name, run) => test(`fast: ${name}`, run), createModel: (scenario) => sound(scenario, true) })

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
