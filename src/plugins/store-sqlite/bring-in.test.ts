import { describe, expect, test } from 'vitest'
import type { RunEvent, RunRecord } from '../../core/index.ts'
import { end, idsOf, newRun, note, open, openThreaded, own } from '../../../test/durable/stores.ts'

interface Had {
  readonly record: RunRecord
  readonly events: readonly RunEvent[]
}

/** A run as another store has had it. */
async function had(runId: string, how: 'ended' | 'open', more: Parameters<typeof newRun>[1] = {}): Promise<Had> {
  const store = open()
  await store.create(newRun(runId, more, { messages: [], labels: ['private'] }))
  const { fence, run } = await own(store, runId)
  await store.append(fence, run.seq, [note(3, 'x'.repeat(100_000)), note(4)])
  await store.release(fence, { how: 'drain' })
  if (how === 'ended') await end(store, runId)
  const [record] = (await store.list({ runId }, {})).runs
  return { record: record as RunRecord, events: await store.read(runId, 1) }
}

describe('a run that another store has had', () => {
  test('is here with its record and its history, once', async () => {
    const { record, events } = await had('a', 'ended', { idempotencyKey: 'k', priority: 3, queue: 'slow' })
    const store = openThreaded()
    expect(await store.bringIn(record, events)).toBe(true)
    expect((await store.list({ runId: 'a' }, {})).runs).toEqual([record])
    expect(await store.read('a', 1)).toEqual(events)
    expect(await store.read('a', 3, 1)).toEqual(events.slice(2, 3))
    expect(await store.bringIn(record, events)).toBe(false)
    // It takes part in what holds for runs of this store.
    expect((await store.create(newRun('b', { idempotencyKey: 'k' }))).run.runId).toBe('a')
    await expect(store.signal('a', { id: 's', name: 's', payload: null })).rejects.toMatchObject({ code: 'RUN_FINISHED' })
  })

  test('and that has not ended is paused, and goes on from its history when it is resumed', async () => {
    const { record, events } = await had('a', 'open')
    expect(record.status).toBe('queued')
    const store = open()
    await store.bringIn(record, events)
    const [paused] = (await store.list({}, {})).runs
    expect(paused).toEqual({ ...record, status: 'paused' })
    expect(await store.claim({ workerId: 'w', leaseMs: 1000 })).toEqual([])
    expect(await store.bringIn(record, events)).toBe(false)
    await store.signal('a', { id: 'r', name: 'opspawn.resume', payload: null })
    const { fence, run } = await own(store, 'a')
    expect([fence.epoch, run.seq]).toEqual([record.epoch + 1, record.seq + 1])
    await store.append(fence, run.seq, [note(run.seq + 1)])
    // It has grown; what was brought in is still its beginning.
    expect(await store.bringIn(record, events)).toBe(false)
  })

  test('and that has ended takes no place in a queue', async () => {
    const store = open({ capacity: 1 })
    for (const id of ['a', 'b']) {
      const { record, events } = await had(id, 'ended')
      await store.bringIn(record, events)
    }
    await store.create(newRun('c'))
    await expect(store.create(newRun('d'))).rejects.toMatchObject({ code: 'QUEUE_FULL' })
  })

  test('is refused where its id or its key belongs to another run', async () => {
    const { record, events } = await had('a', 'ended', { idempotencyKey: 'k' })
    const store = open()
    await store.create(newRun('a'))
    await expect(store.bringIn(record, events)).rejects.toMatchObject({ code: 'RUN_EXISTS' })
    const other = open()
    await other.create(newRun('b', { idempotencyKey: 'k' }))
    await expect(other.bringIn(record, events)).rejects.toMatchObject({ code: 'RUN_EXISTS', details: { runId: 'b' } })
    expect(await idsOf(other)).toEqual(['b'])
  })

  test.each<[string, (had: Had) => unknown[]]>([
    ['no record', ({ events }) => [null, events]],
    ['no id', ({ record, events }) => [{ ...record, runId: '' }, events]],
    ['another id', ({ record, events }) => [{ ...record, runId: 'b' }, events]],
    ['another input', ({ record, events }) => [{ ...record, input: 2 }, events]],
    ['another definition', ({ record, events }) => [{ ...record, definition: 'v2' }, events]],
    ['half an epoch', ({ record, events }) => [{ ...record, epoch: 0.5 }, events]],
    ['no time', ({ record, events }) => [{ ...record, createdAt: null }, events]],
    ['no limits', ({ record, events }) => [{ ...record, limits: undefined }, events]],
    ['no spending', ({ record, events }) => [{ ...record, spending: { used: {}, reserved: {}, unreported: 0 } }, events]],
    ['an unknown status', ({ record, events }) => [{ ...record, status: 'asleep' }, events]],
    ['a status without its outcome', ({ record, events }) => [{ ...record, outcome: undefined }, events]],
    ['an open status with an outcome', ({ record, events }) => [{ ...record, status: 'queued' }, events]],
    ['another outcome', ({ record, events }) => [{ ...record, outcome: { status: 'completed', output: 1 } }, events]],
    ['no events', ({ record }) => [record, []]],
    ['a hole', ({ record, events }) => [{ ...record, seq: record.seq - 1 }, events.toSpliced(2, 1)]],
    ['an event too few', ({ record, events }) => [record, events.toSpliced(-1, 1)]],
    ['an event that is none', ({ record, events }) => [record, events.with(2, null as never)]],
    ['an event of another form', ({ record, events }) => [record, events.with(2, { ...events[2], version: 2 } as never)]],
    ['another first event', ({ record, events }) => [record, events.with(0, { ...events[1], seq: 1 } as never)]],
    [
      'events behind its end',
      ({ record, events }) => [{ ...record, seq: record.seq + 1 }, [...events, { ...note(record.seq + 1) }]],
    ],
  ])('is refused with %s, and nothing of it is here', async (_what, change) => {
    const store = open()
    const [record, events] = change(await had('a', 'ended')) as [RunRecord, RunEvent[]]
    await expect(store.bringIn(record, events)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
    expect(await idsOf(store)).toEqual([])
  })
})
