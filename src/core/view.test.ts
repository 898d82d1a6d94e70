import { describe, expect, test } from 'vitest'
import {
  answered,
  decision,
  definition,
  done,
  end,
  error,
  fold,
  history,
  model,
  origin,
  tool,
} from '../../test/fixtures/run-events.ts'
import { DEFAULT_LIMITS, createView, type Effect, foldHistory, type RunEvent, type RunEventBody, userMessage } from './index.ts'

describe('a run that has just been accepted', () => {
  test('is as its origin and its definition say', () => {
    expect(fold()).toEqual({
      ...definition,
      id: 'run-1',
      agent: 'helper',
      tenant: 'acme',
      session: 's',
      input: { q: 1 },
      messages: [userMessage('earlier')],
      past: [],
      limits: { ...DEFAULT_LIMITS, steps: 5 },
      effects: new Map(),
      settled: [],
      latest: [],
      open: 0,
      state: undefined,
      decisions: 0,
      rejected: [],
      rejectedNow: false,
      usage: { modelCalls: 0, toolCalls: 0, inputTokens: 0, outputTokens: 0, unreported: 0 },
      labels: new Set(['private']),
      signals: [],
      cancelReason: undefined,
      timedOut: false,
      outcome: undefined,
      now: 1000,
      seq: 1,
    })
  })
  test('has neither messages nor labels where its origin names none', () => {
    const { messages: _messages, labels: _labels, session: _session, ...bare } = origin
    const view = createView(definition, bare)
    expect(view).toMatchObject({ messages: [], session: undefined, now: 0, seq: 0 })
    expect(view.labels.size).toBe(0)
  })
})

describe('a history', () => {
  test.each<[string, readonly RunEvent[]]>([
    ['nothing', []],
    ['anything else', history(decision(tool('a'))).slice(1)],
    ['null', [null as never]],
    ['no list at all', undefined as never],
    ['what was no history', { error: 'not found' } as never],
  ])('that begins with %s is refused', (_name, events) => {
    expect(() => foldHistory(definition, events)).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID', message: 'a history begins with a run-start event' }),
    )
  })
  test('may hold events of a newer version: they only count', () => {
    const view = fold({ type: 'brand-new' }, decision(tool('a')), { type: 'constructor' })
    expect(view).toMatchObject({ seq: 4, now: 1030, decisions: 1, open: 1 })
  })
  test('may hold claims and verdicts: nothing is seen of them', () => {
    const plain = { ...fold(), seq: 3, now: 1020 }
    const verdict: RunEventBody = { type: 'policy-verdict', key: 'a', verdict: 'deny', rule: 'r' }
    expect(fold({ type: 'run-claim', epoch: 1, worker: 'w' }, verdict)).toEqual(plain)
  })
})

describe('effects', () => {
  test('are open from the decision that asks for them', () => {
    const view = fold({ type: 'decision', effects: [tool('a'), model('b')], state: { n: 1 } })
    expect([...view.effects.keys()]).toEqual(['a', 'b'])
    expect(view).toMatchObject({ open: 2, decisions: 1, state: { n: 1 }, settled: [] })
    expect(view.latest).toEqual([view.effects.get('a'), view.effects.get('b')])
    expect(view.effects.get('a')).toMatchObject({ effect: tool('a'), failures: 0, started: false })
    expect(view.effects.get('a')?.outcome).toBeUndefined()
  })
  test('carry what was set aside for them', () => {
    const amounts = { steps: 1, tokens: 100, cost: 0.5 }
    const view = fold({ type: 'decision', effects: [model('a'), model('b')], reserved: [{ key: 'b', amounts }] })
    expect(view.effects.get('a')?.reserved).toBeUndefined()
    expect(view.effects.get('b')?.reserved).toEqual(amounts)
  })
  test('settle in their order, once each', () => {
    const view = fold(decision(tool('a'), tool('b')), end('b'), end('a'), end('b', { status: 'failed', error }))
    expect(view.settled.map((record) => record.effect.key)).toEqual(['b', 'a'])
    expect(view.open).toBe(0)
    expect(view.effects.get('b')?.outcome).toEqual(done('ok'))
    expect(view.settled[0]).toBe(view.effects.get('b'))
  })
  test('keep state and go on where a decision says nothing of it', () => {
    const view = fold({ type: 'decision', effects: [tool('a')], state: 1 }, end('a'), decision(tool('b')))
    expect(view).toMatchObject({ state: 1, decisions: 2 })
    expect(view.latest.map((record) => record.effect.key)).toEqual(['b'])
  })
  test('may replace state by null', () => {
    const view = fold(
      { type: 'decision', effects: [tool('a')], state: 1 },
      { type: 'decision', effects: [tool('b')], state: null },
    )
    expect(view.state).toBeNull()
  })
  test('note a start, a retry and its time, and nothing of them once they settled', () => {
    const retry: RunEventBody = { type: 'effect-retry', key: 'a', attempt: 2, error, dueAt: 5000 }
    const started = fold(decision(tool('a')), { type: 'effect-start', key: 'a', attempt: 1 })
    expect(started.effects.get('a')).toMatchObject({ started: true, failures: 0 })
    const again = fold(decision(tool('a')), { type: 'effect-start', key: 'a', attempt: 1 }, retry)
    expect(again.effects.get('a')).toMatchObject({ started: false, failures: 2, dueAt: 5000 })
    expect(fold(decision(tool('a')), retry, end('a')).effects.get('a')?.dueAt).toBeUndefined()
  })
  test('bring labels along', () => {
    const view = fold(decision(tool('a'), tool('b')), end('a', done(1), { labels: ['untrusted', 'private'] }), end('b'))
    expect([...view.labels].toSorted()).toEqual(['private', 'untrusted'])
  })
  test.each<RunEventBody>([
    { type: 'effect-start', key: 'nope', attempt: 1 },
    { type: 'effect-retry', key: 'nope', attempt: 1, error, dueAt: 1 },
    end('nope'),
    { type: 'approval-request', key: 'nope', hash: 'h', question: '?' },
    { type: 'approval-response', key: 'nope', approved: true, by: 'ann' },
  ])('that nobody asked for change nothing ($type)', (event) => {
    expect(fold(event)).toEqual({ ...fold(), seq: 2, now: 1010 })
  })
})

