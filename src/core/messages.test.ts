import { describe, expect, test } from 'vitest'
import {
  type AnswerPart,
  answerText,
  answerToolCalls,
  type Effect,
  type EffectRecord,
  inputMessage,
  isRecorded,
  modelAnswer,
  type ModelAnswer,
  systemMessage,
  userMessage,
} from './index.ts'

const text = (value: string): AnswerPart => ({ type: 'text', text: value })
const call = (toolCallId: string, more: object = {}): AnswerPart => ({
  type: 'tool-call',
  toolCallId,
  toolName: 'search',
  input: '{}',
  ...more,
})
const answer = (content: readonly AnswerPart[], more: Partial<ModelAnswer> = {}): ModelAnswer => ({
  content,
  finishReason: 'stop',
  usage: {},
  ...more,
})

describe('answerText', () => {
  test.each<[string, readonly AnswerPart[], string]>([
    ['nothing', [], ''],
    ['one text', [text('a')], 'a'],
    ['texts, joined without anything between', [text('a'), text(''), text('b ')], 'ab '],
    ['texts between other parts', [{ type: 'reasoning', text: 'no' }, text('a'), call('1'), text('b')], 'ab'],
    ['reasoning alone', [{ type: 'reasoning', text: 'no' }], ''],
    ['parts of a newer version', [{ type: 'thought', text: 'no' }, text('a')], 'a'],
  ])('of %s', (_name, content, expected) => {
    expect(answerText(answer(content))).toBe(expected)
  })
  test('is what was kept apart for a structured answer, where there is any', () => {
    expect(answerText(answer([text('Here it is:')], { structuredOutputText: '{"a":1}' }))).toBe('{"a":1}')
    expect(answerText(answer([text('x')], { structuredOutputText: '' }))).toBe('')
  })
})

describe('answerToolCalls', () => {
  const ids = (content: readonly AnswerPart[], more?: Partial<ModelAnswer>): string[] =>
    answerToolCalls(answer(content, more)).map((part) => part.toolCallId)
  test('gives the calls in their order', () => {
    expect(ids([])).toEqual([])
    expect(ids([call('1')])).toEqual(['1'])
    expect(ids([text('a')])).toEqual([])
    expect(ids([call('2'), text('a'), call('1')])).toEqual(['2', '1'])
  })
  test('leaves out what the provider runs itself', () => {
    expect(ids([call('1', { providerExecuted: true })])).toEqual([])
    expect(ids([call('1', { providerExecuted: true }), call('2'), call('3', { providerExecuted: false })])).toEqual(['2', '3'])
  })
  test.each(['interrupted', 'error'])('gives none after the finish reason %s: they may not be whole', (finishReason) => {
    expect(ids([call('1')], { finishReason })).toEqual([])
    expect(ids([call('1'), call('2')], { finishReason })).toEqual([])
  })
  test.each(['stop', 'tool-calls', 'length', 'other', 'brand-new'])('gives them after %s', (finishReason) => {
    expect(ids([call('1')], { finishReason })).toEqual(['1'])
  })
})

describe('modelAnswer', () => {
  const record = (effect: Effect, outcome: EffectRecord['outcome']): EffectRecord => ({
    effect,
    outcome,
    failures: 0,
    started: false,
  })
  const model: Effect = { kind: 'model', key: 'm', messages: [] }
  const value = answer([text('a')])
  test('is the value of a model effect that completed', () => {
    expect(modelAnswer(record(model, { status: 'completed', value: value as never }))).toBe(value)
  })
  test('is none for one that is open, that failed, or that is no model effect', () => {
    const error = { code: 'MODEL_FAILED', message: 'x', retryable: false }
    expect(modelAnswer(record(model, undefined))).toBeUndefined()
    expect(modelAnswer(record(model, { status: 'failed', error }))).toBeUndefined()
    const tool: Effect = { kind: 'tool', key: 't', tool: 'search', input: {} }
    expect(modelAnswer(record(tool, { status: 'completed', value: value as never }))).toBeUndefined()
  })
})

test('messages are made of texts and inputs', () => {
  expect(systemMessage('be brief')).toEqual({ role: 'system', content: 'be brief' })
  expect(userMessage('hi')).toEqual({ role: 'user', content: [{ type: 'text', text: 'hi' }] })
  expect(inputMessage('hi')).toEqual(userMessage('hi'))
  expect(inputMessage({ city: 'Oslo' })).toEqual(userMessage('{"city":"Oslo"}'))
  expect(inputMessage(null)).toEqual(userMessage('null'))
})

test('recorded events are told from live ones', () => {
  expect(isRecorded({ version: 1, seq: 1, at: 0, type: 'signal', id: 'a', name: 'b', payload: null })).toBe(true)
  expect(isRecorded({ type: 'text-delta', key: 'm', delta: 'x' })).toBe(false)
  expect(isRecorded({ type: 'lag', dropped: 1 })).toBe(false)
})
