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

const DID = ['did a', 'did b', 'did c']
const UNDONE = ['undid did c', 'undid did b', 'undid did a']

/** Where the workers die, one after the other: the first four on the way to the end of the first run, the others behind it. */
const POINTS = [
  'before the acceptance',
  'after the acceptance',
  'before the end',
  'after the end',
  'written undid did c',
  'recorded unb',
  'committed una',
]

/** What is undone for good when a worker has died there. */
function undoneAt(dieAt: string): readonly string[] {
  if (dieAt === 'recorded unb') return UNDONE.slice(0, 1)
  return dieAt === 'committed una' ? UNDONE : []
}

test('workers are killed at each point between a cancellation and the last compensation: what was done is undone once, backwards (S1, S3, S11)', async () => {
  const path = join(newFolder(), 'runs.db')
  const store = sqliteStore({ path })
  await store.open()
  await store[Symbol.asyncDispose]()
  // Nothing keeps a row from being there twice: that is what is looked for.
  onFile(path, (db) => db.exec('CREATE TABLE rows (text TEXT NOT NULL) STRICT'))
  await start('undo', path, 'first').line('all ended')
  expect(rowsIn(path)).toEqual(DID)
  for (const dieAt of POINTS) {
    const worker = start('undo', path, dieAt)
    expect([dieAt, await worker.ended, worker.child.signalCode]).toEqual([dieAt, null, 'SIGKILL'])
    expect([dieAt, ...rowsIn(path)]).toEqual([dieAt, ...DID, ...undoneAt(dieAt)])
  }
  await start('undo', path).line('all ended')
  expect(rowsIn(path)).toEqual([...DID, ...UNDONE])

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
  // The first run was claimed by each of those that died before its end, and by the one before them.
  const claims = (await after.read('run', 1)).filter(({ type }) => type === 'run-claim')
  expect(claims.length).toBeGreaterThanOrEqual(5)
})
