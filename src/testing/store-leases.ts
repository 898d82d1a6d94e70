import { assert, assertEqual, assertRejects } from './assert.ts'
import { seededRandom } from './seeded.ts'
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
  newRun,
  note,
  own,
  recordOf,
  snapshot,
  type StoreCase,
} from './store-world.ts'

/** Cases on leases, heartbeats, zombies and sweeps. */
export const leaseCases: readonly StoreCase[] = [
  {
    name: 'S7: a zombie that writes while its successor works is refused whole',
    async run({ store, pass }) {
      await accept(store, 'run')
      const zombie = await own(store, 'run', 'zombie', SHORT_LEASE_MS)
      await pass(PAST_LEASE_MS)
      const { fence, run } = await own(store, 'run', 'successor')
      assert(fence.epoch > zombie.fence.epoch, 'a takeover raises the epoch')
      const before = await snapshot(store, ['run'])
      const end = { outcome: DONE }
      for (const seq of [zombie.run.seq, run.seq]) {
        await assertRejects(
          store.append(zombie.fence, seq, [at(seq + 1)], { end }),
          'LEASE_LOST',
          `the zombie's append at ${seq}`,
        )
      }
      await assertRejects(store.release(zombie.fence, { how: 'drain' }), 'LEASE_LOST', "the zombie's release")
      assertEqual(await snapshot(store, ['run']), before, 'the run')
      await note(store, fence, run.seq)
    },
  },
  {
    name: 'S7: a zombie that writes after its successor has finished is refused',
    async run({ store, pass }) {
      await accept(store, 'run')
      const zombie = await own(store, 'run', 'zombie', SHORT_LEASE_MS)
      await pass(PAST_LEASE_MS)
      await finish(store, await own(store, 'run', 'successor'))
      const before = await snapshot(store, ['run'])
      const outcome = { status: 'completed', output: 'too late' } as const
      for (const seq of [zombie.run.seq, zombie.run.seq + 2]) {
        const late = store.append(zombie.fence, seq, [at(seq + 1)], { end: { outcome } })
        await assertRejects(late, ['LEASE_LOST', 'RUN_FINISHED'], `the zombie's append at ${seq}`)
      }
      assertEqual(await snapshot(store, ['run']), before, 'the run')
    },
  },
  {
    name: 'S7: a worker that takes over its own expired run is fenced off from its former self',
    async run({ store, pass }) {
      await accept(store, 'run')
      const former = await own(store, 'run', 'same', SHORT_LEASE_MS)
      await pass(PAST_LEASE_MS)
      const { fence, run } = await own(store, 'run', 'same')
      await assertRejects(note(store, former.fence, run.seq), 'LEASE_LOST', 'an append of the former claim')
      await note(store, fence, run.seq)
      const { lost } = await store.heartbeat([former.fence, fence], LONG_LEASE_MS)
      assertEqual(lost, [former.fence], 'what a heartbeat of both reports as lost')
    },
  },
  {
    name: 'S7: the right epoch in the hands of another worker is refused',
    async run({ store }) {
      const { fence, run } = await acceptAndOwn(store, 'run')
      const stolen = { ...fence, workerId: 'thief' }
      await assertRejects(note(store, stolen, run.seq), 'LEASE_LOST', 'an append')
      await assertRejects(store.release(stolen, { how: 'drain' }), 'LEASE_LOST', 'a release')
      assertEqual((await store.heartbeat([stolen], LONG_LEASE_MS)).lost, [stolen], 'what a heartbeat reports as lost')
    },
  },
  {
    name: 'S7: a worker that gave its run up cannot write any more',
    async run({ store }) {
      for (const how of ['wait', 'drain', 'park', 'quarantine'] as const) {
        const { fence, run } = await acceptAndOwn(store, how)
        await store.release(fence, { how })
        await assertRejects(note(store, fence, run.seq), 'LEASE_LOST', `an append after ${how}`)
        await assertRejects(store.release(fence, { how }), 'LEASE_LOST', `a second release after ${how}`)
      }
    },
  },
  {
    name: 'S7: a heartbeat just before the end of the lease keeps the run, one after a takeover does not',
    async run({ store, pass }) {
      await accept(store, 'run')
      const { fence, run } = await own(store, 'run', 'first', 1000)
      for (let count = 0; count < 3; count += 1) {
        await pass(700)
        await assertNotReady(store, 'run', 'its lease still runs')
        assertEqual((await store.heartbeat([fence], 1000)).lost, [], 'lost runs')
      }
      await note(store, fence, run.seq)
      await pass(1300)
      await own(store, 'run', 'second')
      assertEqual((await store.heartbeat([fence], 1000)).lost, [fence], 'lost runs after the takeover')
      await assertRejects(note(store, fence, run.seq + 2), 'LEASE_LOST', 'an append after the takeover')
    },
  },
  {
    name: 'S7: one heartbeat serves many runs, the lost ones told apart',
    async run({ store, pass }) {
      await accept(store, 'kept')
      await accept(store, 'lost')
      const kept = await own(store, 'kept', 'w', LONG_LEASE_MS)
      const lost = await own(store, 'lost', 'w', SHORT_LEASE_MS)
      await pass(PAST_LEASE_MS)
      await own(store, 'lost', 'other')
      const unknown = { ...kept.fence, runId: 'nobody' }
      const answer = await store.heartbeat([kept.fence, lost.fence, unknown], LONG_LEASE_MS)
      assertEqual(answer.lost, [lost.fence, unknown], 'lost runs')
    },
  },
  {
    name: 'S9: what a worker writes as the time decides nothing',
    async run({ store, pass }) {
      const hour = 3_600_000
      for (const skew of [hour, -hour]) {
        const runId = `skewed by ${skew}`
        const accepted = await accept(store, runId)
        const { fence, run } = await own(store, runId, 'w', 1000)
        const event = { ...at(run.seq + 1), at: run.updatedAt + skew }
        await store.append(fence, run.seq, [event])
        await assertNotReady(store, runId, 'its lease still runs')
        assertEqual((await store.read(runId, run.seq + 1))[0], event, 'the event as it was written')
        assert(
          Math.abs((await recordOf(store, runId)).updatedAt - accepted.createdAt) < hour / 2,
          'updatedAt is the time of the store',
        )
        await pass(1300)
        await own(store, runId, 'other')
      }
    },
  },
  {
    name: 'S1: a sweep finds runs whose owner fell silent, and those that fell due, and says when the next will be',
    async run({ store, pass }) {
      const { createdAt } = await acceptAndOwn(store, 'owned').then((claim) => claim.run)
      await accept(store, 'silent')
      await own(store, 'silent', 'w', SHORT_LEASE_MS)
      await accept(store, 'late', { dueAt: createdAt + 600 })
      const waiting = await acceptAndOwn(store, 'waiting')
      await store.release(waiting.fence, { how: 'wait', dueAt: createdAt + 600 })
      const first = await store.sweep(100)
      assertEqual(first.tasks, [], 'tasks before anything is due')
      const next = first.nextDueAt
      assert(
        next !== undefined && next > createdAt && next <= createdAt + 1500,
        `nextDueAt is the time of the first, not ${next}`,
      )
      await pass(1500)
      const { tasks } = await store.sweep(100)
      assertEqual(tasks.map((task) => task.runId).toSorted(), ['late', 'silent', 'waiting'], 'tasks when all are due')
      for (const task of tasks) assertEqual([task.queue, task.agent], ['default', 'agent'], `queue and agent of ${task.runId}`)
      for (const { runId } of tasks) await own(store, runId)
    },
  },
  {
    name: 'S1: a sweep gives no more tasks than asked for, and the rest afterwards',
    async run({ store, pass }) {
      const { createdAt } = await accept(store, 'probe', { queue: 'other' })
      await own(store, 'probe')
      for (let index = 0; index < 5; index += 1) await accept(store, `run-${index}`, { dueAt: createdAt + 400 })
      await pass(600)
      const found = new Set<string>()
      for (let count = 0; count < 3; count += 1) {
        const { tasks } = await store.sweep(2)
        assert(tasks.length <= 2, `a sweep of 2 gave ${tasks.length} tasks`)
        for (const task of tasks) {
          found.add(task.runId)
          await own(store, task.runId)
        }
      }
      assertEqual(found.size, 5, 'runs found')
    },
  },
  {
    name: 'S1: when a third of all hints is lost, sweeps still find every run',
    async run({ store, pass }) {
      const random = seededRandom(13)
      const left = new Set<string>()
      let hints: string[] = []
      for (let index = 0; index < 60; index += 1) {
        const { task } = await store.create(newRun(`run-${index}`))
        left.add(task.runId)
        if (random() > 0.33) hints.push(task.runId)
      }
      for (let round = 0; left.size > 0; round += 1) {
        // After ten rounds the faults end, so that a store that waits longer from sweep to sweep comes to an end too.
        const fails = (share: number): boolean => round < 10 && random() < share
        assert(round < 100, `after ${round} sweeps ${left.size} runs are not found: ${[...left].join(', ')}`)
        for (const runId of hints) {
          const [claim] = await store.claim({ workerId: 'w', leaseMs: SHORT_LEASE_MS, runId })
          // A worker in four dies, and its run with it until its lease is over.
          if (claim === undefined || fails(0.25)) continue
          await finish(store, claim)
          left.delete(runId)
        }
        await pass(1100)
        hints = (await store.sweep(100)).tasks.flatMap((task) => (fails(0.33) ? [] : [task.runId]))
      }
      for (let index = 0; index < 60; index += 1) await assertWhole(store, `run-${index}`)
    },
  },
]
