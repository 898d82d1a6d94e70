import { expect, test } from 'vitest'
import type { Claim, Store } from '../../core/index.ts'
import { note, notesIn, newRun, onFile, open, openThreaded, own, transactions, withNotes } from '../../../test/durable/stores.ts'
import type { SqliteStore } from './sqlite-store.ts'
import { sqliteTransaction, type SqliteTransaction } from './index.ts'

async function ready(store: SqliteStore, runId = 'run', leaseMs?: number): Promise<Claim> {
  await store.create(newRun(runId))
  return own(store, runId, leaseMs)
}

/** Runs a function in a transaction of a run. */
function within<T>(store: Store, { fence }: Claim, work: (tx: SqliteTransaction) => Promise<T>): Promise<T> {
  if (store.transaction === undefined) throw new Error('the store has no transactions')
  return store.transaction(fence, (tx) => work(sqliteTransaction({ tx })))
}

test('statements are prepared, take values as parameters, and give what they changed or found', async () => {
  const store = await withNotes(open())
  const claim = await ready(store)
  await within(store, claim, async (tx) => {
    expect(await tx.run('INSERT INTO notes VALUES (?), (?)', 'a', `b'); DROP TABLE notes; --`)).toEqual({
      changes: 2,
      lastInsertRowid: 2,
    })
    expect(await tx.get<{ n: number }>('SELECT count(*) AS n FROM notes WHERE text <> ?', 'a')).toEqual({ n: 1 })
    expect(await tx.get('SELECT text FROM notes WHERE text = ?', 'c')).toBeUndefined()
    expect(await tx.all('SELECT text FROM notes ORDER BY text')).toEqual([{ text: 'a' }, { text: `b'); DROP TABLE notes; --` }])
    expect(await tx.get('-- a comment\n SELECT ? AS blob, ? AS none', new Uint8Array([1, 2]), null)).toEqual({
      blob: new Uint8Array([1, 2]),
      none: null,
    })
    // The engine's tables can be read.
    expect(await tx.get('SELECT run_id FROM runs')).toEqual({ run_id: 'run' })
  })
})

test.each([
  ["UPDATE runs SET status = 'completed'", "opspawn's own"],
  ['DELETE FROM runs', "opspawn's own"],
  ['INSERT INTO events (key, body) VALUES (1, 2)', "opspawn's own"],
  ['WITH x AS (SELECT 1) REPLACE INTO blobs SELECT 1, 2 FROM x', "opspawn's own"],
  ['INSERT INTO trapped VALUES (1)', "opspawn's own"],
  ['COMMIT', 'begins with one of'],
  ['/* x */ BEGIN', 'begins with one of'],
  ['SAVEPOINT a', 'begins with one of'],
  ['PRAGMA foreign_keys = off', 'begins with one of'],
  ['ATTACH ? AS other', 'begins with one of'],
  ['DROP TABLE notes', 'begins with one of'],
  ['CREATE TRIGGER t AFTER INSERT ON runs BEGIN SELECT 1; END', 'begins with one of'],
  ['', 'begins with one of'],
  ["INSERT INTO notes VALUES ('x'); DELETE FROM runs", 'one statement at a time'],
  ['INSERT INTO nowhere VALUES (1)', 'no such table'],
  ['SELECT ?', 'column index out of range', 1, 2],
])('%s is refused, and the transaction goes on', async (sql, text, ...parameters) => {
  const store = await withNotes(open())
  onFile(store.path, (db) =>
    db.exec(
      `CREATE TABLE trapped (x) STRICT; `.replace('(x) STRICT', '(x)') +
        `CREATE TRIGGER trap AFTER INSERT ON trapped BEGIN DELETE FROM details; END`,
    ),
  )
  const claim = await ready(store)
  await within(store, claim, async (tx) => {
    for (const way of ['run', 'get', 'all'] as const)
      await expect(tx[way](sql, ...parameters)).rejects.toMatchObject({
        code: 'TOOL_FAILED',
        message: expect.stringContaining(text) as string,
      })
    await tx.run('INSERT INTO notes VALUES (?)', 'after')
  })
  expect(notesIn(store.path)).toEqual(['after'])
  expect((await store.read('run', 1)).length).toBe(2)
})

