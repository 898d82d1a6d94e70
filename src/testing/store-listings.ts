import type { RunFilter, RunRecord, Store } from '../core/index.ts'
import { assert, assertEqual } from './assert.ts'
import { accept, acceptAndOwn, finish, own, type StoreCase } from './store-world.ts'

/** Cases on listings. */
export const listingCases: readonly StoreCase[] = [
  {
    name: 'S8: a listing is newest first, and every filter narrows it',
    async run({ store, pass }) {
      const root = await acceptAndOwn(store, 'root', { session: 'ada' })
      await pass(5)
      const child = await acceptAndOwn(store, 'child', { parent: root.run, agent: 'helper' })
      await pass(5)
      await accept(store, 'grandchild', { parent: child.run, agent: 'helper' })
      await pass(5)
      await accept(store, 'later', { session: 'ada' })
      await pass(5)
      await accept(store, 'stranger', { session: 'ada', tenant: 'other' })
      await finish(store, root)
      const expected: readonly (readonly [RunFilter, readonly string[]])[] = [
        [{}, ['stranger', 'later', 'grandchild', 'child', 'root']],
        [{ tenant: 'tenant' }, ['later', 'grandchild', 'child', 'root']],
        [{ agent: 'helper' }, ['grandchild', 'child']],
        [{ session: 'ada' }, ['stranger', 'later', 'root']],
        [{ session: 'ada', tenant: 'tenant' }, ['later', 'root']],
        [{ session: 'ada', tenant: 'tenant', status: ['completed'] }, ['root']],
        [{ status: ['running'] }, ['child']],
        [{ status: ['queued', 'completed'] }, ['stranger', 'later', 'grandchild', 'root']],
        [{ status: [] }, []],
        [{ parentId: 'root' }, ['child']],
        [{ rootId: 'root' }, ['grandchild', 'child', 'root']],
        [{ rootId: 'root', agent: 'helper' }, ['grandchild', 'child']],
        [{ rootId: 'child' }, []],
        [{ runId: 'later' }, ['later']],
        [{ runId: 'later', tenant: 'other' }, []],
        [{ runId: 'nobody' }, []],
        [{ parentId: 'nobody' }, []],
      ]
      for (const [filter, ids] of expected) assertEqual(await idsOf(store, filter), ids, `runs of ${JSON.stringify(filter)}`)
    },
  },
  {
    name: 'S8: a listing in parts gives each run once, also when others come and change meanwhile',
    async run({ store, pass }) {
      for (let index = 0; index < 10; index += 1) {
        await accept(store, `run-${index}`)
        await pass(2)
      }
      const seen: string[] = []
      let cursor: string | undefined
      let parts = 0
      do {
        const { runs, cursor: next } = await store.list({}, { limit: 3, ...(cursor !== undefined && { cursor }) })
        assert(runs.length <= 3, `a part of 3 has ${runs.length} runs`)
        seen.push(...runs.map((run) => run.runId))
        cursor = next
        parts += 1
        await accept(store, `newcomer-${parts}`)
        if (parts === 1) await finish(store, await own(store, 'run-2'))
        assert(parts < 20, 'a listing comes to an end')
      } while (cursor !== undefined)
      assertEqual(
        seen,
        Array.from({ length: 10 }, (_, index) => `run-${9 - index}`),
        'runs in all parts',
      )
    },
  },
  {
    name: 'S8: the last part of a listing has no cursor',
    async run({ store }) {
      for (const runId of ['a', 'b', 'c', 'd']) await accept(store, runId)
      const first = await store.list({}, { limit: 2 })
      assert(first.cursor !== undefined, 'a part with more behind it has a cursor')
      const second = await store.list({}, { limit: 2, cursor: first.cursor })
      assertEqual([second.runs.length, second.cursor], [2, undefined], 'the last part, and its cursor')
      assertEqual((await store.list({ agent: 'nobody' }, { limit: 2 })).cursor, undefined, 'the cursor of an empty listing')
    },
  },
  {
    name: 'S8: a listing of a tenant shows nothing of the others',
    async run({ store }) {
      // Names that run together when tenant and session are joined carelessly.
      await accept(store, 'one', { tenant: 'a', session: 'b:c', idempotencyKey: 'x' })
      await accept(store, 'two', { tenant: 'a:b', session: 'c', idempotencyKey: 'x' })
      await accept(store, 'three', { tenant: 'A', session: 'b:c', idempotencyKey: 'x' })
      assertEqual(await idsOf(store, { tenant: 'a' }), ['one'], 'runs of a')
      assertEqual(await idsOf(store, { tenant: 'a:b', session: 'c' }), ['two'], 'runs of a session')
      assertEqual(await idsOf(store, { tenant: 'a', session: 'c' }), [], 'runs of a session of another tenant')
      assertEqual(await idsOf(store, { tenant: 'a', rootId: 'two' }), [], 'a tree of another tenant')
    },
  },
]

async function idsOf(store: Store, filter: RunFilter): Promise<readonly string[]> {
  const { runs } = await store.list(filter, {})
  return runs.map((run: RunRecord) => run.runId)
}
