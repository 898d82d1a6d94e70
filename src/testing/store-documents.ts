import { OpspawnError, type DocumentTable, type Json } from '../core/index.ts'
import { assert, assertEqual, assertRejectsWith } from './assert.ts'
import type { StoreCase, StoreWorld } from './store-world.ts'

/** Cases on documents. A store that keeps none has nothing to show, and passes. */
export const documentCases: readonly StoreCase[] = [
  documentCase('S13: a document is found by kind and key, and is gone once it is deleted', async (documents) => {
    assertEqual(await documents.get('schedule', 'a'), undefined, 'a document that was never put')
    const put = await documents.put('schedule', 'a', { cron: '* * * * *' }, 0)
    assertEqual([put.key, put.value], ['a', { cron: '* * * * *' }], 'what put gives')
    assertEqual(await documents.get('schedule', 'a'), put, 'the document')
    await documents.put('definition', 'a', 'another kind', 0)
    assertEqual(await documents.get('schedule', 'a'), put, 'the document, beside one of another kind')
    const changed = await documents.put('schedule', 'a', null, put.version)
    assert(changed.version > put.version, 'a version goes up')
    assertEqual(await documents.get('schedule', 'a'), changed, 'the changed document')
    await documents.delete('schedule', 'a', changed.version)
    assertEqual(await documents.get('schedule', 'a'), undefined, 'the deleted document')
    assertEqual((await documents.get('definition', 'a'))?.value, 'another kind', 'the one of another kind')
  }),
  documentCase('S13: of several who replace one version of a document, one wins', async (documents) => {
    const race = async (expected: number): Promise<number> => {
      const tries = Array.from({ length: 10 }, (_, index) => documents.put('kind', 'key', index, expected))
      const settled = await Promise.allSettled(tries)
      const won = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
      assertEqual(won.length, 1, `writers that replaced version ${expected}`)
      assertEqual(await documents.get('kind', 'key'), won[0], 'what stands there')
      for (const one of settled) if (one.status === 'rejected') assertConflict(one.reason)
      return won[0]?.version ?? 0
    }
    await race(await race(0))
  }),
  documentCase('S13: a write that expects another version changes nothing', async (documents) => {
    const { version } = await documents.put('kind', 'key', 'first', 0)
    for (const expected of [0, version + 1, version - 1]) {
      if (expected === version) continue
      await assertRefused(documents.put('kind', 'key', 'second', expected))
      if (expected !== 0) await assertRefused(documents.delete('kind', 'key', expected))
    }
    await assertRefused(documents.put('kind', 'nobody', 'second', version))
    await assertRefused(documents.delete('kind', 'nobody', 0))
    assertEqual((await documents.get('kind', 'key'))?.value, 'first', 'the value')
    assertEqual(await documents.get('kind', 'nobody'), undefined, 'a document that was never put')
  }),
  documentCase('S13: a version of a deleted document never comes back', async (documents) => {
    const { version: stale } = await documents.put('kind', 'key', 'first', 0)
    await documents.delete('kind', 'key', stale)
    const again = await documents.put('kind', 'key', 'second', 0)
    assert(again.version > stale, 'the version of a document that was put anew is above that of the deleted one')
    await assertRefused(documents.put('kind', 'key', 'third', stale))
    await assertRefused(documents.delete('kind', 'key', stale))
  }),
  documentCase("S9: documents are dated by the store's clock, and a listing says what it shows", async (documents, { pass }) => {
    const { updatedAt, version } = await documents.put('kind', 'key', 1, 0)
    await pass(700)
    const { now, documents: listed } = await documents.list('kind', {})
    assert(now >= updatedAt + 700 && now < updatedAt + 60_000, `the clock goes on by 700 ms from ${updatedAt}, to ${now}`)
    assertEqual(listed[0]?.updatedAt, updatedAt, 'the time of the last change')
    const changed = await documents.put('kind', 'key', 2, version)
    assert(changed.updatedAt >= now, `a change after ${now} is dated ${changed.updatedAt}`)
  }),
  documentCase('S13: a listing of documents in parts gives each of the kind once', async (documents) => {
    const keys = Array.from({ length: 10 }, (_, index) => `key-${(index * 7) % 10}`)
    for (const key of keys) await documents.put('kind', key, key, 0)
    await documents.put('kind 2', 'stranger', null, 0)
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await documents.list('kind', { limit: 4, ...(cursor !== undefined && { cursor }) })
      assert(page.documents.length <= 4, `a part of 4 has ${page.documents.length} documents`)
      for (const { key, value } of page.documents) assertEqual(value, key, `the value of ${key}`)
      seen.push(...page.documents.map(({ key }) => key))
      cursor = page.cursor
      assert(seen.length <= 10, 'a listing comes to an end')
    } while (cursor !== undefined)
    assertEqual(seen.toSorted(), keys.toSorted(), 'documents in all parts')
    assertEqual((await documents.list('kind', { limit: 10 })).cursor, undefined, 'the cursor of the last part')
    assertEqual((await documents.list('nothing', {})).documents, [], 'documents of a kind that there is not')
  }),
  documentCase('S13: a document is a copy of what was put, and what is got is a copy of it', async (documents) => {
    const list: Json[] = ['a']
    const { version } = await documents.put('kind', 'key', { list }, 0)
    list.push('b')
    assertEqual((await documents.get('kind', 'key'))?.value, { list: ['a'] }, 'the value after a change of what was put')
    const got = (await documents.get('kind', 'key'))?.value as { readonly list: Json[] }
    got.list.push('c')
    assertEqual((await documents.get('kind', 'key'))?.value, { list: ['a'] }, 'the value after a change of what was got')
    await documents.delete('kind', 'key', version)
  }),
  documentCase(
    'S11: every call on documents whose signal has fired rejects with its reason and changes nothing',
    async (documents) => {
      const put = await documents.put('kind', 'key', 1, 0)
      const reason = new Error('no longer wanted')
      const options = { signal: AbortSignal.abort(reason) }
      const calls: Readonly<Record<string, () => Promise<unknown>>> = {
        get: () => documents.get('kind', 'key', options),
        put: () => documents.put('kind', 'key', 2, put.version, options),
        list: () => documents.list('kind', {}, options),
        delete: () => documents.delete('kind', 'key', put.version, options),
      }
      for (const [name, call] of Object.entries(calls)) await assertRejectsWith(call(), reason, name)
      assertEqual(await documents.get('kind', 'key'), put, 'the document')
    },
  ),
]

function documentCase(name: string, run: (documents: DocumentTable, world: StoreWorld) => Promise<void>): StoreCase {
  return {
    name,
    async run(world) {
      if (world.store.documents !== undefined) await run(world.store.documents, world)
    },
  }
}

async function assertRefused(call: Promise<unknown>): Promise<void> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assertConflict(error)
}

function assertConflict(error: unknown): void {
  assert(
    OpspawnError.is(error, 'DOCUMENT_CONFLICT'),
    `a write that expects another version is a DOCUMENT_CONFLICT, not ${String(error)}`,
  )
}
