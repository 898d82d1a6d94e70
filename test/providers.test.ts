/**
 * The real provider packages, called through core's `Model`, against a server on this machine that speaks each
 * provider's wire format.
 */
import { createAnthropic } from '@ai-sdk/anthropic'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  answerText,
  answerToolCalls,
  assistantMessage,
  type FunctionTool,
  type Json,
  type Message,
  type Model,
  type ModelAnswer,
  type ModelCallOptions,
  type ModelMessage,
  parseArguments,
  type ParsedArguments,
  type ProviderTool,
  toJson,
  toolResultOutput,
  userMessage,
} from '../src/core/index.ts'
import { aiSdkModel } from '../src/plugins/model-ai-sdk/index.ts'
import { callModel, readerOf } from './fixtures/read-answer.ts'
import { anthropic, sample, startWireServer, type Scenario, type WireExchange, type WireServer } from './fixtures/wire/index.ts'
import { type ProviderName, type WireProvider, wireProviders } from './fixtures/wire-providers.ts'

/** Where the form of a provider shows in the tests here. */
interface Form {
  /** Where the messages of a request lie. */
  readonly messages: 'messages' | 'input' | 'contents'
  /** What becomes of a call whose arguments are broken: the reason that the answer ends with, and the calls as parsed. */
  readonly broken: Readonly<Record<How, { readonly finishReason: string; readonly calls: readonly object[] }>>
}

type How = 'generate' | 'stream'

const asText = { finishReason: 'tool-calls', calls: [{ problem: expect.stringContaining('not valid JSON') as unknown }] }
/** Where arguments are a JSON value on the wire, they can only break the tool's schema. */
const asValue = { finishReason: 'tool-calls', calls: [{ input: { city: 42 } }] }
/** Where the API itself refuses them, there is no call. */
const asError = { finishReason: 'error', calls: [] }

const forms: Readonly<Record<ProviderName, Form>> = {
  'openai chat': { messages: 'messages', broken: { generate: asText, stream: asText } },
  'openai responses': { messages: 'input', broken: { generate: asText, stream: asText } },
  anthropic: { messages: 'messages', broken: { generate: asValue, stream: asText } },
  google: { messages: 'contents', broken: { generate: asError, stream: asError } },
  'openai-compatible': { messages: 'messages', broken: { generate: asText, stream: asText } },
}

const weather: FunctionTool = {
  type: 'function',
  name: 'get_weather',
  description: 'Tells the weather in a city.',
  inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
}

let server: WireServer
beforeAll(async () => {
  server = await startWireServer(wireProviders.map((provider) => provider.format))
})
afterAll(() => server.close())

const question = userMessage('What is the weather?')

function options(messages: readonly Message[], more: Partial<ModelCallOptions> = {}): ModelCallOptions {
  // Without this, OpenAI keeps reasoning on its side and is sent only its id.
  const providerOptions = { openai: { store: false } }
  return { prompt: messages as unknown as ModelMessage[], tools: [weather], maxOutputTokens: 5000, providerOptions, ...more }
}

function lastExchange(): WireExchange {
  return server.exchanges.at(-1) as WireExchange
}

/** The messages of the newest request, as JSON text. */
function sentMessages(provider: WireProvider): string {
  return JSON.stringify((lastExchange().request.body as Record<string, unknown>)[forms[provider.name].messages])
}

/** The arguments of an answer's tool calls, read as the engine reads them. */
function parsedCalls(answer: ModelAnswer): readonly ParsedArguments[] {
  return answerToolCalls(answer).map((call) => parseArguments(call.input))
}

/** Asks again after the given answer, with a result for each of its tool calls. */
function nextTurn(answer: ModelAnswer, results: readonly Json[]): Message[] {
  const content = answerToolCalls(answer).map(({ toolCallId, toolName }, index) => ({
    type: 'tool-result' as const,
    toolCallId,
    toolName,
    output: toolResultOutput({ status: 'completed', value: results[index] as Json }),
  }))
  const recorded = toJson(assistantMessage(answer)) as unknown as Message
  return content.length === 0 ? [question, recorded, question] : [question, recorded, { role: 'tool', content }]
}

