import { describe, expect, test } from 'vitest'
import {
  addedMessages,
  type AnswerPart,
  assistantMessage,
  createView,
  type Effect,
  type EffectRecord,
  type Json,
  type Message,
  type ModelAnswer,
  type ModelEffect,
  type Outcome,
  promptOf,
  type RunView,
  systemMessage,
  toolResultMessage,
  toolResultOutput,
  userMessage,
} from './index.ts'
import { expert, search } from '../../test/fixtures/offered-tools.ts'
import { refusal } from '../../test/fixtures/refusal.ts'

const answer = (...content: readonly AnswerPart[]): ModelAnswer => ({ content, finishReason: 'stop', usage: {} })
const text = (value: string): AnswerPart => ({ type: 'text', text: value })
const call = (id: string, input = '{}', more: object = {}): AnswerPart => ({
  type: 'tool-call',
  toolCallId: id,
  toolName: 'web_search',
  input,
  ...more,
})
const done = (value: unknown): Outcome => ({ status: 'completed', value: value as Json })
const failed: Outcome = { status: 'failed', error: { code: 'TOOL_FAILED', message: 'it broke', retryable: false } }

/** A run of which nothing is known but these effects. */
function runOf(...effects: readonly (readonly [Effect, (Outcome | undefined)?])[]): RunView {
  const origin = { runId: 'r', agent: 'a', definition: 'd', tenant: 't', input: 'go', rootId: 'r', depth: 0, limits: {} }
  const view = createView({ tools: [search, expert], models: ['default'], memories: [] }, origin)
  const records = view.effects as Map<string, EffectRecord>
  for (const [effect, outcome] of effects) records.set(effect.key, { effect, outcome, failures: 0, started: false })
  return view
}

describe('assistantMessage', () => {
  test.each<[string, AnswerPart, object | undefined]>([
    ['text', text('hi'), { type: 'text', text: 'hi' }],
    ['reasoning', { type: 'reasoning', text: 'hm' }, { type: 'reasoning', text: 'hm' }],
    [
      'a signature, as provider options',
      { type: 'reasoning', text: 'hm', providerMetadata: { anthropic: { signature: 's' } } },
      { type: 'reasoning', text: 'hm', providerOptions: { anthropic: { signature: 's' } } },
    ],
    [
      'a file',
      { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'AA==' }, filename: 'x' },
      { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'AA==' } },
    ],
    [
      'a file of reasoning',
      { type: 'reasoning-file', mediaType: 'image/png', data: { type: 'url', url: 'https://example.com' } },
      { type: 'reasoning-file', mediaType: 'image/png', data: { type: 'url', url: 'https://example.com' } },
    ],
    [
      "a provider's own part",
      { type: 'custom', kind: 'openai.compaction', providerMetadata: { openai: { id: 'c' } } },
      { type: 'custom', kind: 'openai.compaction', providerOptions: { openai: { id: 'c' } } },
    ],
    [
      'a call with its arguments as data',
      call('1', '{"q":"x"}'),
      { type: 'tool-call', toolCallId: '1', toolName: 'web_search', input: { q: 'x' } },
    ],
    [
      'a call that the provider ran',
      call('1', '{}', { providerExecuted: true, providerMetadata: { p: { id: 'i' } } }),
      {
        type: 'tool-call',
        toolCallId: '1',
        toolName: 'web_search',
        input: {},
        providerExecuted: true,
        providerOptions: { p: { id: 'i' } },
      },
    ],
    [
      'what the provider found',
      { type: 'tool-result', toolCallId: '1', toolName: 'search', result: [1] },
      { type: 'tool-result', toolCallId: '1', toolName: 'search', output: { type: 'json', value: [1] } },
    ],
    [
      'what the provider failed to find',
      { type: 'tool-result', toolCallId: '1', toolName: 'search', result: 'no', isError: true },
      { type: 'tool-result', toolCallId: '1', toolName: 'search', output: { type: 'error-json', value: 'no' } },
    ],
    ['no source', { type: 'source', url: 'https://example.com' }, undefined],
    ['no request for an approval', { type: 'tool-approval-request', approvalId: 'a' }, undefined],
    ['no part that it does not know', { type: 'brand-new' }, undefined],
  ])('tells a model %s', (_name, part, told) => {
    expect(assistantMessage(answer(part))).toEqual({ role: 'assistant', content: told === undefined ? [] : [told] })
  })
  test.each(['{"q": "x', '[1]', '5', 'null', '"x"', '{"__proto__":1}', ''])('gives {} for the arguments %j', (input) => {
    expect(assistantMessage(answer(call('1', input))).content).toMatchObject([{ input: {} }])
  })
  test('takes arguments that were read already, and reads the others', () => {
    const asked: string[] = []
    const inputOf = (id: string): Json | undefined => {
      asked.push(id)
      return id === '1' ? { read: true } : undefined
    }
    const { content } = assistantMessage(answer(call('1', '{"q":1}'), call('2', '{"q":2}')), inputOf)
    expect(content).toMatchObject([{ input: { read: true } }, { input: { q: 2 } }])
    expect(asked).toEqual(['1', '2'])
  })
})

