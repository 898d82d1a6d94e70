import { expect, test } from 'vitest'
import type { RunEvent, RunEventBody, RunRecord, Store } from '../core/index.ts'
import { checkHistories, type HistoryEvidence } from './history-check.ts'

const outcome = { status: 'completed', output: 'done' } as const
const origin = { runId: 'run', agent: 'a', definition: 'v1', tenant: 't', input: 1, rootId: 'run', depth: 0, limits: {} }
const NOTHING = { steps: 0, tokens: 0, cost: 0 }

const start: RunEventBody = { type: 'run-start', origin }
const claim = (epoch: number): RunEventBody => ({ type: 'run-claim', epoch, worker: 'w' })
const asks = (...keys: string[]): RunEventBody => ({
  type: 'decision',
  effects: keys.map((key) => ({ kind: 'tool', key, tool: 'pay', input: {} })),
})
const waits: RunEventBody = {
  type: 'decision',
  effects: [{ kind: 'wait', key: 'w', for: { type: 'signal', name: 'go', deadlineMs: 1 } }],
}
const begins = (key: string): RunEventBody => ({ type: 'effect-start', key, attempt: 1 })
const settles = (key: string, value: string | number = 1): RunEventBody => ({
  type: 'effect-end',
  key,
  outcome: { status: 'completed', value },
  durationMs: 1,
})
const signal = (id: string, payload: number): RunEventBody => ({ type: 'signal', id, name: 'go', payload })
const ends: RunEventBody = { type: 'run-end', outcome }

/** A store of one run whose history is this; the record fits it, but for what is said otherwise. */
function storeOf(bodies: readonly RunEventBody[], more: Partial<RunRecord> = {}, at: readonly number[] = []): Store {
  const events = bodies.map((body, index): RunEvent => ({ ...body, version: 1, seq: index + 1, at: at[index] ?? index }))
  const isOver = bodies.at(-1)?.type === 'run-end'
  const run: RunRecord = {
    ...origin,
    status: isOver ? 'completed' : 'running',
    ...(isOver && { outcome }),
    seq: events.length,
    epoch: bodies.filter(({ type }) => type === 'run-claim').length,
    deliveries: 1,
    createdAt: 0,
    updatedAt: 0,
    priority: 0,
    queue: 'default',
    spending: { used: NOTHING, reserved: NOTHING, unreported: 0 },
    ...more,
  }
  return { list: async () => ({ runs: [run] }), read: async () => events } as unknown as Store
}

const rulesOf = async (store: Store, evidence?: HistoryEvidence): Promise<string[]> =>
  (await checkHistories(store, evidence)).map(({ rule, text }) => `${rule}: ${text}`)

const sound = [start, claim(1), asks('a'), begins('a'), settles('a'), ends]

test('a sound history breaks nothing', async () => {
  const evidence = { accepted: ['run'], unsafeBodies: [{ runId: 'run', key: 'a' }], isAtRest: true }
  expect(await rulesOf(storeOf(sound), evidence)).toEqual([])
  const signals = [start, claim(1), waits, signal('1', 7), settles('w', 7), ends]
  expect(await rulesOf(storeOf(signals))).toEqual([])
})

