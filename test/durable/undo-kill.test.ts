/** Real processes that are killed while a cancelled run is made good. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sqliteStore } from '../../src/plugins/store-sqlite/index.ts'
import { newFolder, start } from './processes.ts'
import { onFile } from './stores.ts'

const rowsIn = (path: string): readonly string[] =>
  onFile(path, (db) =>
    db
      .prepare('SELECT text FROM rows ORDER BY rowid')
      .all()
      .map(({ text }) => String(text)),
  )

test(
  'workers are killed at each point between a cancellation and the last compensation: what was done is undone once, backwards (S1, S3, S11)',
  { timeout: 240_000 },
  async () => {
    const path = join(newFolder(), 'runs.db')
    const store = sqliteStore({ path })
    await store.open()
    await store[Symbol.asyncDispose]()
    // Nothing keeps a row from being there twice: that is what is looked for.
    onFile(path, (db) => db.exec('CREATE TABLE rows (text TEXT NOT NULL) STRICT'))
    await start('undo', path, 'first').line('all ended')
    expect(rowsIn(path)).toEqual(['did a', 'did b', 'did c'])
    // Before and after the acceptance; then wherever the two runs, which go on side by side, pass so many points.
    const ends: (number | null)[] = []
    for (const dieAt of [1, 2, 3, 4, 2, 3, 4]) ends.push(await start('undo', path, String(dieAt)).ended)
    expect(ends.slice(0, 3)).toEqual([null, null, null])
    await start('undo', path).line('all ended')
    expect(rowsIn(path)).toEqual(['did a', 'did b', 'did c', 'undid did c', 'undid did b', 'undid did a'])

    await using after = sqliteStore({ path })
    const { runs } = await after.list({}, {})
    const [first, second] = [runs.find(({ runId }) => runId === 'run'), runs.find(({ compensates }) => compensates === 'run')]
    expect(runs).toHaveLength(2)
    expect(first?.outcome).toMatchObject({ status: 'cancelled', error: { details: { compensation: second?.runId } } })
    expect(second?.outcome?.status).toBe('completed')
    const events = await after.read(second?.runId ?? '', 1)
    expect(events.filter(({ type }) => type === 'effect-end').map((event) => 'key' in event && event.key)).toEqual([
      'unc',
      'unb',
      'una',
    ])
    const claims = (await after.read('run', 1)).filter(({ type }) => type === 'run-claim')
    expect(claims.length).toBeGreaterThan(2)
  },
)