describe('toolResultOutput', () => {
  const error = { code: 'TOOL_FAILED', message: 'it broke', retryable: false }
  test.each<[string, Outcome, object]>([
    ['a text', done('ok'), { type: 'text', value: 'ok' }],
    ['an empty text', done(''), { type: 'text', value: '' }],
    ['data', done({ a: 1 }), { type: 'json', value: { a: 1 } }],
    ['nothing', done(null), { type: 'json', value: null }],
    ['a failure', failed, { type: 'error-text', value: 'TOOL_FAILED: it broke' }],
    ['a refusal', { status: 'denied', error }, { type: 'execution-denied', reason: 'it broke' }],
    ['a call that was cancelled', { status: 'cancelled', error }, { type: 'error-text', value: 'TOOL_FAILED: it broke' }],
    ['a call nobody knows of', { status: 'unknown', error }, { type: 'error-text', value: 'TOOL_FAILED: it broke' }],
  ])('tells %s', (_name, outcome, output) => {
    expect(toolResultOutput(outcome)).toEqual(output)
  })
})

describe('toolResultMessage', () => {
  const tool = (key: string, callId?: string): Effect => ({
    kind: 'tool',
    key,
    tool: 'web.search',
    input: {},
    ...(callId === undefined ? undefined : { callId }),
  })
  const run = runOf(
    [tool('a', '1'), done('A')],
    [tool('b', '2'), failed],
    [{ kind: 'tool', key: 'gone', tool: 'old.tool', input: {}, callId: '3' }, done('G')],
    [{ kind: 'run', key: 'c', agent: 'expert', input: 'x', callId: '4', tool: 'transfer_to_expert' }, done('C')],
    [{ kind: 'run', key: 'd', agent: 'expert', input: 'x', callId: '5' }, done('D')],
    [tool('open', '6')],
    [tool('planned'), done('P')],
    [{ kind: 'model', key: 'm', messages: [] }, done(answer(text('x')))],
  )
  test('gives outcomes in the order of the keys, under the names that the model used', () => {
    expect(toolResultMessage(run, ['d', 'c', 'gone', 'b', 'a'])).toEqual({
      role: 'tool',
      content: [
        { type: 'tool-result', toolCallId: '5', toolName: 'expert', output: { type: 'text', value: 'D' } },
        { type: 'tool-result', toolCallId: '4', toolName: 'transfer_to_expert', output: { type: 'text', value: 'C' } },
        { type: 'tool-result', toolCallId: '3', toolName: 'old.tool', output: { type: 'text', value: 'G' } },
        {
          type: 'tool-result',
          toolCallId: '2',
          toolName: 'web_search',
          output: { type: 'error-text', value: 'TOOL_FAILED: it broke' },
        },
        { type: 'tool-result', toolCallId: '1', toolName: 'web_search', output: { type: 'text', value: 'A' } },
      ],
    })
  })
  test.each(['open', 'planned', 'm'])('refuses %s by name', (key) => {
    expect(refusal(() => toolResultMessage(run, [key]))).toMatchObject({ code: 'PLANNER_DECISION_INVALID' })
    expect(refusal(() => toolResultMessage(run, [key])).message).toContain(`results name "${key}"`)
  })
  test('refuses a key that does not exist', () => {
    expect(refusal(() => toolResultMessage(run, ['nope'])).message).toBe('run r has no effect "nope"')
  })
})