const BROKEN: readonly (readonly [what: string, rule: RegExp, store: Store, evidence?: HistoryEvidence])[] = [
  ['an accepted run that is not there', /^S1: was accepted/, storeOf(sound), { accepted: ['other'] }],
  ['a run that nobody goes on with', /^S1: nobody works/, storeOf([start, claim(1)]), { isAtRest: true }],
  [
    'two results of one effect',
    /^S2: effect a has two results/,
    storeOf([start, claim(1), asks('a'), settles('a'), settles('a'), ends]),
  ],
  [
    'an effect that was decided twice',
    /^S2: effect a was decided twice/,
    storeOf([start, asks('a'), asks('a'), settles('a'), ends]),
  ],
  ['a result that nobody asked for', /^S2: effect b has a result/, storeOf([start, settles('b'), ends])],
  ['an effect left open at the end', /^S2: it ended, and effect a/, storeOf([start, asks('a'), ends])],
  [
    'an end that the record does not know',
    /^S2: its history ends as completed/,
    storeOf(sound, {
      status: 'failed',
      outcome: { status: 'failed', error: { code: 'INTERNAL', message: 'x', retryable: false } },
    }),
  ],
  ['an end that the history does not know', /^S2: its record says completed/, storeOf([start], { status: 'completed', outcome })],
  ['two ends', /^S2: it ended 2 times/, storeOf([start, ends, ends])],
  [
    'an unsafe body entered twice',
    /^S5: the body of unsafe call a was entered twice/,
    storeOf(sound),
    {
      unsafeBodies: [
        { runId: 'run', key: 'a' },
        { runId: 'run', key: 'a' },
      ],
    },
  ],
  [
    'an unsafe body without its intent',
    /^S5: .+ start is not on record/,
    storeOf([start, asks('a'), settles('a'), ends]),
    { unsafeBodies: [{ runId: 'run', key: 'a' }] },
  ],
  ['an epoch that stands still', /^S7: the epochs of its claims are 1, 1/, storeOf([start, claim(1), claim(1)])],
  ['an epoch that the record does not have', /^S7: the record's epoch is 5/, storeOf(sound, { epoch: 5 })],
  ['a record behind its history', /^S8: the record is at event 2/, storeOf(sound, { seq: 2 })],
  ['a history without its origin', /^S8: the history does not begin/, storeOf([claim(1)])],
  [
    'something behind the end',
    /^S8: something was written behind/,
    storeOf([start, asks(), ends, asks()], { status: 'completed', outcome }),
  ],
  ['time that goes back', /^S8: the event at position 3 is older/, storeOf([start, asks(), asks()], {}, [1, 5, 4])],
  ['a signal consumed twice', /^S10: signal 1 was consumed twice/, storeOf([start, signal('1', 7), signal('1', 7)])],
  ['a wait that took nothing', /^S10: wait w ended with a "go"/, storeOf([start, waits, settles('w', 7), ends])],
  [
    'a wait that took a younger signal',
    /^S10: wait w ended/,
    storeOf([start, waits, signal('1', 7), signal('2', 8), settles('w', 8), ends]),
  ],
  [
    'an answer that nobody asked for',
    /^S10: a was answered more often/,
    storeOf([start, { type: 'approval-response', key: 'a', approved: true, by: 'ada' }]),
  ],
  [
    'a reservation left behind',
    /^S12: it ended, and/,
    storeOf(sound, { spending: { used: NOTHING, reserved: { ...NOTHING, steps: 1 }, unreported: 0 } }),
  ],
]

test.each(BROKEN.map(([what, rule, store, evidence = {}]) => ({ what, rule, store, evidence })))(
  '$what is found',
  async ({ rule, store, evidence }) => {
    expect(await rulesOf(store, evidence)).toContainEqual(expect.stringMatching(rule))
  },
)

test('a hole in the positions is found, and what a parent was told that is not so', async () => {
  const gap = storeOf(sound)
  const events = await gap.read('run', 1)
  const holed: Store = {
    ...gap,
    read: async () => events.map((event) => ({ ...event, seq: event.seq + (event.seq > 3 ? 1 : 0) })),
  }
  expect(await rulesOf(holed)).toContainEqual(expect.stringMatching(/^S8: the event behind position 3/))

  const child = { ...((await gap.list({}, {})).runs[0] as RunRecord), runId: 'child', parent: { runId: 'run', key: 'a' } }
  const family: Store = {
    ...gap,
    list: async (_filter, { cursor }) =>
      cursor === undefined ? { ...(await gap.list({}, {})), cursor: '1' } : { runs: [child] },
  }
  expect(await rulesOf(family)).toContainEqual(expect.stringMatching(/^S2: its parent was told that it completed/))
})
