import type { Store } from '../core/index.ts'
import { assert, assertEqual } from './assert.ts'
import { LONG_LEASE_MS, accept, acceptAndOwn, type StoreCase } from './store-world.ts'

/** A priority above 0 that one of 0 reaches in a little more than a second. */
const SLIGHTLY_HIGHER = 0.02
const RISEN_MS = 1_500

/** Cases on whose turn it is. */
export const turnCases: readonly StoreCase[] = [
  {
    name: 'S8: a tenant with one run has its turn next, however many runs another queues',
    async run({ store }) {
      await queue(store, 'crowd', 1000)
      await accept(store, 'single', { tenant: 'single' })
      assert((await next(store, 2)).includes('single'), 'the run of the other tenant is one of the next two')
      for (let count = 0; count < 50; count += 1) await next(store, 1)
      await accept(store, 'late', { tenant: 'late' })
      assert((await next(store, 2)).includes('late'), 'so it is when the crowd has been worked on for a while')
      await accept(store, 'single again', { tenant: 'single' })
      assert((await next(store, 2)).includes('single again'), 'and so is another one of the same tenant')
    },
  },
  {
    name: 'S8: tenants that queue together take turns, one run each',
    async run({ store }) {
      for (const tenant of ['a', 'b', 'c']) await queue(store, tenant, 6)
      const order = await next(store, 18)
      for (let round = 0; round < 6; round += 1) {
        const tenants = order.slice(round * 3, round * 3 + 3).map((runId) => runId[0])
        assertEqual(new Set(tenants).size, 3, `different tenants in round ${round + 1}`)
      }
      for (const tenant of ['a', 'b', 'c']) {
        const own = order.filter((runId) => runId.startsWith(tenant))
        assertEqual(own, namesOf(tenant, 6), `runs of ${tenant}, in the order of acceptance`)
      }
    },
  },
  {
    name: 'S8: tenants take turns among equal priorities only',
    async run({ store }) {
      await queue(store, 'crowd', 5, { priority: 1 })
      await accept(store, 'low', { tenant: 'single' })
      assertEqual((await next(store, 6)).at(-1), 'low', 'the last one')
    },
  },
  {
    name: 'S8: runs that fall due take their turn from then on',
    async run({ store, pass }) {
      const { createdAt } = await accept(store, 'probe')
      await next(store, 1)
      await queue(store, 'crowd', 20, { dueAt: createdAt + 600 })
      await pass(1000)
      await store.sweep(100)
      await accept(store, 'single', { tenant: 'single' })
      assert((await next(store, 2)).includes('single'), 'a run of another tenant is one of the next two')
    },
  },
  {
    name: 'S8: a run that was begun goes on before those of its priority that were not',
    async run({ store }) {
      const { fence } = await acceptAndOwn(store, 'begun', { tenant: 'crowd' })
      await queue(store, 'crowd', 5)
      await accept(store, 'other', { tenant: 'other' })
      await store.release(fence, { how: 'drain' })
      assertEqual(await next(store, 1), ['begun'], 'the next one')
    },
  },
  {
    name: 'S8: a run that waits rises by one priority in a minute',
    async run({ store, pass }) {
      await accept(store, 'low')
      await accept(store, 'high', { priority: SLIGHTLY_HIGHER })
      assertEqual(await next(store, 1), ['high'], 'of two that are new')
      await pass(RISEN_MS)
      await accept(store, 'higher', { priority: SLIGHTLY_HIGHER })
      assertEqual(await next(store, 2), ['low', 'higher'], 'when one has waited')
    },
  },
  {
    name: 'S8: a run of low priority is not left behind, however many of a higher one come',
    async run({ store, pass }) {
      await accept(store, 'low')
      const order: string[] = []
      for (let count = 0; count < 12 && !order.includes('low'); count += 1) {
        for (const suffix of ['a', 'b']) await accept(store, `high ${count} ${suffix}`, { priority: SLIGHTLY_HIGHER })
        order.push(...(await next(store, 1)))
        await pass(300)
      }
      assert(order.includes('low'), 'it has its turn')
      assert(order.indexOf('low') > 1, 'but not before it has waited')
    },
  },
  {
    name: 'S8: a run rises from when it is ready, not from when it was accepted',
    async run({ store, pass }) {
      const { createdAt } = await accept(store, 'probe')
      await next(store, 1)
      await accept(store, 'low', { dueAt: createdAt + RISEN_MS })
      await pass(RISEN_MS + 100)
      await store.sweep(10)
      await accept(store, 'high', { priority: SLIGHTLY_HIGHER })
      assertEqual(await next(store, 2), ['high', 'low'], 'the order')
    },
  },
]

async function queue(store: Store, tenant: string, count: number, more: object = {}): Promise<void> {
  await Promise.all(namesOf(tenant, count).map((runId) => accept(store, runId, { tenant, ...more })))
}

function namesOf(tenant: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${tenant} ${index}`)
}

/** Claims so many runs, one after the other. */
async function next(store: Store, count: number): Promise<string[]> {
  const claimed: string[] = []
  for (let index = 0; index < count; index += 1)
    for (const { fence } of await store.claim({ workerId: 'w', leaseMs: LONG_LEASE_MS })) claimed.push(fence.runId)
  return claimed
}