describe.each(wireProviders)('$name', (provider) => {
  const model = (): Model => aiSdkModel(provider.make(server.baseURL(provider.format)))
  const ask = (
    how: How,
    scenario: Scenario,
    messages: readonly Message[] = [question],
    signal?: AbortSignal,
  ): Promise<ModelAnswer> => {
    server.script(scenario)
    return callModel(model(), how, options(messages, signal === undefined ? {} : { abortSignal: signal }))
  }

  it('is a model as it stands', () => {
    const own = provider.make(server.baseURL(provider.format))
    expect(aiSdkModel(own)).toBe(own)
  })

  describe.each(['generate', 'stream'] as const)('%s', (how) => {
    it('answers with text', async () => {
      const answer = await ask(how, 'text')
      expect(answerText(answer)).toBe('Hello, world!')
      expect(answer.finishReason).toBe('stop')
      expect(answer.usage).toMatchObject({ input: 20, cacheRead: 8, output: 9 })
      expect(lastExchange()).toMatchObject({ format: provider.format.name, streamed: how === 'stream' })
      expect(sentMessages(provider)).toContain('What is the weather?')
      expect(JSON.stringify(lastExchange().request.body)).toContain('Tells the weather in a city.')
    })

    it('calls a tool and is told the result', async () => {
      const answer = await ask(how, 'tool-call')
      expect(answer.finishReason).toBe('tool-calls')
      expect(answerToolCalls(answer)).toMatchObject([{ toolCallId: 'call_1', toolName: 'get_weather' }])
      expect(parsedCalls(answer)).toEqual([{ input: { city: 'Paris' } }])

      expect(answerText(await ask(how, 'text', nextTurn(answer, ['sunny in Paris'])))).toBe('Hello, world!')
      expect(sentMessages(provider)).toContain('sunny in Paris')
      expect(sentMessages(provider).replaceAll('\\"', '"')).toContain('{"city":"Paris"}')
    })

    it('calls tools in parallel and is told the results in order', async () => {
      const answer = await ask(how, 'parallel-tool-calls')
      expect(answerToolCalls(answer).map((call) => call.toolCallId)).toEqual(['call_1', 'call_2'])
      expect(parsedCalls(answer)).toEqual([{ input: { city: 'Paris' } }, { input: { city: 'Oslo' } }])

      await ask(how, 'text', nextTurn(answer, ['sunny', 'snowy']))
      expect(sentMessages(provider)).toMatch(/sunny.*snowy/)
    })

    it('gets its reasoning and signature back with the next call', async () => {
      const answer = await ask(how, 'reasoning-tool-call')
      const thoughts = answer.content.filter((part) => part.type === 'reasoning').map((part) => part['text'])
      expect(thoughts).toEqual(provider.reasoningSentBack.length === 0 ? [] : ['Let me think.'])

      await ask(how, 'text', nextTurn(answer, ['sunny']))
      for (const text of provider.reasoningSentBack) expect(sentMessages(provider)).toContain(text)
    })

    it('answers behind its reasoning, and tells what that took', async () => {
      const answer = await ask(how, 'reasoning')
      expect(answer.finishReason).toBe('stop')
      const shown = provider.reasoningSentBack.length === 0 ? [] : [{ type: 'reasoning', text: 'Let me think.' }]
      // Anthropic's package tells of the beginning of a stream in a part of its own.
      const said = answer.content.filter((part) => part.type !== 'custom')
      expect(said).toMatchObject([...shown, { type: 'text', text: 'Hello, world!' }])
      expect(answer.usage.output).toBe(sample.usage.output)
      // Anthropic counts reasoning as any other output.
      expect(answer.usage.reasoning).toBe(provider.name === 'anthropic' ? undefined : sample.usage.reasoning)
    })

    it('says that it was cut at its longest', async () => {
      const answer = await ask(how, 'length')
      expect(answer.finishReason).toBe('length')
      expect(answerText(answer)).toBe('Hello, world!')
    })

    it('says that it was filtered', async () => {
      const answer = await ask(how, 'content-filter')
      expect(answer.finishReason).toBe('content-filter')
    })

    it('rejects with status and header when it must slow down', async () => {
      const slow = { statusCode: 429, isRetryable: true, responseHeaders: { 'retry-after': '2' } }
      await expect(ask(how, 'rate-limited')).rejects.toMatchObject(slow)
    })

    it('rejects with the status of a server error, and does not try again itself', async () => {
      const before = server.exchanges.length
      await expect(ask(how, 'server-error')).rejects.toMatchObject({ statusCode: 500, isRetryable: true })
      expect(server.exchanges.length - before).toBe(1)
    })

    it('rejects when the connection is torn', async () => {
      await expect(ask(how, 'reset')).rejects.toMatchObject({ isRetryable: true })
      expect(await lastExchange().outcome).toBe('reset')
    })

    it('keeps broken arguments as they came, and can be asked again', async () => {
      const { finishReason, calls } = forms[provider.name].broken[how]
      const answer = await ask(how, 'invalid-tool-arguments')
      expect(answer.finishReason).toBe(finishReason)
      expect(parsedCalls(answer)).toEqual(calls)

      const results = calls.map(() => 'the arguments were refused')
      expect(answerText(await ask(how, 'text', nextTurn(answer, results)))).toBe('Hello, world!')
      expect(sentMessages(provider).split('the arguments were refused')).toHaveLength(calls.length + 1)
      expect(sentMessages(provider)).not.toContain(JSON.stringify(sample.invalidArguments).slice(1, -1))
    })

    it.each(['hang-before-output', 'hang'] as const)(
      'rejects when it is aborted while waiting (%s), and closes the connection',
      async (scenario) => {
        const controller = new AbortController()
        const before = server.exchanges.length
        const thrown = ask(how, scenario, [question], controller.signal).catch((error: unknown) => error)
        await expect.poll(() => server.exchanges.length, { interval: 1 }).toBeGreaterThan(before)
        controller.abort()
        expect(await thrown).toMatchObject({ name: 'AbortError' })
        expect(await lastExchange().outcome).toBe('aborted')
      },
    )
  })

  it.each(['truncated', 'truncated-tool-call', 'malformed', 'empty'] as const)(
    'refuses what is no whole answer (%s)',
    async (scenario) => {
      await expect(ask('generate', scenario)).rejects.toMatchObject({ statusCode: 200, isRetryable: false })
    },
  )

  it('does not pass off half a stream as a whole one', async () => {
    const answer = await ask('stream', 'truncated')
    expect(answerText(answer)).toBe('Hello, world!')
    expect(['interrupted', 'error']).toContain(answer.finishReason)
  })

  it('runs no tool of half a stream, though its call may look whole', async () => {
    const answer = await ask('stream', 'truncated-tool-call')
    expect(['interrupted', 'error']).toContain(answer.finishReason)
    expect(answerToolCalls(answer)).toEqual([])
  })

  it('errors the stream when it is aborted in the middle, and closes the connection', async () => {
    server.script('hang')
    const controller = new AbortController()
    const { stream } = await model().doStream(options([question], { abortSignal: controller.signal }))
    const reader = readerOf(stream)
    while ((await reader.read()).value?.type !== 'text-delta');
    controller.abort()
    const drain = async (): Promise<void> => {
      while (!(await reader.read()).done);
    }
    await expect(drain()).rejects.toMatchObject({ name: 'AbortError' })
    expect(await lastExchange().outcome).toBe('aborted')
  })

  it('closes the connection when its reader is cancelled', async () => {
    server.script('hang')
    const { stream } = await model().doStream(options([question]))
    const reader = readerOf(stream)
    while ((await reader.read()).value?.type !== 'text-delta');
    await reader.cancel(new Error('enough'))
    expect(await lastExchange().outcome).toBe('aborted')
  })
})

