import { expect, test } from 'vitest'
import { answerText, type Effect, type LiveEvent, type RunEvent, type RunEventBody } from '../../core/index.ts'
import { effectText, eventText } from './event-text.ts'

const at = (body: RunEventBody): RunEvent => ({ ...body, version: 1, seq: 1, at: 0 })
const error = { code: 'TOOL_FAILED', message: 'it\nbroke', retryable: false }
const origin = { runId: 'r', agent: 'a', definition: 'd', tenant: 't', input: { q: 1 }, rootId: 'r', depth: 0, limits: {} }
const answer = {
  content: [
    { type: 'text', text: 'I look.' },
    { type: 'tool-call', toolCallId: 'c', toolName: 'look', input: '{}' },
  ],
  finishReason: 'tool-calls',
  usage: {},
}

test.each<[RunEventBody, string, string]>([
  [{ type: 'run-start', origin }, 'info', '{"q":1}'],
  [{ type: 'run-claim', epoch: 2, worker: 'w' }, 'debug', 'epoch 2 by w'],
  [{ type: 'session-load', messages: [] }, 'debug', '0 messages of earlier runs'],
  [{ type: 'decision', effects: [] }, 'info', 'nothing'],
  [{ type: 'policy-verdict', key: 'k', verdict: 'deny', rule: 'no', reason: 'late' }, 'warn', 'k: deny by rule no: late'],
  [{ type: 'approval-request', key: 'k', hash: 'h', question: 'May I?' }, 'warn', 'k: May I?'],
  [{ type: 'approval-response', key: 'k', approved: true, by: 'ada' }, 'info', 'k: approved by ada'],
  [{ type: 'approval-response', key: 'k', approved: false, by: 'ada', reason: 'no' }, 'info', 'k: denied by ada: no'],
  [{ type: 'effect-start', key: 'k', attempt: 1 }, 'debug', 'k: attempt 1'],
  [{ type: 'effect-retry', key: 'k', attempt: 1, error, dueAt: 9 }, 'warn', 'k: attempt 1 failed, TOOL_FAILED: it broke'],
  [{ type: 'effect-end', key: 'k', outcome: { status: 'completed', value: 7 }, durationMs: 5 }, 'info', 'k: 7 (5 ms)'],
  [{ type: 'effect-end', key: 'k', outcome: { status: 'completed', value: null }, durationMs: 5 }, 'info', 'k: null (5 ms)'],
  [
    { type: 'effect-end', key: 'k', outcome: { status: 'completed', value: answer }, durationMs: 5 },
    'info',
    'k: I look.; calls look {} (5 ms)',
  ],
  [
    { type: 'effect-end', key: 'k', outcome: { status: 'failed', error }, durationMs: 5 },
    'error',
    'k: failed TOOL_FAILED: it broke (5 ms)',
  ],
  [
    { type: 'effect-end', key: 'k', outcome: { status: 'denied', error }, durationMs: 5 },
    'warn',
    'k: denied TOOL_FAILED: it broke (5 ms)',
  ],
  [{ type: 'signal', id: 'i', name: 'news', payload: 'rain' }, 'info', 'news rain'],
  [{ type: 'cancel-request', reason: 'enough' }, 'warn', 'enough'],
  [{ type: 'cancel-request', reason: '' }, 'warn', 'no reason given'],
  [{ type: 'cancel-request', reason: '', timeout: true }, 'warn', 'the time is up'],
  [
    {
      type: 'output-reject',
      output: 1,
      issues: [
        { path: '', message: 'a' },
        { path: '', message: 'b' },
      ],
    },
    'warn',
    'a; b',
  ],
  [{ type: 'run-end', outcome: { status: 'completed', output: 'x' } }, 'info', 'completed x'],
  [{ type: 'run-end', outcome: { status: 'failed', error } }, 'error', 'failed TOOL_FAILED: it broke'],
  [{ type: 'run-end', outcome: { status: 'cancelled', error } }, 'warn', 'cancelled TOOL_FAILED: it broke'],
])('%j', (body, level, text) => {
  expect(eventText(at(body))).toEqual({ level, text })
})

test.each<[LiveEvent, string, string]>([
  [{ type: 'text-delta', key: 'k', delta: 'a\nb' }, 'debug', String.raw`k: "a\nb"`],
  [{ type: 'tool-progress', key: 'k', value: { done: 1 } }, 'debug', 'k: {"done":1}'],
  [{ type: 'tool-log', key: 'k', message: 'pays', data: 3 }, 'info', 'k: pays 3'],
  [{ type: 'tool-log', key: 'k', message: 'pays' }, 'info', 'k: pays'],
  [{ type: 'delta-reset', key: 'k' }, 'debug', 'k: what was said does not hold'],
  [{ type: 'lag', dropped: 4 }, 'warn', '4 live events were dropped'],
])('%j', (event, level, text) => {
  expect(eventText(event)).toEqual({ level, text })
})

test('an event of a newer version is passed over', () => {
  expect(eventText({ type: 'novelty', version: 1, seq: 1, at: 0 } as unknown as RunEvent).text).toBe(
    'an event of a newer version',
  )
  expect(eventText({ type: 'novelty' } as unknown as LiveEvent).text).toBe('an event of a newer version')
  expect(effectText({ kind: 'novelty', key: 'k' } as unknown as Effect)).toBe('an effect of a newer version')
})

test.each<[Effect, string]>([
  [{ kind: 'model', key: 'k' }, 'model default'],
  [{ kind: 'model', key: 'k', model: 'small' }, 'model small'],
  [{ kind: 'tool', key: 'k', tool: 'look', input: { q: 1 } }, 'tool look {"q":1}'],
  [{ kind: 'run', key: 'k', agent: 'other', input: 'x' }, 'run other x'],
  [{ kind: 'recall', key: 'k', query: 'who' }, 'recall who'],
  [{ kind: 'remember', key: 'k', entries: [] }, 'remember 0 entries'],
  [{ kind: 'wait', key: 'k', for: { type: 'time', ms: 1_500 } }, 'wait 1.5 s'],
  [{ kind: 'wait', key: 'k', for: { type: 'signal', name: 'news' } }, 'wait for signal news'],
  [{ kind: 'wait', key: 'k', for: { type: 'approval', question: 'Go on?' } }, 'wait for approval: Go on?'],
])('%j', (effect, text) => {
  expect(effectText(effect)).toBe(text)
})

test('the answer of the table above is one', () => {
  expect(answerText(answer)).toBe('I look.')
})
