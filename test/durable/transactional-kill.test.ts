/** Real processes that are killed in the middle of transactional tools. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sqliteStore } from '../../src/plugins/store-sqlite/index.ts'
import { newFolder, start } from './processes.ts'
import { onFile } from './stores.ts'

const RUNS = 10
const STEPS = 6

interface Counted {
  readonly counter: number
  readonly done: readonly string[]
}

function counted(path: string): Counted {
  return onFile(path, (db) => ({
    counter: Number(db.prepare('SELECT n FROM counter').get()?.['n']),
    done: db
      .prepare('SELECT run, key FROM done')
      .all()
      .map(({ run, key }) => `${String(run)} ${String(key)}`),
  }))
}

/** The calls whose result is on record. */
async function recorded(path: string): Promise<readonly string[]> {
  await using store = sqliteStore({ path })
  const all: string[] = []
  for (const { runId } of (await store.list({}, {})).runs)
    for (const event of await store.read(runId, 1)) if (event.type === 'effect-end') all.push(`${runId} ${event.key}`)
  return all
}

test('workers are killed at many points of transactional calls: each effect is there exactly once, as its result is (S3)', async () => {
  const path = join(newFolder(), 'runs.db')
  const store = sqliteStore({ path })
  await store.open()
  await store[Symbol.asyncDispose]()
  onFile(path, (db) => {
    db.exec('CREATE TABLE counter (n INTEGER NOT NULL) STRICT; INSERT INTO counter VALUES (0)')
    // Nothing keeps a key from being there twice: that is what is looked for.
    db.exec('CREATE TABLE done (run TEXT NOT NULL, key TEXT NOT NULL) STRICT')
  })
  // Every kind of point at least once, early and late; no more deaths than a run may have that does not get on.
  await start('count', path, '0', String(RUNS)).line('all ended')
  for (const dieAt of [1, 2, 3, 4, 5, 6, 9, 14, 27]) {
    const worker = start('count', path, String(dieAt))
    expect(await worker.ended).toBeNull()
    const { counter, done } = counted(path)
    expect(done.toSorted()).toEqual((await recorded(path)).toSorted())
    expect(counter).toBe(done.length)
  }
  const last = start('count', path)
  await last.line('all ended')
  const { counter, done } = counted(path)
  const runs = Array.from({ length: RUNS }, (_, index) => `run-${index}`)
  const all = runs.flatMap((run) => Array.from({ length: STEPS / 2 }, (_, n) => [`${run} left-${n}`, `${run} right-${n}`]).flat())
  expect(done.toSorted()).toEqual(all.toSorted())
  expect(counter).toBe(RUNS * STEPS)
  expect((await recorded(path)).toSorted()).toEqual(all.toSorted())
})
