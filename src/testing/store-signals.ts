import type { Claim, Signal, Store } from '../core/index.ts'
import { assert, assertEqual, assertRejects } from './assert.ts'
import {
  LONG_LEASE_MS,
  PAST_LEASE_MS,
  SHORT_LEASE_MS,
  accept,
  acceptAndOwn,
  assertNotReady,
  at,
  finish,
  note,
  own,
  recordOf,
  snapshot,
  type StoreCase,
} from './store-world.ts'

/** Cases on signals: kept when early, delivered in order, consumed once. */
export const signalCases: readonly StoreCase[] = [
  {
    name: 'S10: signals that come before anybody waits are kept, oldest first',
    async run({ store }) {
      await accept(store, 'run')
      for (const id of ['c', 'a', 'b']) {
        assertEqual((await store.signal('run', signal(id))).accepted, true, `signal ${id} accepted`)
      }
      const { inbox } = await own(store, 'run')
      assertEqual(inbox, [signal('c'), signal('a'), signal('b')], 'the inbox')
    },
  },
  {
    name: 'S10: the second signal of an id is dropped, also when the first was consumed',
    async run({ store }) {
      await accept(store, 'run')
      await store.signal('run', signal('a'))
      const twice = await store.signal('run', { ...signal('a'), payload: 'other' })
      assertEqual([twice.accepted, twice.task], [false, undefined], 'the second signal')
      const { fence, run, inbox } = await own(store, 'run')
      assertEqual(inbox, [signal('a')], 'the inbox')
      await note(store, fence, run.seq, { consume: ['a'] })
      assertEqual((await store.signal('run', signal('a'))).accepted, false, 'the same signal after it was consumed')
      await store.release(fence, { how: 'wait' })
      assertEqual((await store.signal('run', signal('a'))).accepted, false, 'the same signal to the waiting run')
      await assertNotReady(store, 'run', 'a repeated signal is no news')
    },
  },
  {
    name: 'S10: an id counts for one run only',
    async run({ store }) {
      await accept(store, 'left')
      await accept(store, 'right')
      await store.signal('left', signal('a'))
      assertEqual((await store.signal('right', signal('a'))).accepted, true, 'the same id to another run')
    },
  },
  {
    name: 'S10: a signal makes a waiting run ready at once, and gives the task to publish',
    async run({ store }) {
      for (const [runId, hours] of [
        ['forever', undefined],
        ['for hours', 5],
      ] as const) {
        const { fence, run } = await acceptAndOwn(store, runId, { queue: 'mail', priority: 2 })
        const dueAt = hours === undefined ? {} : { dueAt: run.updatedAt + hours * 3_600_000 }
        await store.release(fence, { how: 'wait', ...dueAt })
        await assertNotReady(store, runId, 'it waits')
        const { accepted, task } = await store.signal(runId, signal('a'))
        assertEqual([accepted, task?.runId, task?.queue, task?.agent], [true, runId, 'mail', 'agent'], 'the answer')
        assertEqual((await recordOf(store, runId)).status, 'queued', 'status')
        assertEqual((await own(store, runId)).inbox, [signal('a')], 'the inbox')
      }
    },
  },
  {
    name: 'S10: a signal to a running run comes with a heartbeat',
    async run({ store }) {
      const { fence } = await acceptAndOwn(store, 'run')
      const other = await acceptAndOwn(store, 'other')
      await store.signal('run', signal('a'))
      await store.signal('run', signal('b'))
      const { inbox, lost } = await store.heartbeat([fence, other.fence], LONG_LEASE_MS)
      assertEqual(lost, [], 'lost runs')
      assertEqual(inbox.get('run'), [signal('a'), signal('b')], 'the news')
      assertEqual(inbox.get('other') ?? [], [], 'the news of another run')
    },
  },
  {
    name: 'S10: a consumed signal is gone, the others stay',
    async run({ store }) {
      await accept(store, 'run')
      for (const id of ['a', 'b', 'c']) await store.signal('run', signal(id))
      const { fence, run } = await own(store, 'run')
      await note(store, fence, run.seq, { consume: ['b', 'unknown'] })
      await store.release(fence, { how: 'drain' })
      assertEqual((await own(store, 'run')).inbox, [signal('a'), signal('c')], 'the inbox')
    },
  },
  {
    name: 'S10: signals that a crashed worker had in hand come again',
    async run({ store, pass }) {
      await accept(store, 'run')
      await store.signal('run', signal('early'))
      const { fence } = await own(store, 'run', 'crashing', SHORT_LEASE_MS)
      await store.signal('run', signal('late'))
      await store.heartbeat([fence], SHORT_LEASE_MS)
      await pass(PAST_LEASE_MS)
      assertEqual((await own(store, 'run')).inbox, [signal('early'), signal('late')], 'the inbox of the next worker')
    },
  },
  {
    name: 'S10: a run that would wait with signals left is ready at once',
    async run({ store }) {
      const { fence, run } = await acceptAndOwn(store, 'run')
      await store.signal('run', signal('a'))
      const task = await store.release(fence, { how: 'wait', dueAt: run.updatedAt + 3_600_000 })
      assertEqual(task?.runId, 'run', 'the task to publish')
      assertEqual((await own(store, 'run')).inbox, [signal('a')], 'the inbox')
    },
  },
  {
    name: 'S10: of a signal and the end of a wait at once, one wakes the run and the signal is kept',
    async run({ store, pass }) {
      const { fence, run } = await acceptAndOwn(store, 'run')
      await store.release(fence, { how: 'wait', dueAt: run.updatedAt + 300 })
      await pass(500)
      const [{ accepted }] = await Promise.all([store.signal('run', signal('a')), store.sweep(10)])
      assertEqual(accepted, true, 'the signal accepted')
      const claims = (
        await Promise.all(['a', 'b', 'c'].map((workerId) => store.claim({ workerId, leaseMs: LONG_LEASE_MS, runId: 'run' })))
      ).flat()
      assertEqual(
        claims.map((claim) => claim.inbox.length),
        [1],
        'claims, by the signals that they give',
      )
    },
  },
  {
    name: 'S10: a signal to an ended run is refused with RUN_FINISHED, to an unknown one with RUN_UNKNOWN',
    async run({ store }) {
      const claim = await acceptAndOwn(store, 'run')
      await finish(store, claim)
      const before = await snapshot(store, ['run'])
      await assertRejects(store.signal('run', signal('a')), 'RUN_FINISHED', 'an ended run')
      await assertRejects(store.signal('nobody', signal('a')), 'RUN_UNKNOWN', 'an unknown run')
      assertEqual(await snapshot(store, ['run']), before, 'the ended run')
    },
  },
  {
    name: 'S14: a run that keeps as many signals as it may refuses one more with QUEUE_FULL, and keeps those',
    async run({ limited }) {
      const store = await limited({ signals: 2 })
      await accept(store, 'run')
      await accept(store, 'other')
      for (const id of ['a', 'b']) await store.signal('run', signal(id))
      await assertRejects(store.signal('run', signal('c')), 'QUEUE_FULL', 'the third signal')
      assertEqual((await store.signal('run', signal('a'))).accepted, false, 'a known id is dropped, not refused')
      assertEqual((await store.signal('other', signal('c'))).accepted, true, 'a signal to another run')
      assertEqual((await own(store, 'run')).inbox, [signal('a'), signal('b')], 'the inbox')
    },
  },
  {
    name: 'S14: signals that are recorded count until a wait takes them',
    async run({ limited }) {
      const store = await limited({ signals: 2 })
      const { fence, run } = await acceptAndOwn(store, 'run')
      const taken = ['a', 'b'].map((id) => signal(id))
      for (const one of taken) await store.signal('run', one)
      const recorded = taken.map((one, index) => at(run.seq + 1 + index, { type: 'signal', ...one }))
      await store.append(fence, run.seq, recorded, { consume: ['a', 'b'] })
      await assertRejects(store.signal('run', signal('c')), 'QUEUE_FULL', 'a third signal, while two are recorded')
      const wait = { kind: 'wait', key: 'wait', for: { type: 'signal', name: 'news' } } as const
      const { seq } = run
      await store.append(fence, seq + 2, [at(seq + 3, { type: 'decision', effects: [wait] })])
      await assertRejects(store.signal('run', signal('c')), 'QUEUE_FULL', 'a third signal, before the wait has ended')
      const outcome = { status: 'completed', value: taken[0]?.payload ?? null } as const
      await store.append(fence, seq + 3, [at(seq + 4, { type: 'effect-end', key: 'wait', outcome, durationMs: 0 })])
      assertEqual((await store.signal('run', signal('c'))).accepted, true, 'a third signal, after a wait has taken one')
      await assertRejects(store.signal('run', signal('d')), 'QUEUE_FULL', 'the next one')
    },
  },
  {
    name: "S14: the engine's own signals reach a run that keeps as many as it may",
    async run({ limited }) {
      const store = await limited({ signals: 1 })
      const { child, waiting } = await family(store)
      await store.signal(waiting, signal('a'))
      const cancel = { id: 'opspawn.cancel', name: 'opspawn.cancel', payload: null }
      assertEqual((await store.signal(waiting, cancel)).accepted, true, 'a cancellation')
      const end = { id: 'end', name: 'opspawn.child-end', payload: null }
      await note(store, child.fence, child.run.seq, { signals: [{ runId: waiting, signal: end }] })
      assertEqual((await own(store, waiting)).inbox, [signal('a'), cancel, end], 'the inbox')
    },
  },
  {
    name: 'S10: an append tells other runs, and wakes those that wait',
    async run({ store }) {
      const { child, waiting, running } = await family(store)
      const tasks = await note(store, child.fence, child.run.seq, {
        signals: [
          { runId: 'waiting', signal: signal('a') },
          { runId: 'waiting', signal: signal('b') },
          { runId: 'running', signal: signal('a') },
          { runId: 'running', signal: signal('a') },
        ],
      })
      assertEqual(
        tasks.map((task) => task.runId),
        ['waiting'],
        'tasks to publish',
      )
      assertEqual((await own(store, waiting)).inbox, [signal('a'), signal('b')], 'the inbox of the run that waited')
      assertEqual(
        (await store.heartbeat([running.fence], LONG_LEASE_MS)).inbox.get('running'),
        [signal('a')],
        'news of the running one',
      )
      const again = await note(store, child.fence, child.run.seq + 1, { signals: [{ runId: 'waiting', signal: signal('a') }] })
      assertEqual(again, [], 'tasks of a repeated signal')
    },
  },
  {
    name: 'S10: a signal of an append to an ended or unknown run is dropped, and the append goes through',
    async run({ store }) {
      const { child, running } = await family(store)
      await finish(store, running)
      const tasks = await note(store, child.fence, child.run.seq, {
        signals: ['running', 'nobody', 'waiting'].map((runId) => ({ runId, signal: signal('a') })),
      })
      assertEqual(
        tasks.map((task) => task.runId),
        ['waiting'],
        'tasks to publish',
      )
      assertEqual((await recordOf(store, child.fence.runId)).seq, child.run.seq + 1, 'seq of the run that told')
    },
  },
  {
    name: 'S2: an end and the news of it to the parent are one write',
    async run({ store }) {
      const { child } = await family(store)
      const outcome = { status: 'completed', output: 1 } as const
      const tasks = await note(store, child.fence, child.run.seq, {
        end: { outcome },
        signals: [{ runId: 'waiting', signal: signal('end') }],
      })
      assert(tasks.length === 1, 'the parent is made ready')
      assertEqual((await recordOf(store, 'child')).status, 'completed', 'status of the child')
      assertEqual((await own(store, 'waiting')).inbox, [signal('end')], 'the inbox of the parent')
    },
  },
]

function signal(id: string): Signal {
  return { id, name: 'news', payload: { of: id } }
}

/** A waiting run, a running one, and a running child of the first. */
async function family(store: Store): Promise<{ readonly child: Claim; readonly waiting: string; readonly running: Claim }> {
  const parent = await acceptAndOwn(store, 'waiting')
  const child = await acceptAndOwn(store, 'child', { parent: parent.run })
  await store.release(parent.fence, { how: 'wait' })
  return { child, waiting: 'waiting', running: await acceptAndOwn(store, 'running') }
}
