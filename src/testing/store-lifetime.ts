import { OpspawnError, RUN_TRANSITIONS, isFinal, type ErrorCode, type Fence, type RunRecord, type Store } from '../core/index.ts'
import { assert, assertEqual, assertRejectsWith } from './assert.ts'
import { seededRandom } from './seeded.ts'
import { DONE, accept, acceptAndOwn, assertWhole, at, newRun, snapshot, type StoreCase, type StoreWorld } from './store-world.ts'

/** Cases on aborts, disposal, and the state machine under arbitrary calls. */
export const lifetimeCases: readonly StoreCase[] = [
  {
    name: 'S11: every call whose signal has fired rejects with its reason and changes nothing',
    async run({ store }) {
      const { fence, run } = await acceptAndOwn(store, 'run')
      await accept(store, 'ready')
      const before = await snapshot(store, ['run', 'ready'])
      const reason = new Error('no longer wanted')
      const options = { signal: AbortSignal.abort(reason) }
      const calls: Readonly<Record<string, () => Promise<unknown>>> = {
        create: () => store.create(newRun('new'), options),
        claim: () => store.claim({ workerId: 'w', leaseMs: 1000 }, options),
        heartbeat: () => store.heartbeat([fence], 1000, options),
        append: () => store.append(fence, run.seq, [at(run.seq + 1)], {}, options),
        release: () => store.release(fence, { how: 'drain' }, options),
        sweep: () => store.sweep(10, options),
        signal: () => store.signal('run', { id: 'a', name: 'news', payload: null }, options),
        read: () => store.read('run', 1, 10, options),
        list: () => store.list({}, {}, options),
      }
      for (const [name, call] of Object.entries(calls)) await assertRejectsWith(call(), reason, name)
      assertEqual(await snapshot(store, ['run', 'ready']), before, 'the runs')
      assertEqual((await store.list({}, {})).runs.length, 2, 'number of runs')
      await store.append(fence, run.seq, [at(run.seq + 1)], {}, { signal: new AbortController().signal })
    },
  },
  {
    name: 'S1: disposal may be asked for twice',
    async run({ store }) {
      await accept(store, 'run')
      await store[Symbol.asyncDispose]?.()
      await store[Symbol.asyncDispose]?.()
    },
  },
  {
    name: 'S8: whatever is called in whatever order, a run changes only as its table of transitions allows',
    async run(world) {
      for (let seed = 1; seed <= 5; seed += 1) await walk(world, seed)
    },
  },
]

/** What a call of the walk may be refused with; anything else is a fault. */
const REFUSALS: readonly ErrorCode[] = [
  'LEASE_LOST',
  'SEQUENCE_CONFLICT',
  'RUN_FINISHED',
  'RUN_UNKNOWN',
  'RUN_EXISTS',
  'QUEUE_FULL',
]

/** Calls the store at random and looks at every run after every call. */
async function walk({ store, pass }: StoreWorld, seed: number): Promise<void> {
  const random = seededRandom(seed)
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
  const ids = ['a', 'b', 'c', 'd'].map((name) => `${seed}-${name}`)
  const fences: Fence[] = []
  for (const runId of ids.slice(1)) fences.push((await acceptAndOwn(store, runId)).fence)
  const known = new Map<string, RunRecord>()
  const steps: readonly (() => Promise<unknown>)[] = [
    () => store.create(newRun(pick(ids))),
    async () => fences.push(...(await store.claim({ workerId: 'w', leaseMs: 50, runId: pick(ids) })).map((claim) => claim.fence)),
    async () => fences.push(...(await store.claim({ workerId: 'x', leaseMs: 600_000, max: 2 })).map((claim) => claim.fence)),
    () => append(store, known, pick(fences), false),
    () => append(store, known, pick(fences), random() < 0.2),
    () => store.release(pick(fences), { how: pick(['wait', 'wait', 'drain', 'drain', 'park', 'quarantine'] as const) }),
    () => store.release(pick(fences), { how: 'wait', dueAt: (known.get(pick(ids))?.updatedAt ?? 0) + 20 }),
    () => store.signal(pick(ids), { id: `${Math.floor(random() * 10)}`, name: 'news', payload: null }),
    () => store.heartbeat(fences.slice(-3), 50),
    () => store.sweep(3),
    () => (random() < 0.3 ? pass(60) : Promise.resolve()),
  ]
  for (let count = 0; count < 150; count += 1) {
    const what = `seed ${seed}, step ${count}`
    try {
      await pick(steps)()
    } catch (error) {
      assert(OpspawnError.is(error) && REFUSALS.includes(error.code), `${what}: an unexpected error: ${String(error)}`)
    }
    for (const record of (await store.list({}, {})).runs) compare(known, record, what)
  }
  for (const runId of known.keys()) await assertWhole(store, runId)
}

async function append(store: Store, known: ReadonlyMap<string, RunRecord>, fence: Fence, isLast: boolean): Promise<void> {
  const seq = known.get(fence.runId)?.seq ?? 0
  await store.append(fence, seq, [at(seq + 1)], isLast ? { end: { outcome: DONE } } : {})
}

function compare(known: Map<string, RunRecord>, record: RunRecord, what: string): void {
  const { runId, status } = record
  const before = known.get(runId)
  known.set(runId, record)
  if (before === undefined) return
  const where = `${what}, run ${runId}`
  // A claim of a run that fell due makes two changes at once: it is queued, then running.
  const next = RUN_TRANSITIONS[before.status]
  const isLegal =
    status === before.status || next.includes(status) || (next.includes('queued') && RUN_TRANSITIONS.queued.includes(status))
  assert(isLegal, `${where} went from ${before.status} to ${status}`)
  assert(record.seq >= before.seq, `${where}: its history shrank from ${before.seq} to ${record.seq}`)
  assert(
    record.epoch === before.epoch || record.epoch === before.epoch + 1,
    `${where}: its epoch went from ${before.epoch} to ${record.epoch}`,
  )
  assert(record.deliveries >= 0, `${where} has ${record.deliveries} deliveries`)
  if (isFinal(before.status)) assertEqual(record, before, `${where}, which has ended`)
}