describe('the prompt of a model effect', () => {
  const first: ModelEffect = { kind: 'model', key: 'm0', messages: [systemMessage('be brief'), userMessage('go')] }
  const tool: Effect = { kind: 'tool', key: 't0', tool: 'web.search', input: { q: 'as read' }, callId: '1' }
  const asked = answer(text('let me see'), call('1', '{"q":"as written"}'))
  const run = runOf([first, done(asked)], [tool, done('found')])

  test('is its messages where it continues nothing', () => {
    expect(addedMessages(run, first)).toBe(first.messages)
    expect(promptOf(run, first)).toBe(first.messages)
    expect(promptOf(run, { kind: 'model', key: 'x' })).toEqual([])
  })
  test('is the earlier prompt, the answer, the results and the rest', () => {
    const next: ModelEffect = { kind: 'model', key: 'm1', continues: 'm0', results: ['t0'], messages: [userMessage('quick')] }
    const added = addedMessages(run, next)
    expect(added.map((message) => message.role)).toEqual(['assistant', 'tool', 'user'])
    expect(added[0]?.content).toMatchObject([{ text: 'let me see' }, { input: { q: 'as read' } }])
    expect(promptOf(run, next)).toEqual([...(first.messages ?? []), ...added])
  })
  test('merges a tool message that follows the results into theirs, and only that', () => {
    const refused: Message = {
      role: 'tool',
      content: [{ type: 'tool-result', toolCallId: '2', toolName: 'x', output: { type: 'error-text', value: 'no such tool' } }],
    }
    const next: ModelEffect = {
      kind: 'model',
      key: 'm1',
      continues: 'm0',
      results: ['t0'],
      messages: [refused, userMessage('a'), refused],
    }
    const added = addedMessages(run, next)
    expect(added.map((message) => message.role)).toEqual(['assistant', 'tool', 'user', 'tool'])
    expect(added[1]?.content).toMatchObject([{ toolCallId: '1' }, { toolCallId: '2' }])
    expect(next.messages?.[0]?.content).toHaveLength(1)
    expect(addedMessages(run, { ...next, messages: [refused] }).map((message) => message.role)).toEqual(['assistant', 'tool'])
  })
  test('leaves a tool message alone where there are no results', () => {
    const refused: Message = { role: 'tool', content: [] }
    const next: ModelEffect = { kind: 'model', key: 'm1', continues: 'm0', results: [], messages: [refused] }
    expect(addedMessages(run, next)).toEqual([expect.objectContaining({ role: 'assistant' }), refused])
  })
  test('may hold results without continuing anything', () => {
    const next: ModelEffect = { kind: 'model', key: 'm1', results: ['t0'], messages: [userMessage('sum up')] }
    expect(promptOf(run, next).map((message) => message.role)).toEqual(['tool', 'user'])
  })
  test('leaves an answer without content out', () => {
    const silent = runOf([first, done(answer())])
    const next: ModelEffect = { kind: 'model', key: 'm1', continues: 'm0', messages: [userMessage('well?')] }
    expect(promptOf(silent, next)).toEqual([...(first.messages ?? []), userMessage('well?')])
  })
  test.each<[string, Outcome | undefined]>([
    ['is open', undefined],
    ['failed', failed],
  ])('refuses to continue a call that %s', (_name, outcome) => {
    const next: ModelEffect = { kind: 'model', key: 'm1', continues: 'm0' }
    const error = refusal(() => promptOf(runOf([first, outcome]), next))
    expect(error).toMatchObject({ code: 'PLANNER_DECISION_INVALID' })
    expect(error.message).toContain('"m1" continues "m0", which has no answer')
  })
  test('refuses to continue what is no model effect, or is not there', () => {
    expect(refusal(() => promptOf(run, { kind: 'model', key: 'x', continues: 't0' })).message).toContain('has no answer')
    expect(refusal(() => promptOf(run, { kind: 'model', key: 'x', continues: 'nope' })).message).toContain('no effect "nope"')
  })
  test('goes over a chain of ten thousand turns without running out of stack', () => {
    const turns: [Effect, Outcome][] = [[first, done(answer(text('0')))]]
    for (let turn = 1; turn < 10_000; turn += 1) {
      const effect: ModelEffect = {
        kind: 'model',
        key: `m${turn}`,
        continues: `m${turn - 1}`,
        messages: [userMessage(`q${turn}`)],
      }
      turns.push([effect, done(answer(text(String(turn))))])
    }
    const long = runOf(...turns)
    const last: ModelEffect = { kind: 'model', key: 'last', continues: 'm9999', messages: [userMessage('end')] }
    const prompt = promptOf(long, last)
    expect(prompt).toHaveLength(2 + 2 * 10_000)
    expect(prompt.slice(0, 5)).toEqual([
      ...(first.messages ?? []),
      { role: 'assistant', content: [{ type: 'text', text: '0' }] },
      userMessage('q1'),
      { role: 'assistant', content: [{ type: 'text', text: '1' }] },
    ])
    expect(prompt.at(-1)).toEqual(userMessage('end'))
  })
  test('grows by what each turn adds: the prompt of a turn begins with that of the turn before', () => {
    const again: ModelEffect = { kind: 'model', key: 'm1', continues: 'm0', results: ['t0'] }
    const grown = runOf([first, done(asked)], [tool, done('found')], [again, done(answer(text('so')))])
    const next: ModelEffect = { kind: 'model', key: 'm2', continues: 'm1', messages: [userMessage('more')] }
    const before = promptOf(grown, again)
    expect(promptOf(grown, next).slice(0, before.length)).toEqual(before)
    expect(promptOf(grown, next).slice(before.length)).toEqual(addedMessages(grown, next))
  })
})