describe('waits', () => {
  const wait = (what: (Effect & { kind: 'wait' })['for']): Effect => ({ kind: 'wait', key: 'w', for: what })
  test.each<[string, (Effect & { kind: 'wait' })['for'], number | undefined]>([
    ['for a time', { type: 'time', ms: 500 }, 1510],
    ['for no time at all', { type: 'time', ms: 0 }, 1010],
    ['for a signal', { type: 'signal', name: 's' }, undefined],
    ['for a signal with a deadline', { type: 'signal', name: 's', deadlineMs: 100 }, 1110],
    ['for a person with a deadline', { type: 'approval', question: '?', deadlineMs: 100 }, 1110],
    ['for a person', { type: 'approval', question: '?' }, undefined],
  ])('%s are due at their time', (_name, what, dueAt) => {
    expect(fold(decision(wait(what))).effects.get('w')?.dueAt).toBe(dueAt)
  })
  test('for a signal take the oldest of its name, when they end well', () => {
    const signal = (id: string, name: string): RunEventBody => ({ type: 'signal', id, name, payload: id })
    const waits = decision(wait({ type: 'signal', name: 'go' }))
    const got = [signal('1', 'other'), signal('2', 'go'), signal('3', 'go'), waits]
    expect(fold(...got).signals.map(({ id }) => id)).toEqual(['1', '2', '3'])
    expect(fold(...got, end('w', done('2'))).signals.map(({ id }) => id)).toEqual(['1', '3'])
    expect(fold(...got, end('w', { status: 'failed', error })).signals.map(({ id }) => id)).toEqual(['1', '2', '3'])
    expect(fold(waits, end('w', done(null))).signals).toEqual([])
  })
  test('for a time take no signal', () => {
    const view = fold({ type: 'signal', id: '1', name: 'go', payload: null }, decision(wait({ type: 'time', ms: 1 })), end('w'))
    expect(view.signals).toHaveLength(1)
  })
})

describe('approvals', () => {
  const request: RunEventBody = { type: 'approval-request', key: 'a', hash: 'h', question: 'May I?', expiresAt: 9000 }
  test('are asked for with what they bind to and until when', () => {
    expect(fold(decision(tool('a')), request).effects.get('a')).toMatchObject({
      approval: 'requested',
      argumentsHash: 'h',
      dueAt: 9000,
    })
  })
  test.each([
    [true, 'approved'],
    [false, 'requested'],
  ])('answered with %s', (approved, approval) => {
    const record = fold(decision(tool('a')), request, { type: 'approval-response', key: 'a', approved, by: 'ann' }).effects.get(
      'a',
    )
    expect(record).toMatchObject({ approval })
    expect(record?.dueAt).toBeUndefined()
  })
})

describe('usage', () => {
  test('is the sum of what was reported; what was not is counted as such', () => {
    const view = fold(
      decision(model('a'), model('b'), model('c'), model('d'), tool('e'), tool('f')),
      answered('a', { input: 10, output: 5 }),
      answered('b', { input: 7 }),
      answered('c', {}),
      end('d', { status: 'failed', error }),
      end('e'),
      end('f', { status: 'denied', error }),
    )
    expect(view.usage).toEqual({ modelCalls: 4, toolCalls: 2, inputTokens: 17, outputTokens: 5, unreported: 3 })
  })
  test('of nothing at all is reported', () => {
    expect(fold(decision(model('a')), answered('a', { input: 0, output: 0 })).usage.unreported).toBe(0)
  })
})

describe('the rest of a run', () => {
  test('has the conversation of the session before its own', () => {
    const view = fold({ type: 'session-load', messages: [userMessage('long ago')] })
    expect(view.messages).toEqual([userMessage('long ago'), userMessage('earlier')])
    expect(view.past).toEqual([])
    const runs = [{ runId: 'run-0', messages: 1 }]
    expect(fold({ type: 'session-load', messages: [userMessage('long ago')], runs }).past).toEqual(runs)
  })
  test('keeps the first reason for its end, and whether that was the time', () => {
    const timeout: RunEventBody = { type: 'cancel-request', reason: 'too long', timeout: true }
    expect(fold(timeout, { type: 'cancel-request', reason: 'enough' })).toMatchObject({
      cancelReason: 'too long',
      timedOut: true,
    })
    expect(fold({ type: 'cancel-request', reason: '' }, timeout)).toMatchObject({ cancelReason: '', timedOut: false })
  })
  test('remembers outputs that did not fit until effects are asked for', () => {
    const reject: RunEventBody = { type: 'output-reject', output: 5, issues: [{ path: '/', message: 'no' }] }
    expect(fold(reject)).toMatchObject({ rejectedNow: true, rejected: [{ output: 5, issues: [{ path: '/', message: 'no' }] }] })
    expect(fold(reject, decision(model('m')))).toMatchObject({ rejectedNow: false, rejected: [{ output: 5 }] })
  })
  test('ends', () => {
    const outcome = { status: 'completed', output: 'done' } as const
    expect(fold({ type: 'run-end', outcome }).outcome).toEqual(outcome)
  })
})
