import { NO_SPENDING, type RunRecord } from '../core/index.ts'
import { assert, assertEqual, assertRejects } from './assert.ts'
import {
  accept,
  acceptAndOwn,
  assertWhole,
  at,
  finish,
  newRun,
  note,
  own,
  recordOf,
  snapshot,
  type StoreCase,
} from './store-world.ts'

/** Cases on accepting runs, and on full queues. */
export const acceptanceCases: readonly StoreCase[] = [
  {
    name: 'S1: an accepted run is queued, and its history begins with its origin',
    async run({ store }) {
      const run = newRun('run', { session: 'ada', input: { question: 'why?' }, limits: { steps: 3 } })
      const origin = {
        ...run.origin,
        messages: [{ role: 'user', content: [{ type: 'text', text: 'before' }] }],
        labels: ['private'],
        metadata: { a: 1 },
      } as const
      const { run: record, created, task } = await store.create({ origin })
      assertEqual(created, true, 'created')
      assertEqual([task.runId, task.queue, task.agent], ['run', 'default', 'agent'], 'the task')
      const { messages: _, ...summary } = origin
      const { createdAt, updatedAt, ...rest } = record
      assertEqual(
        rest,
        {
          ...summary,
          status: 'queued',
          seq: 1,
          epoch: record.epoch,
          deliveries: 0,
          priority: 0,
          queue: 'default',
          spending: NO_SPENDING,
        },
        'the record',
      )
      assert(createdAt > 0 && updatedAt === createdAt, 'times of a new run are the time of its acceptance')
      const events = await store.read('run', 1)
      assertEqual(events, [{ type: 'run-start', origin, version: 1, seq: 1, at: createdAt }], 'the history')
      assertEqual(await recordOf(store, 'run'), record, 'the record in a listing')
      await assertWhole(store, 'run')
    },
  },
  {
    name: 'S1: queue, priority, due time and idempotency key are kept',
    async run({ store }) {
      const { createdAt } = await accept(store, 'probe')
      const dueAt = createdAt + 3_600_000
      const { run, task } = await store.create(newRun('run', { queue: 'mail', priority: 7, dueAt, idempotencyKey: 'key' }))
      assertEqual([run.queue, run.priority, run.dueAt, run.idempotencyKey], ['mail', 7, dueAt, 'key'], 'the record')
      assertEqual([task.queue, task.priority ?? 7], ['mail', 7], 'the task')
    },
  },
  {
    name: 'S1: a run is accepted together with a history, at positions and times of the store',
    async run({ store }) {
      const history = [
        { type: 'decision', effects: [], state: 'x'.repeat(100_000) },
        { type: 'signal', id: 'a', name: 'news', payload: { of: 'a' } },
      ] as const
      const { run, created } = await store.create({ ...newRun('run'), history })
      assertEqual([created, run.seq, run.status, run.deliveries], [true, 3, 'queued', 0], 'the record')
      const events = await store.read('run', 1)
      const stamped = history.map((body, index) => ({ ...body, version: 1, seq: index + 2, at: run.createdAt }))
      assertEqual(events.slice(1), stamped, 'the history behind the first event')
      assertEqual(await store.read('run', 2, 1), stamped.slice(0, 1), 'a part of it')
      assertEqual(await recordOf(store, 'run'), run, 'the record in a listing')
      const { fence, run: claimed } = await own(store, 'run')
      assertEqual(claimed.seq, 4, 'seq after the claim')
      await note(store, fence, claimed.seq)
      await assertWhole(store, 'run')
    },
  },
  {
    name: 'S1: a run that is not accepted leaves nothing of its history',
    async run({ store }) {
      const history = [{ type: 'signal', id: 'a', name: 'news', payload: null }] as const
      await store.create({ ...newRun('run', { idempotencyKey: 'key' }), history })
      const before = await snapshot(store, ['run'])
      const more = { ...newRun('other', { idempotencyKey: 'key' }), history: [...history, ...history] }
      assertEqual((await store.create(more)).run.seq, 2, 'seq of the run that the key finds')
      await assertRejects(store.create({ ...newRun('run'), history }), 'RUN_EXISTS', 'the same id')
      assertEqual(await snapshot(store, ['run']), before, 'the run')
      await assertRejects(store.read('other', 1), 'RUN_UNKNOWN', 'the history of the other run')
    },
  },
  {
    name: 'S1: an id that is taken is refused with RUN_EXISTS, and its run stays as it was',
    async run({ store }) {
      await acceptAndOwn(store, 'run', { input: 'first' })
      const before = await snapshot(store, ['run'])
      await assertRejects(store.create(newRun('run', { input: 'second' })), 'RUN_EXISTS', 'the same id with another input')
      await assertRejects(
        store.create(newRun('run', { tenant: 'other', idempotencyKey: 'k' })),
        'RUN_EXISTS',
        'the same id in another tenant',
      )
      assertEqual(await snapshot(store, ['run']), before, 'the first run')
      assertEqual((await store.list({}, {})).runs.length, 1, 'number of runs')
    },
  },
  {
    name: 'S1: an idempotency key with the same agent and input finds the run that exists',
    async run({ store }) {
      await accept(store, 'first', { idempotencyKey: 'key', input: { a: 1, b: [2] } })
      const same = { idempotencyKey: 'key', input: { b: [2], a: 1 } }
      const again = await store.create(newRun('second', same))
      assertEqual([again.created, again.run.runId, again.task.runId], [false, 'first', 'first'], 'the second acceptance')
      const repeated = await store.create(newRun('first', same))
      assertEqual([repeated.created, repeated.run.runId], [false, 'first'], 'the same acceptance repeated, its id included')
      assertEqual((await store.list({}, {})).runs.length, 1, 'number of runs')
      await finish(store, await own(store, 'first'))
      const late = await store.create(newRun('third', same))
      assertEqual([late.created, late.run.status], [false, 'completed'], 'an acceptance after the end')
    },
  },
  {
    name: 'S1: an idempotency key with another agent or input is refused with RUN_EXISTS',
    async run({ store }) {
      await accept(store, 'first', { idempotencyKey: 'key' })
      await assertRejects(
        store.create(newRun('second', { idempotencyKey: 'key', input: 'other' })),
        'RUN_EXISTS',
        'another input',
      )
      await assertRejects(
        store.create(newRun('second', { idempotencyKey: 'key', agent: 'other' })),
        'RUN_EXISTS',
        'another agent',
      )
      assertEqual((await store.list({}, {})).runs.length, 1, 'number of runs')
    },
  },
  {
    name: 'S1: idempotency keys belong to their tenant',
    async run({ store }) {
      await accept(store, 'first', { tenant: 'a', idempotencyKey: 'key' })
      const other = await store.create(newRun('second', { tenant: 'b', idempotencyKey: 'key', input: 'other' }))
      assertEqual([other.created, other.run.runId], [true, 'second'], 'the same key in another tenant')
    },
  },
  {
    name: 'S1: of many acceptances with one key at once, one makes the run',
    async run({ store }) {
      const calls = Array.from({ length: 20 }, (_, index) => store.create(newRun(`run-${index}`, { idempotencyKey: 'key' })))
      const results = await Promise.all(calls)
      assertEqual(results.filter((result) => result.created).length, 1, 'acceptances that made a run')
      assertEqual(new Set(results.map((result) => result.run.runId)).size, 1, 'runs that were given')
    },
  },
  {
    name: 'S14: a full queue refuses with QUEUE_FULL and keeps what it holds',
    async run({ limited }) {
      const store = await limited({ capacity: 2 })
      await accept(store, 'a')
      await accept(store, 'b', { idempotencyKey: 'b' })
      await assertRejects(store.create(newRun('c')), 'QUEUE_FULL', 'the third run')
      assertEqual((await store.list({}, {})).runs.length, 2, 'number of runs')
      await accept(store, 'd', { queue: 'other' })
      const known = await store.create(newRun('e', { idempotencyKey: 'b' }))
      assertEqual(known.created, false, 'a known key needs no place')
    },
  },
  {
    name: 'S14: claimed and ended runs take no place in their queue, waiting and handed back ones do',
    async run({ limited }) {
      const store = await limited({ capacity: 2 })
      await accept(store, 'a')
      await accept(store, 'b')
      const claim = await own(store, 'a')
      await accept(store, 'c')
      await assertRejects(store.create(newRun('d')), 'QUEUE_FULL', 'one claimed, two queued')
      const other = await own(store, 'b')
      await store.release(claim.fence, { how: 'wait' })
      await assertRejects(store.create(newRun('d')), 'QUEUE_FULL', 'one waiting, one queued')
      await finish(store, other)
      await finish(store, await own(store, 'c'))
      await accept(store, 'd')
    },
  },
  {
    name: 'S8: a part of a history is read by position and number',
    async run({ store }) {
      const { fence, run } = await acceptAndOwn(store, 'run')
      const written = Array.from({ length: 10 }, (_, index) => at(run.seq + 1 + index))
      await store.append(fence, run.seq, written)
      const all = await store.read('run', 1)
      assertEqual(all.slice(run.seq), written, 'events as they were written')
      assertEqual(await store.read('run', 4), all.slice(3), 'from a position on')
      assertEqual(await store.read('run', 4, 3), all.slice(3, 6), 'from a position on, three')
      assertEqual(await store.read('run', 1, 1), all.slice(0, 1), 'the first')
      assertEqual(await store.read('run', all.length + 1), [], 'behind the end')
      await assertRejects(store.read('nobody', 1), 'RUN_UNKNOWN', 'the history of an unknown run')
    },
  },
  {
    name: 'S8: what was given out before does not move with the store',
    async run({ store }) {
      const accepted = (await store.create(newRun('run'))).run
      const claim = await own(store, 'run')
      const copies = JSON.stringify([accepted, claim])
      const events = [at(claim.run.seq + 1)]
      const history = await store.read('run', 1)
      await store.append(claim.fence, claim.run.seq, events)
      events.push(at(99))
      ;(history as unknown[]).length = 0
      await note(store, claim.fence, claim.run.seq + 1, { consume: [] })
      assertEqual(JSON.stringify([accepted, claim]), copies, 'record and claim that were given before')
      assertEqual(
        (await store.read('run', 1)).length,
        claim.run.seq + 2,
        'events, after arrays passed in and given out were changed',
      )
      const { runs } = await store.list({}, {})
      ;(runs as RunRecord[]).length = 0
      assertEqual((await store.list({}, {})).runs.length, 1, 'number of runs, after a listing was changed')
    },
  },
]
