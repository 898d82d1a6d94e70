import { describe, expect, test } from 'vitest'
import { answered, definition, done, end, error, history, model, origin, tool } from '../../test/fixtures/run-events.ts'
import {
  applyEvent,
  createView,
  type Effect,
  foldHistory,
  type Outcome,
  type RunEvent,
  type RunEventBody,
  userMessage,
} from './index.ts'

/** mulberry32; the seeded draws of opspawn/testing are no part of core. */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Any sequence of events, also ones that no engine writes: keys that nobody asked for, ends of what has ended. */
function anyHistory(seed: number): RunEvent[] {
  const random = randomOf(seed)
  const pick = <T>(items: readonly T[]): T => items[random(items.length)] as T
  let asked = 0
  const key = (): string => `e${random(asked + 2)}`
  const effect = (): Effect => {
    asked += 1
    return pick<(key: string) => Effect>([
      tool,
      model,
      (name) => ({ kind: 'run', key: name, agent: 'b', input: 1 }),
      (name) => ({ kind: 'recall', key: name, query: 'q' }),
      (name) => ({ kind: 'remember', key: name, entries: [] }),
      (name) => ({ kind: 'wait', key: name, for: { type: 'time', ms: random(100) } }),
      (name) => ({ kind: 'wait', key: name, for: { type: 'signal', name: `s${random(3)}` } }),
      (name) => ({ kind: 'wait', key: name, for: { type: 'approval', question: '?', deadlineMs: 5 } }),
    ])(`e${asked}`)
  }
  const bodies = Array.from({ length: 60 }, () =>
    pick<() => RunEventBody | { readonly type: string }>([
      () => ({
        type: 'decision',
        effects: Array.from({ length: 1 + random(3) }, effect),
        ...(random(2) ? { state: random(9) } : {}),
      }),
      () => answered(key(), random(2) ? { input: random(50), output: random(50) } : {}),
      () => end(key(), pick<Outcome>([done(1), { status: 'failed', error }, { status: 'unknown', error }])),
      () => end(key(), done({ usage: {} }), { labels: [`l${random(4)}`] }),
      () => ({ type: 'effect-start', key: key(), attempt: 1 }),
      () => ({ type: 'effect-retry', key: key(), attempt: 1 + random(3), error, dueAt: random(9999) }),
      () => ({ type: 'approval-request', key: key(), hash: 'h', question: '?', expiresAt: random(9999) }),
      () => ({ type: 'approval-response', key: key(), approved: random(2) === 1, by: 'ann' }),
      () => ({ type: 'signal', id: `i${random(99)}`, name: `s${random(3)}`, payload: null }),
      () => ({ type: 'session-load', messages: [userMessage(`m${random(9)}`)] }),
      () => ({ type: 'cancel-request', reason: `r${random(9)}`, ...(random(2) ? { timeout: true as const } : {}) }),
      () => ({ type: 'output-reject', output: random(9), issues: [] }),
      () => ({ type: 'run-claim', epoch: random(9), worker: 'w' }),
      () => ({ type: `future-${random(9)}` }),
    ])(),
  )
  return history(...bodies)
}

describe.each(Array.from({ length: 40 }, (_, seed) => seed))('any history (seed %i)', (seed) => {
  const events = anyHistory(seed)

  test('applied event by event is the history folded from scratch, at each step', () => {
    const view = createView(definition, origin)
    for (const [index, event] of events.entries()) {
      applyEvent(view, event)
      expect(view).toEqual(foldHistory(definition, events.slice(0, index + 1)))
    }
  })
  test('gives the same view twice, and is not changed by it', () => {
    const before = structuredClone(events)
    expect(foldHistory(definition, events)).toEqual(foldHistory(definition, structuredClone(events)))
    expect(events).toEqual(before)
  })
  test('gives a view whose parts agree', () => {
    const view = foldHistory(definition, events)
    const records = [...view.effects.values()]
    expect(view.open).toBe(records.filter((record) => record.outcome === undefined).length)
    expect(new Set(view.settled).size).toBe(view.settled.length)
    expect(view.settled.every((record) => view.effects.get(record.effect.key) === record)).toBe(true)
    expect(view.settled).toHaveLength(records.length - view.open)
    expect(view.latest.every((record) => view.effects.get(record.effect.key) === record)).toBe(true)
    expect(view.usage.modelCalls).toBe(view.settled.filter((record) => record.effect.kind === 'model').length)
    expect(view.seq).toBe(events.length)
  })
})