test('values that SQLite does not know, and texts that are none, are refused before anything is asked', async () => {
  const store = await withNotes(open())
  const claim = await ready(store)
  await within(store, claim, async (tx) => {
    for (const value of [true, undefined, {}, [1], Symbol('x')])
      await expect(tx.run('INSERT INTO notes VALUES (?)', value as never)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
    await expect(tx.run(1 as never)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
  })
  expect(notesIn(store.path)).toEqual([])
})

test('what a statement violates can be caught; ON CONFLICT ROLLBACK ends the transaction, and nothing of it is left', async () => {
  const store = await withNotes(open())
  const claim = await ready(store)
  await within(store, claim, async (tx) => {
    await tx.run('INSERT INTO notes VALUES (?)', 'a')
    await expect(tx.run('INSERT INTO notes VALUES (?)', 'a')).rejects.toMatchObject({
      code: 'TOOL_FAILED',
      message: expect.stringContaining('UNIQUE') as string,
      details: { sqlite: 2067 },
    })
  })
  expect(notesIn(store.path)).toEqual(['a'])
  const ended = within(store, claim, async (tx) => {
    await tx.run('INSERT INTO notes VALUES (?)', 'b')
    await tx.run('INSERT OR ROLLBACK INTO notes VALUES (?)', 'a').catch(() => {})
    await tx.run('INSERT INTO notes VALUES (?)', 'c').catch(() => {})
    await store.append(claim.fence, claim.run.seq, [note(claim.run.seq + 1)])
  })
  await expect(ended).rejects.toMatchObject({ code: 'STATE_INVALID' })
  expect(notesIn(store.path)).toEqual(['a'])
  expect((await store.read('run', 1)).length).toBe(claim.run.seq)
})

test('more rows than a tool can take are refused', async () => {
  const store = await withNotes(open())
  const claim = await ready(store)
  const count = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT i FROM n'
  await within(store, claim, async (tx) => {
    expect(await tx.all(count, 10_000)).toHaveLength(10_000)
    await expect(tx.all(count, 10_001)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
  })
})

test('one that is open for too long is rolled back; statements, append and commit say so', async () => {
  const store = await withNotes(open({ transactionMs: 40 }))
  const claim = await ready(store)
  const { seq } = claim.run
  const slow = within(store, claim, async (tx) => {
    await tx.run('INSERT INTO notes VALUES (?)', 'a')
    // Until it is refused, however long that takes.
    for (;;) {
      const found = await tx.get('SELECT 1').catch((error: unknown) => error)
      if (found instanceof Error) break
      await new Promise((resolve) => void setTimeout(resolve, 1))
    }
    await store.append(claim.fence, seq, [note(seq + 1)])
  })
  await expect(slow).rejects.toMatchObject({ code: 'TOOL_TIMEOUT', message: expect.stringContaining('40 ms') as string })
  expect(notesIn(store.path)).toEqual([])
  await store.append(claim.fence, seq, [note(seq + 1)])
})

test('it is open for a third of the lease at most', async () => {
  const store = await withNotes(open())
  const claim = await ready(store, 'run', 240)
  const slow = within(store, claim, async (tx) => {
    for (;;) {
      await tx.get('SELECT 1')
      await new Promise((resolve) => void setTimeout(resolve, 1))
    }
  })
  await expect(slow).rejects.toMatchObject({ code: 'TOOL_TIMEOUT', details: { limitMs: 80 } })
})

test('a function that ends before its statements commits nothing', async () => {
  const store = await withNotes(open())
  const claim = await ready(store)
  let late: Promise<unknown> | undefined
  const hasty = within(store, claim, async (tx) => {
    late = tx.run('INSERT INTO notes VALUES (?)', 'a').catch(() => {})
  })
  await expect(hasty).rejects.toMatchObject({ code: 'TOOL_FAILED', message: expect.stringContaining('await each') as string })
  await late
  expect(notesIn(store.path)).toEqual([])
})

test('a run has one transaction at a time; one without a statement holds up nobody', async () => {
  const store = await withNotes(open())
  const claim = await ready(store)
  await within(store, claim, async () => {
    await expect(within(store, claim, async () => 1)).rejects.toMatchObject({ code: 'STATE_INVALID' })
    // It is waited for, and comes: nothing was begun yet.
    await store.create(newRun('other'))
  })
})

test('a context without a transaction of this store says so', () => {
  for (const tx of [undefined, null, {}, 'tx'])
    expect(() => sqliteTransaction({ tx })).toThrow(expect.objectContaining({ code: 'PLUGIN_CAPABILITY_MISSING' }))
})

test('in threads: while one is open other writes wait, reads go on, and leases are renewed right behind it', async () => {
  const store = await withNotes(openThreaded())
  const claim = await ready(store)
  const order: string[] = []
  let waiting: Promise<unknown>[] = []
  await within(store, claim, async (tx) => {
    await transactions.write(tx, 'a')
    waiting = [
      store.create(newRun('other')).then(() => order.push('created')),
      store.heartbeat([claim.fence], 60_000).then(({ lost }) => order.push(`beaten, ${lost.length} lost`)),
    ]
    expect((await store.read('run', 1)).length).toBe(claim.run.seq)
    await transactions.write(tx, 'b')
    order.push('end')
  })
  await Promise.all(waiting)
  expect(order[0]).toBe('end')
  expect(order.slice(1).toSorted()).toEqual(['beaten, 0 lost', 'created'])
  expect(notesIn(store.path)).toEqual(['a', 'b'])
})

test('in threads: a store that is closed in the middle of one leaves nothing of it', async () => {
  const store = await withNotes(openThreaded())
  const claim = await ready(store)
  const cut = within(store, claim, async (tx) => {
    await transactions.write(tx, 'a')
    await store[Symbol.asyncDispose]()
    await transactions.write(tx, 'b')
  })
  await expect(cut).rejects.toMatchObject({ code: 'STORE_FAILED' })
  expect(notesIn(store.path)).toEqual([])
})
