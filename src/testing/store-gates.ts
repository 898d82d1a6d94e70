import type { Claim, RunGate, Store } from '../core/index.ts'
import { assert, assertEqual } from './assert.ts'
import {
  LONG_LEASE_MS,
  PAST_LEASE_MS,
  SHORT_LEASE_MS,
  accept,
  assertNotReady,
  note,
  own,
  recordOf,
  type RunSketch,
  type StoreCase,
} from './store-world.ts'

const ONE: readonly RunGate[] = [{ key: 'one', concurrency: 1 }]
const SPAN_MS = 1_000
const TWO_A_SECOND: readonly RunGate[] = [{ key: 'rate', rate: { runs: 2, perMs: SPAN_MS } }]
const CANCEL = { id: 'opspawn.cancel', name: 'opspawn.cancel', payload: {} }
/** Longer than a ready run that nobody wants keeps a place that others wait for. */
const GIVEN_UP_MS = 61_000

/** Cases on gates. */
export const gateCases: readonly StoreCase[] = [
  {
    name: 'S8: never more runs of a key are at work than its gate lets in, and the next one follows when one ends',
    async run({ store }) {
      const gates = [{ key: 'three', concurrency: 3 }]
      await acceptAll(store, names('run', 8), { gates })
      const claims = await claimAll(store)
      assertEqual(idsOf(claims), ['run 0', 'run 1', 'run 2'], 'claimed at once')
      await accept(store, 'free')
      assertEqual(idsOf(await claimAll(store)), ['free'], 'a run without gates goes by')
      const tasks = await end(store, claims[1] as Claim)
      assertEqual(
        tasks.map(({ runId }) => runId),
        ['run 3'],
        'tasks that the end gives back',
      )
      assertEqual(idsOf(await claimAll(store)), ['run 3'], 'claimed after one end')
    },
  },
  {
    name: 'S8: many workers that claim at once, and crash, never own two runs of a key for one',
    async run({ store, pass }) {
      await acceptAll(store, names('run', 6), { gates: ONE })
      const done: string[] = []
      for (let round = 0; round < 30 && done.length < 6; round += 1) {
        const claims = (
          await Promise.all(names('worker', 10).map((workerId) => store.claim({ workerId, leaseMs: SHORT_LEASE_MS, max: 3 })))
        ).flat()
        assert(claims.length <= 1, `${claims.length} runs of a key for one are owned: ${idsOf(claims).join(', ')}`)
        const [claim] = claims
        assert(claim !== undefined, 'none is stranded')
        // Each run crashes one worker.
        if (claim.run.deliveries > 1) {
          await end(store, claim)
          done.push(claim.fence.runId)
        } else {
          await pass(PAST_LEASE_MS)
          const running = await store.list({ status: ['running'] }, {})
          assertEqual(running.runs.length, 1, 'the place of a dead worker stays taken')
        }
      }
      assertEqual(done, names('run', 6), 'ended, in the order of acceptance')
    },
  },
  {
    name: 'S8: a run that waits at a gate says at which, and not any more when it is let in',
    async run({ store }) {
      await acceptAll(store, ['in', 'out'], { gates: ONE })
      assertEqual((await recordOf(store, 'in')).gate, undefined, 'gate of the run that is in')
      const { gate, status, gates } = await recordOf(store, 'out')
      assertEqual([gate, status, gates], ['one', 'queued', ONE], 'gate, status and gates of the other')
      await assertNotReady(store, 'out', 'there is no room')
      await store.signal('out', { id: 'early', name: 'go', payload: null })
      await assertNotReady(store, 'out', 'a signal makes no room')
    },
  },
  {
    name: 'S8: a run that waits, is paused or quarantined has no place at its gates, and asks for one to go on',
    async run({ store }) {
      const ways = [{ how: 'wait' }, { how: 'park' }, { how: 'quarantine' }] as const
      for (const reason of ways) {
        const [first, second] = [`${reason.how} first`, `${reason.how} second`]
        await acceptAll(store, [first, second], { gates: [{ key: reason.how, concurrency: 1 }] })
        const task = await store.release((await own(store, first)).fence, reason)
        assertEqual(task?.runId, second, `the run that is let in by ${reason.how}`)
        const claim = await own(store, second)
        const signal = reason.how === 'wait' ? 'go' : 'opspawn.resume'
        const woken = await store.signal(first, { id: 's', name: signal, payload: null })
        assertEqual(woken, { accepted: true }, 'what a signal says that wakes it')
        assertEqual((await recordOf(store, first)).gate, reason.how, 'where it waits')
        await end(store, claim)
        assertEqual((await own(store, first)).inbox.length, 1, 'signals in the inbox of the run that goes on')
      }
    },
  },
  {
    name: 'S8: what was begun goes on before what was not, whatever its priority',
    async run({ store, pass }) {
      const first = await accept(store, 'begun', { gates: ONE })
      const { fence } = await own(store, 'begun')
      await store.release(fence, { how: 'wait', dueAt: first.createdAt + 600 })
      await acceptAll(store, ['in', 'high'], { gates: ONE, priority: 5 })
      const claim = await own(store, 'in')
      await pass(1_000)
      await store.sweep(10)
      await assertNotReady(store, 'begun', 'there is no room')
      await end(store, claim)
      assertEqual(idsOf(await claimAll(store)), ['begun'], 'the next one')
    },
  },
  {
    name: 'S15: a drained run keeps its place',
    async run({ store }) {
      await acceptAll(store, ['in', 'out'], { gates: ONE })
      const { fence } = await own(store, 'in')
      assertEqual((await store.release(fence, { how: 'drain' }))?.runId, 'in', 'the task')
      assertEqual(idsOf(await claimAll(store)), ['in'], 'the next one')
    },
  },
  {
    name: 'S8: at a gate the order is that of turns: by priority, then tenants one by one',
    async run({ store }) {
      await accept(store, 'in', { gates: ONE })
      await acceptAll(store, names('crowd', 20), { gates: ONE, tenant: 'crowd' })
      await accept(store, 'single', { gates: ONE, tenant: 'single' })
      await accept(store, 'urgent', { gates: ONE, priority: 3 })
      const order = await playAll(store)
      assertEqual(order.slice(0, 2), ['in', 'urgent'], 'the first two')
      assert(order.slice(2, 4).includes('single'), 'the run of the other tenant is one of the next two')
      assertEqual(order.length, 23, 'runs in all')
    },
  },
  {
    name: 'S9: no more runs begin in any span than the rate says, by the clock of the store',
    async run({ store, pass }) {
      await acceptAll(store, names('run', 7), { gates: TWO_A_SECOND })
      const begun: number[] = []
      for (let round = 0; round < 40 && begun.length < 7; round += 1) {
        await store.sweep(10)
        for (const claim of await claimAll(store)) {
          begun.push(claim.run.updatedAt)
          await end(store, claim)
        }
        await pass(SPAN_MS / 4)
      }
      assertEqual(begun.length, 7, 'runs that began')
      for (const [index, at] of begun.entries()) {
        const third = begun[index + 2]
        // A claim comes a moment after the beginning that the store counts.
        if (third !== undefined) assert(third - at > SPAN_MS * 0.8, `three begin within ${third - at} ms`)
      }
      const [first = 0] = begun
      assert((begun[6] as number) - first < SPAN_MS * 8, 'and they are not held up for much longer')
    },
  },
  {
    name: 'S8: of runs with different spans under one key each goes by its own',
    async run({ store, pass }) {
      const spans = [
        ['shorter', 600_000, SPAN_MS],
        ['longer', SPAN_MS, 600_000],
      ] as const
      for (const [key, first, second] of spans) {
        await accept(store, `${key} 1`, { gates: [{ key, rate: { runs: 1, perMs: first } }] })
        await own(store, `${key} 1`)
        await accept(store, `${key} 2`, { gates: [{ key, rate: { runs: 1, perMs: second } }] })
        await assertNotReady(store, `${key} 2`, 'no span is over')
      }
      await pass(SPAN_MS * 1.5)
      await store.sweep(10)
      await own(store, 'shorter 2')
      await assertNotReady(store, 'longer 2', 'only the span of the other one is over')
    },
  },
  {
    name: 'S9: a run that goes on begins nothing, so a rate does not hold it up',
    async run({ store, pass }) {
      const gates = [{ key: 'rate', rate: { runs: 1, perMs: 600_000 } }]
      await acceptAll(store, ['first', 'second'], { gates })
      const { fence } = await own(store, 'first')
      await store.release(fence, { how: 'wait' })
      const woken = await store.signal('first', { id: 's', name: 'go', payload: null })
      assertEqual(woken.task?.runId, 'first', 'the task of the run that goes on')
      await store.claim({ workerId: 'dies', leaseMs: SHORT_LEASE_MS, runId: 'first' })
      await pass(PAST_LEASE_MS)
      await own(store, 'first')
      await assertNotReady(store, 'second', 'the span is not over')
      const { nextDueAt } = await store.sweep(10)
      assert(nextDueAt !== undefined, 'a sweep says when there is room')
    },
  },
  {
    name: 'S8: a run is let in by all of its gates or by none, and none is stranded',
    async run({ store }) {
      const all = { key: 'all', concurrency: 2 }
      const sketch = (name: string): RunSketch => ({ gates: [{ key: `of ${name}`, concurrency: 1 }, all], tenant: name })
      for (const name of ['a', 'b', 'c']) await acceptAll(store, names(name, 30), sketch(name))
      let most = 0
      let ended = 0
      const owned: Claim[] = []
      for (let round = 0; round < 400 && ended < 90; round += 1) {
        await store.sweep(100)
        owned.push(...(await claimAll(store)))
        most = Math.max(most, owned.length)
        assert(owned.length <= 2, 'no more than the wider gate lets in')
        assertEqual(new Set(owned.map(({ run }) => run.tenant)).size, owned.length, 'tenants that own runs')
        const claim = owned.shift()
        if (claim === undefined) continue
        await end(store, claim)
        ended += 1
      }
      assertEqual([ended, most], [90, 2], 'runs that ended, and most at once')
    },
  },
  {
    name: 'S8: a run whose time comes asks its gates, also when it is claimed by its id',
    async run({ store, pass }) {
      const { createdAt } = await accept(store, 'in', { gates: ONE })
      const claim = await own(store, 'in')
      await accept(store, 'later', { gates: ONE, dueAt: createdAt + 500 })
      await pass(1_000)
      await assertNotReady(store, 'later', 'there is no room')
      await end(store, claim)
      await own(store, 'later')
    },
  },
  {
    name: 'S11: a cancellation waits at no gate, and takes no place',
    async run({ store }) {
      await acceptAll(store, ['in', 'out', 'next'], { gates: ONE })
      const inside = await own(store, 'in')
      const { task } = await store.signal('out', CANCEL)
      assertEqual(task?.runId, 'out', 'the task of the run that is to be cancelled')
      const claim = await own(store, 'out')
      assertEqual(await end(store, claim), [], 'tasks of runs that its end lets in')
      await assertNotReady(store, 'next', 'the place is still taken')
      await end(store, inside)
      await own(store, 'next')
    },
  },
  {
    name: 'S16: a run that no worker wants loses the place that others wait for, and gets one again',
    async run({ store, pass }) {
      await accept(store, 'old', { gates: ONE, definition: 'v1' })
      await accept(store, 'new', { gates: ONE, definition: 'v2' })
      const definitions = ['agent@v2']
      await store.sweep(10, { definitions })
      assertEqual((await store.claim({ workerId: 'w', leaseMs: LONG_LEASE_MS, definitions })).length, 0, 'claims at first')
      await pass(GIVEN_UP_MS)
      await store.sweep(10, { definitions })
      const [claim] = await store.claim({ workerId: 'w', leaseMs: LONG_LEASE_MS, definitions })
      assertEqual(claim?.fence.runId, 'new', 'the claim after a while')
      await assertNotReady(store, 'old', 'the place is taken')
      await end(store, claim as Claim)
      await own(store, 'old')
    },
  },
]