describe.each(['generate', 'stream'] as const)('a tool that Anthropic runs itself, %s', (how) => {
  it('is left alone, and is sent back with its result', async () => {
    const search: ProviderTool = { type: 'provider', id: 'anthropic.web_search_20250305', name: 'search', args: {} }
    const model = createAnthropic({ baseURL: server.baseURL(anthropic), apiKey: 'test-key' })('claude-sonnet-4-5')
    server.script('provider-tool-call')
    const answer = await callModel(model, how, options([question], { tools: [weather, search] }))

    expect(answerToolCalls(answer)).toEqual([])
    expect(answerText(answer)).toBe('Hello, world!')
    const { id, found, input } = sample.search
    expect(answer.content.find((part) => part.type === 'tool-call')).toMatchObject({
      toolCallId: id,
      toolName: 'search',
      providerExecuted: true,
    })
    expect(answer.content.find((part) => part.type === 'tool-result')).toMatchObject({
      toolCallId: id,
      result: [{ url: found.url }],
    })

    await callModel(model, how, options([question, assistantMessage(answer), question], { tools: [weather, search] }))
    const { messages } = lastExchange().request.body as { messages: { role: string; content: object[] }[] }
    expect(messages.map((message) => message.role)).toEqual(['user', 'assistant', 'user'])
    expect(messages[1]?.content).toMatchObject([
      { type: 'server_tool_use', id, name: 'web_search', input },
      { type: 'web_search_tool_result', tool_use_id: id, content: [{ encrypted_content: found.encrypted }] },
      { type: 'text', text: 'Hello, world!' },
    ])
  })
})
