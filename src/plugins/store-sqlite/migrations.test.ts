import * as sqlite from 'node:sqlite'
import { expect, test } from 'vitest'
import { idsOf, newPath, newRun, open, openThreaded } from '../../../test/durable/stores.ts'
import { migrate, MIGRATIONS } from './migrations.ts'

/** A file as an older version left it, with a run in it. */
async function oldFile(version: number): Promise<string> {
  const path = newPath()
  const db = new sqlite.DatabaseSync(path)
  migrate(db, path, MIGRATIONS.slice(0, version))
  expect(db.prepare('PRAGMA user_version').get()).toMatchObject({ user_version: version })
  db.exec(`
    INSERT INTO runs (run_id, status, seq, epoch, deliveries, created_at, updated_at, priority, queue, agent, definition, tenant,
      root_id, ready, hint_at, hints, limits)
    VALUES ('old', 'queued', 1, 0, 0, 5, 5, 0, 'default', 'agent', 'agent@v1', 't', 'old', 1, 5, 0, '{}');
    INSERT INTO details (ordinal, origin) VALUES (1, '{"runId":"old","agent":"agent","definition":"v1","tenant":"t","input":1,"rootId":"old","depth":0,"limits":{}}')`)
  db.close()
  return path
}

test.each(MIGRATIONS.map((_, index) => index + 1))(
  'a file of schema %i is brought up to date and keeps its runs',
  async (version) => {
    const store = open({ path: await oldFile(version) })
    expect(await store.documents.get('kind', 'key')).toBeUndefined()
    await store.documents.put('kind', 'key', 'value', 0)
    expect(await idsOf(store)).toEqual(['old'])
    // It goes before those that came later, of whatever tenant, and gates that are new to the file are kept to.
    const gates = [{ key: 'one', concurrency: 1 }]
    for (const id of ['new', 'gated', 'held']) await store.create(newRun(id, {}, id === 'new' ? {} : { gates }))
    await store.create(newRun('other', {}, { tenant: 'other' }))
    const [claim] = await store.claim({ workerId: 'w', leaseMs: 60_000 })
    expect(claim?.run).toMatchObject({ runId: 'old', status: 'running', tenant: 't' })
    const others = await store.claim({ workerId: 'w', leaseMs: 60_000, max: 5 })
    expect(others.map(({ run }) => run.runId)).toEqual(['new', 'other', 'gated'])
  },
)

test.each([1, 2, 3])(
  'of several that start at once on a file of schema %i, one brings it up to date and all can work',
  async (version) => {
    const path = await oldFile(version)
    const stores = Array.from({ length: 4 }, () => openThreaded({ path }))
    await Promise.all(stores.map((store) => store.open()))
    await Promise.all(stores.map((store, index) => store.documents.put('kind', `${index}`, index, 0)))
    await Promise.all(stores.map((store, index) => store.create(newRun(`new ${index}`))))
    for (const store of stores) {
      expect((await store.documents.list('kind', {})).documents.map(({ value }) => value)).toEqual([0, 1, 2, 3])
      expect(await idsOf(store)).toHaveLength(5)
    }
  },
  60_000,
)
