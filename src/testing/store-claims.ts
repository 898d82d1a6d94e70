import type { RunEventBody, RunRecord } from '../core/index.ts'
import { assert, assertEqual } from './assert.ts'
import { seededRandom, shuffled } from './seeded.ts'
import {
  LONG_LEASE_MS,
  PAST_LEASE_MS,
  SHORT_LEASE_MS,
  accept,
  acceptAndOwn,
  assertNotReady,
  assertWhole,
  finish,
  note,
  own,
  recordOf,
  type StoreCase,
} from './store-world.ts'

/** Cases on who gets which run. */
export const claimCases: readonly StoreCase[] = [
  {
    name: 'S7: a claim raises epoch and deliveries by one and is written down',
    async run({ store }) {
      const accepted = await accept(store, 'run')
      const { fence, run, inbox } = await own(store, 'run', 'ada')
      assertEqual(fence, { runId: 'run', epoch: accepted.epoch + 1, workerId: 'ada' }, 'the fence')
      assertEqual(
        [run.status, run.epoch, run.deliveries, run.seq],
        ['running', fence.epoch, 1, 2],
        'status, epoch, deliveries, seq',
      )
      assertEqual(inbox, [], 'the inbox')
      const [event] = await store.read('run', 2)
      assertEqual(event, { type: 'run-claim', epoch: fence.epoch, worker: 'ada', version: 1, seq: 2, at: event?.at }, 'the event')
      assertEqual(await recordOf(store, 'run'), run, 'the record')
    },
  },
  {
    name: 'S8: a history that comes along with a claim is the whole one, also of a run that has been claimed before',
    async run({ store }) {
      const early: RunEventBody = { type: 'session-load', messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }] }
      await accept(store, 'run', { history: [early] })
      for (const worker of ['ada', 'bob']) {
        const { fence, run, history } = await own(store, 'run', worker)
        if (history !== undefined) assertEqual(history, await store.read('run', 1), `the history of ${worker}'s claim`)
        await note(store, fence, run.seq)
        await store.release(fence, { how: 'drain' })
      }
    },
  },
  {
    name: 'S7: a run that has an owner is given to nobody else',
    async run({ store }) {
      await acceptAndOwn(store, 'run')
      await assertNotReady(store, 'run', 'it has an owner')
      assertEqual((await recordOf(store, 'run')).deliveries, 1, 'deliveries after futile claims')
    },
  },
  {
    name: 'S2: a hint of an unknown or an ended run gives nothing',
    async run({ store }) {
      assertEqual(await store.claim({ workerId: 'w', leaseMs: 1000, runId: 'nobody' }), [], 'a claim of an unknown run')
      await finish(store, await acceptAndOwn(store, 'run'))
      await assertNotReady(store, 'run', 'it has ended')
    },
  },
  {
    name: 'S9: a run is not given before it is due, and its due time is gone once it is',
    async run({ store, pass }) {
      const { createdAt } = await accept(store, 'probe')
      await accept(store, 'run', { dueAt: createdAt + 700 })
      await assertNotReady(store, 'run', 'it is not due yet')
      await pass(1000)
      const { run } = await own(store, 'run')
      assertEqual(run.dueAt, undefined, 'dueAt of a claimed run')
    },
  },
  {
    name: 'S9: a run that waits for a time is given when it has come, without its being swept',
    async run({ store, pass }) {
      const { fence, run } = await acceptAndOwn(store, 'run')
      const task = await store.release(fence, { how: 'wait', dueAt: run.updatedAt + 700 })
      assertEqual(task, undefined, 'the task of a run that waits')
      assertEqual((await recordOf(store, 'run')).status, 'waiting', 'status')
      await assertNotReady(store, 'run', 'its time has not come')
      await pass(1000)
      const [claim] = await store.claim({ workerId: 'w', leaseMs: LONG_LEASE_MS, queues: ['default'] })
      assertEqual([claim?.fence.runId, claim?.run.status], ['run', 'running'], 'the run')
      assertEqual(claim?.run.dueAt, undefined, 'dueAt of a claimed run')
    },
  },
  {
    name: 'S8: the most urgent run comes first, then the one that was accepted first',
    async run({ store, pass }) {
      for (const [runId, priority] of [
        ['low', -1],
        ['first', 0],
        ['high', 5],
        ['second', 0],
      ] as const) {
        await accept(store, runId, { priority })
        await pass(5)
      }
      const order: string[] = []
      for (let count = 0; count < 5; count += 1) {
        for (const claim of await store.claim({ workerId: 'w', leaseMs: LONG_LEASE_MS })) order.push(claim.fence.runId)
      }
      assertEqual(order, ['high', 'first', 'second', 'low'], 'the order of claims')
    },
  },
  {
    name: 'S16: queues and definitions narrow a claim, also a claim by id',
    async run({ store }) {
      await accept(store, 'mail', { queue: 'mail' })
      await accept(store, 'old', { definition: 'v1', agent: 'writer' })
      await accept(store, 'new', { definition: 'v2', agent: 'writer' })
      const worker = { workerId: 'w', leaseMs: LONG_LEASE_MS, max: 10 }
      assertEqual(await store.claim({ ...worker, queues: ['post'] }), [], 'another queue')
      assertEqual(await store.claim({ ...worker, definitions: ['writer@v3'] }), [], 'another definition')
      assertEqual(await store.claim({ ...worker, runId: 'new', definitions: ['writer@v1'] }), [], 'another definition, by id')
      const idsOf = async (query: object): Promise<string[]> =>
        (await store.claim({ ...worker, ...query })).map((claim) => claim.fence.runId)
      assertEqual(await idsOf({ queues: ['mail', 'post'] }), ['mail'], 'a queue')
      assertEqual(
        await idsOf({ runId: 'new', definitions: ['writer@v1', 'writer@v2'] }),
        ['new'],
        'one of the definitions, by id',
      )
      assertEqual(await idsOf({ definitions: ['writer@v1'] }), ['old'], 'a definition')
    },
  },
  {
    name: 'S7: a claim gives one run unless asked for more, and never more than asked for',
    async run({ store }) {
      for (let index = 0; index < 5; index += 1) await accept(store, `run-${index}`)
      const worker = { workerId: 'w', leaseMs: LONG_LEASE_MS }
      assertEqual((await store.claim(worker)).length, 1, 'runs without max')
      const more = await store.claim({ ...worker, max: 3 })
      assertEqual(new Set(more.map((claim) => claim.fence.runId)).size, 3, 'runs with max 3')
      assertEqual((await store.claim({ ...worker, max: 3 })).length, 1, 'the rest')
    },
  },
  {
    name: 'S7: of 1,000 runs that four workers claim at once, each has one owner',
    async run({ store }) {
      const runIds = Array.from({ length: 1000 }, (_, index) => `run-${index}`)
      await Promise.all(runIds.map((runId) => accept(store, runId)))
      const owners = new Map<string, string>()
      const work = async (workerId: string): Promise<void> => {
        for (;;) {
          const claims = await store.claim({ workerId, leaseMs: LONG_LEASE_MS, max: 7 })
          if (claims.length === 0) return
          for (const { fence } of claims) {
            assert(
              !owners.has(fence.runId),
              `${fence.runId} is owned by ${owners.get(fence.runId)} and was given to ${workerId} too`,
            )
            owners.set(fence.runId, workerId)
          }
        }
      }
      await Promise.all(['a', 'b', 'c', 'd'].map(work))
      assertEqual(owners.size, 1000, 'runs that have an owner')
    },
  },
  {
    name: 'S2: hints that come three times and in any order give each run once',
    async run({ store }) {
      const runIds = Array.from({ length: 50 }, (_, index) => `run-${index}`)
      for (const runId of runIds) await accept(store, runId)
      const hints = shuffled([...runIds, ...runIds, ...runIds], seededRandom(7))
      const claims = (
        await Promise.all(hints.map((runId) => store.claim({ workerId: 'w', leaseMs: LONG_LEASE_MS, runId })))
      ).flat()
      assertEqual(claims.length, 50, 'claims')
      assertEqual(new Set(claims.map((claim) => claim.fence.runId)).size, 50, 'runs claimed')
    },
  },
  {
    name: 'S6: every claim that ends in silence counts as a delivery',
    async run({ store, pass }) {
      await accept(store, 'run')
      for (let count = 1; count <= 3; count += 1) {
        const { run } = await own(store, 'run', `worker-${count}`, SHORT_LEASE_MS)
        assertEqual(run.deliveries, count, 'deliveries')
        await pass(PAST_LEASE_MS)
      }
      await assertWhole(store, 'run')
    },
  },
  {
    name: 'S6: a run that gets to a wait has its deliveries forgiven',
    async run({ store, pass }) {
      await accept(store, 'run')
      await own(store, 'run', 'crashing', SHORT_LEASE_MS)
      await pass(PAST_LEASE_MS)
      const { fence } = await own(store, 'run')
      await store.release(fence, { how: 'wait' })
      assertEqual((await recordOf(store, 'run')).deliveries, 0, 'deliveries')
    },
  },
  {
    name: 'S15: a drain hands the run on at once and charges nothing',
    async run({ store }) {
      await accept(store, 'run', { priority: 3 })
      const epochs: number[] = []
      for (let count = 0; count < 10; count += 1) {
        const { fence, run } = await own(store, 'run', `worker-${count}`)
        assertEqual(run.deliveries, 1, 'deliveries while it is owned')
        epochs.push(fence.epoch)
        const task = await store.release(fence, { how: 'drain' })
        assertEqual(task?.runId, 'run', 'the task to publish')
        const after: RunRecord = await recordOf(store, 'run')
        assertEqual([after.status, after.deliveries], ['queued', 0], 'status and deliveries after the drain')
      }
      assertEqual(new Set(epochs).size, 10, 'different epochs')
    },
  },
  {
    name: 'S6: a parked or quarantined run is set aside: neither claimed nor swept',
    async run({ store, pass }) {
      for (const [how, status] of [
        ['park', 'paused'],
        ['quarantine', 'quarantined'],
      ] as const) {
        const { fence } = await acceptAndOwn(store, how)
        assertEqual(await store.release(fence, { how }), undefined, `the task of a run after ${how}`)
        assertEqual((await recordOf(store, how)).status, status, `status after ${how}`)
      }
      await pass(PAST_LEASE_MS)
      for (const runId of ['park', 'quarantine']) await assertNotReady(store, runId, 'it was set aside')
      const { tasks } = await store.sweep(100)
      assertEqual(tasks, [], 'swept tasks')
    },
  },
]
