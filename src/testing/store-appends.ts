import { OpspawnError, type Changes, type Claim, type Fence, type RunEvent } from '../core/index.ts'
import { assert, assertEqual, assertRejects } from './assert.ts'
import {
  DONE,
  LONG_LEASE_MS,
  PAST_LEASE_MS,
  SHORT_LEASE_MS,
  accept,
  acceptAndOwn,
  assertNotReady,
  assertWhole,
  at,
  finish,
  note,
  own,
  recordOf,
  snapshot,
  type StoreCase,
} from './store-world.ts'

/** Cases on writing to histories. */
export const appendCases: readonly StoreCase[] = [
  {
    name: 'S8: events stand in the history as written, in order and without gaps',
    async run({ store }) {
      const { fence, run } = await acceptAndOwn(store, 'run')
      let seq = run.seq
      for (const count of [1, 3, 0, 2]) {
        const events = Array.from({ length: count }, (_, index) => at(seq + 1 + index))
        assertEqual(await store.append(fence, seq, events), [], 'tasks of an append without signals')
        assertEqual(await store.read('run', seq + 1), events, 'events read back')
        seq += count
        assertEqual((await recordOf(store, 'run')).seq, seq, 'seq in the record')
      }
      await assertWhole(store, 'run')
    },
  },
  {
    name: 'S2: of two appends at one position, one wins',
    async run({ store }) {
      const { fence, run } = await acceptAndOwn(store, 'run')
      const write = (state: string): Promise<unknown> =>
        store.append(fence, run.seq, [at(run.seq + 1, { type: 'decision', effects: [], state })])
      const results = await Promise.allSettled([write('left'), write('right')])
      const lost = results.filter((result) => result.status === 'rejected')
      assertEqual(lost.length, 1, 'appends that lost')
      assert(
        OpspawnError.is(lost[0]?.reason, 'SEQUENCE_CONFLICT'),
        `the loser is told SEQUENCE_CONFLICT, not ${String(lost[0]?.reason)}`,
      )
      assertEqual((await store.read('run', run.seq + 1)).length, 1, 'events written')
      await assertWhole(store, 'run')
    },
  },
  {
    name: 'S8: appends that are sent one behind the other, without waiting, leave no gap',
    async run({ store }) {
      const { fence, run } = await acceptAndOwn(store, 'run')
      const write = (place: number): Promise<unknown> => note(store, fence, run.seq + place)
      const answers = await Promise.allSettled([0, 1, 2, 3, 4, 5, 6, 7].map(write))
      for (const answer of answers) {
        // One that came before its turn may be refused, and is sent again.
        if (answer.status === 'rejected') await assertRejects(Promise.reject(answer.reason as Error), 'SEQUENCE_CONFLICT', 'one')
      }
      const written = (await recordOf(store, 'run')).seq - run.seq
      assertEqual(answers.filter(({ status }) => status === 'fulfilled').length, written, 'appends that were acknowledged')
      for (let place = written; place < answers.length; place += 1) await write(place)
      await assertWhole(store, 'run')
    },
  },
  {
    name: 'S2: an append at any position but the last is refused with SEQUENCE_CONFLICT',
    async run({ store }) {
      const { fence, run } = await acceptAndOwn(store, 'run')
      for (const seq of [0, run.seq - 1, run.seq + 1, run.seq + 100]) {
        await assertRejects(note(store, fence, seq), 'SEQUENCE_CONFLICT', `an append at ${seq} to a history of ${run.seq}`)
      }
      await note(store, fence, run.seq)
      await assertWhole(store, 'run')
    },
  },
  {
    name: 'S2: a refused append leaves nothing behind: no event, no spending, no signal, no end',
    async run({ store, pass }) {
      await accept(store, 'run', { limits: { steps: 1 } })
      await store.signal('run', { id: 'kept', name: 'news', payload: 1 })
      const stale = await own(store, 'run', 'w', SHORT_LEASE_MS)
      await pass(PAST_LEASE_MS)
      const claim = await own(store, 'run')
      const neighbour = await acceptAndOwn(store, 'neighbour')
      await store.release(neighbour.fence, { how: 'wait' })
      const before = await snapshot(store, ['run', 'neighbour'])
      for (const { what, fence, seq, spending } of refusals(stale, claim)) {
        const events: RunEvent[] = [at(seq + 1), at(seq + 2)]
        const changes: Changes = {
          consume: ['kept'],
          spending,
          end: { outcome: DONE },
          signals: [{ runId: 'neighbour', signal: { id: 'wake', name: 'news', payload: 2 } }],
        }
        await assertRejects(
          store.append(fence, seq, events, changes),
          ['LEASE_LOST', 'SEQUENCE_CONFLICT', 'BUDGET_EXCEEDED'],
          what,
        )
        assertEqual(await snapshot(store, ['run', 'neighbour']), before, `both runs after ${what}`)
      }
      await assertNotReady(store, 'neighbour', 'no signal came')
      await store.release(claim.fence, { how: 'drain' })
      assertEqual(
        (await own(store, 'run')).inbox.map((signal) => signal.id),
        ['kept'],
        'the inbox',
      )
    },
  },
  {
    name: 'S8: an end makes the record final, with outcome and transcript',
    async run({ store }) {
      const transcript = [{ role: 'user', content: [{ type: 'text', text: 'hello' }] }] as const
      const error = { code: 'TOOL_FAILED', message: 'broken', retryable: false }
      const outcomes = [DONE, { status: 'failed', error }, { status: 'cancelled', error }] as const
      for (const outcome of outcomes) {
        const runId = outcome.status
        const { fence, run } = await acceptAndOwn(store, runId)
        await store.append(fence, run.seq, [at(run.seq + 1, { type: 'run-end', outcome })], { end: { outcome, transcript } })
        const record = await recordOf(store, runId)
        assertEqual(
          [record.status, record.outcome, record.transcript],
          [outcome.status, outcome, transcript],
          'status, outcome, transcript',
        )
        await assertNotReady(store, runId, 'it has ended')
      }
    },
  },
  {
    name: 'S8: nothing is written behind the end',
    async run({ store, pass }) {
      const claim = await acceptAndOwn(store, 'run')
      await finish(store, claim)
      const before = await snapshot(store, ['run'])
      const seq = claim.run.seq + 1
      await assertRejects(note(store, claim.fence, seq), 'RUN_FINISHED', 'an append')
      await assertRejects(note(store, claim.fence, seq, { end: { outcome: DONE } }), 'RUN_FINISHED', 'a second end')
      await assertRejects(store.release(claim.fence, { how: 'drain' }), ['RUN_FINISHED', 'LEASE_LOST'], 'a release')
      await pass(PAST_LEASE_MS)
      assertEqual((await store.sweep(100)).tasks, [], 'tasks of a sweep')
      assertEqual(await snapshot(store, ['run']), before, 'the run')
    },
  },
  {
    name: 'S7: a claim that expired but that nobody took over leaves the run whole',
    async run({ store, pass }) {
      await accept(store, 'run')
      const late = await own(store, 'run', 'late', SHORT_LEASE_MS)
      await pass(PAST_LEASE_MS)
      // Whether the late worker may still write is the store's own affair; what it may not do is harm.
      const written = await note(store, late.fence, late.run.seq).then(
        () => true,
        (error: unknown) => {
          assert(OpspawnError.is(error, 'LEASE_LOST'), `the only reason to refuse is LEASE_LOST, not ${String(error)}`)
          return false
        },
      )
      const { run } = await own(store, 'run', 'next', LONG_LEASE_MS)
      assertEqual(run.seq, late.run.seq + (written ? 2 : 1), 'seq')
      await assertWhole(store, 'run')
    },
  },
]

interface Refusal {
  readonly what: string
  readonly fence: Fence
  readonly seq: number
  readonly spending: NonNullable<Changes['spending']>
}

function refusals(stale: Claim, claim: Claim): readonly Refusal[] {
  const step = { steps: 1, tokens: 0, cost: 0 }
  const { fence } = claim
  const { seq } = claim.run
  return [
    { what: 'an append of a former owner', fence: stale.fence, seq, spending: { use: step } },
    { what: 'an append at a former position', fence, seq: seq - 1, spending: { use: step } },
    { what: 'an append past the budget', fence, seq, spending: { use: step, reserve: step } },
  ]
}
