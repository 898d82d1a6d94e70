import * as sqlite from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { manualClock } from '../../testing/clock.ts'
import { newPath, open, openThreaded, newRun, own, end, note, idsOf } from '../../../test/durable/stores.ts'

describe('retention', () => {
  test('finished runs go by age and number, unfinished ones and members of an unfinished tree never', async () => {
    const clock = manualClock(1_000_000)
    const store = open({ clock, retain: { finishedForMs: 5_000, finishedRuns: 3 } })
    await store.create(newRun('root'))
    await store.create(newRun('child', {}, { rootId: 'root', parent: { runId: 'root', key: 'k' }, depth: 1 }))
    await end(store, 'child')
    for (const id of ['old', 'open']) await store.create(newRun(id, { idempotencyKey: id }))
    await end(store, 'old')
    await clock.advance(6_000)
    for (const id of ['1', '2', '3', '4']) {
      await store.create(newRun(id))
      await end(store, id)
    }
    expect(await store.prune()).toBe(3)
    expect(await idsOf(store)).toEqual(['4', '3', 'open', 'child', 'root'])
    expect(await store.prune()).toBe(0)
    expect((await store.create(newRun('again', { idempotencyKey: 'old' }))).created).toBe(true)
    expect((await store.create(newRun('again', { idempotencyKey: 'open' }))).created).toBe(false)
    await end(store, 'root')
    await clock.advance(120_000)
    expect(await idsOf(store)).toEqual(['again', 'open'])
  })

  test('more than a batch goes at one call', async () => {
    const store = open({ retain: { finishedRuns: 10 }, durability: 'process' })
    for (let index = 0; index < 130; index += 1) {
      await store.create(newRun(`${index}`))
      await end(store, `${index}`)
    }
    expect(await store.prune()).toBe(120)
    expect(await idsOf(store)).toEqual(Array.from({ length: 10 }, (_, index) => `${129 - index}`))
  })
})

describe('the file itself', () => {
  test('a backup is the whole store at one moment, and is used like one', async () => {
    const store = openThreaded()
    for (const id of ['a', 'b']) await store.create(newRun(id))
    const { fence, run } = await own(store, 'a')
    await store.append(fence, run.seq, [note(3)])
    const to = newPath()
    const writes = Promise.all(Array.from({ length: 50 }, (_, index) => store.create(newRun(`later-${index}`))))
    await store.backup(to)
    await writes
    await expect(store.backup(to)).rejects.toMatchObject({ code: 'STORE_FAILED', details: { reason: 'backup-exists' } })
    await expect(store.backup('')).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
    const copy = open({ path: to })
    expect(await copy.read('a', 1)).toEqual(await store.read('a', 1))
    expect((await copy.list({ runId: 'a' }, {})).runs).toEqual((await store.list({ runId: 'a' }, {})).runs)
    // Nobody holds the locks of the copy, so the run that was under way is free at once.
    await copy.sweep(1000)
    expect((await own(copy, 'a')).fence.epoch).toBe(fence.epoch + 1)
    await store.append(fence, 3, [note(4)])
  })

  test('vacuum gives space back', async () => {
    const path = newPath()
    const store = openThreaded({ path, retain: { finishedRuns: 1 }, durability: 'process' })
    for (const id of ['a', 'b']) {
      await store.create(newRun(id, {}, { input: 'x'.repeat(2_000_000) }))
      await end(store, id)
    }
    await store.prune()
    const pages = (): number => {
      const db = new sqlite.DatabaseSync(path)
      const { page_count } = db.prepare('PRAGMA page_count').get() as { page_count: number }
      db.close()
      return page_count
    }
    const before = pages()
    await store.vacuum()
    expect(pages()).toBeLessThan(before * 0.7)
    expect(await store.read('b', 1)).toHaveLength(3)
  })
})
