import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lockFolder } from './liveness.ts'
import { idsOf, newPath, newRun, open, openThreaded, own } from '../../../test/durable/stores.ts'

describe('several stores of one file', () => {
  test('one store sees what the other wrote, and each run has one owner', async () => {
    const path = newPath()
    const [left, right] = [open({ path }), open({ path })]
    await left.create(newRun('a'))
    expect(await idsOf(right)).toEqual(['a'])
    const claims = (await Promise.all([left, right].map((store) => store.claim({ workerId: 'w', leaseMs: 1000 })))).flat()
    expect(claims).toHaveLength(1)
  })

  test('a store that is closed leaves its runs to the others at once', async () => {
    const path = newPath()
    const [left, right] = [open({ path }), open({ path })]
    await left.create(newRun('a'))
    await own(left, 'a')
    const watching = await right.sweep(10)
    expect(watching.tasks).toEqual([])
    expect(watching.nextDueAt).toBeLessThanOrEqual(Date.now() + 250)
    await left[Symbol.asyncDispose]()
    expect((await right.sweep(10)).tasks.map(({ runId }) => runId)).toEqual(['a'])
    await own(right, 'a')
  })

  test('lock files of the dead are removed after a while', async () => {
    const path = newPath()
    const store = open({ path })
    await store.open()
    const locks = lockFolder(path)
    const stale = join(locks, 'stale.lock')
    writeFileSync(stale, '')
    utimesSync(stale, 0, 0)
    writeFileSync(join(locks, 'young.lock'), '')
    const other = open({ path })
    await other.open()
    expect(readdirSync(locks)).toHaveLength(3)
    expect(existsSync(stale)).toBe(false)
  })
})

describe('a busy file', () => {
  test('a call waits for the lock of another program, without holding up the event loop', async () => {
    const path = newPath()
    const store = openThreaded({ path })
    await store.open()
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    let isDone = false
    const creating = store.create(newRun('a')).then(() => {
      isDone = true
    })
    expect(await idsOf(store)).toEqual([])
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => void setImmediate(resolve))
    expect(isDone).toBe(false)
    other.exec('COMMIT')
    await creating
    expect(await idsOf(store)).toEqual(['a'])
    other.close()
  })

  test('a call gives up after busyMs, has changed nothing, and works afterwards', async () => {
    const path = newPath()
    const store = open({ path, busyMs: 30 })
    await store.create(newRun('a'))
    const { fence } = await own(store, 'a')
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    const busy = { code: 'STORE_FAILED', retryable: true, details: { reason: 'busy' } }
    await expect(store.create(newRun('b'))).rejects.toMatchObject(busy)
    await expect(store.heartbeat([fence], 1000)).rejects.toMatchObject(busy)
    other.exec('COMMIT')
    other.close()
    expect(await idsOf(store)).toEqual(['a'])
    await store.create(newRun('b'))
    expect((await store.heartbeat([fence], 1000)).lost).toEqual([])
  })
})