/** Why a store that has no gates need not pass the cases. */
export const NO_GATES: Readonly<Record<string, string>> = Object.fromEntries(
  gateCases.map(({ name }) => [name, 'the store has no gates']),
)

/** Cases that a store on a real clock would wait too long for. */
export const LONG_GATES: Readonly<Record<string, string>> = Object.fromEntries(
  gateCases.filter(({ name }) => name.startsWith('S16')).map(({ name }) => [name, 'a minute is too long without a manual clock']),
)

async function acceptAll(store: Store, runIds: readonly string[], sketch: RunSketch): Promise<void> {
  for (const runId of runIds) await accept(store, runId, sketch)
}

function names(name: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${name} ${index}`)
}

function idsOf(claims: readonly Claim[]): string[] {
  return claims.map(({ fence }) => fence.runId)
}

async function claimAll(store: Store): Promise<readonly Claim[]> {
  return store.claim({ workerId: 'w', leaseMs: LONG_LEASE_MS, max: 100 })
}

/** Ends a run; gives the tasks that come back. */
async function end(store: Store, claim: Claim): ReturnType<Store['append']> {
  const { seq } = claim.run
  const outcome = { status: 'completed', output: 'done' } as const
  return note(store, claim.fence, seq, { end: { outcome } })
}

/** Claims and ends one after the other; gives the order. */
async function playAll(store: Store): Promise<readonly string[]> {
  const order: string[] = []
  for (;;) {
    const claims = await claimAll(store)
    if (claims.length === 0) return order
    for (const claim of claims) {
      order.push(claim.fence.runId)
      await end(store, claim)
    }
  }
}
