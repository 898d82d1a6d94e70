import { describe, expect, test } from 'vitest'
import { type Claim, type Message, type NewRun, OpspawnError, type Store, userMessage } from '../../core/index.ts'
import { requirePlugin } from '../../orchestrator/checks/plugin.ts'
import { manualClock } from '../../testing/clock.ts'
import { storeConformance } from '../../testing/store-conformance.ts'
import { memoryStore } from './index.ts'
import { createMemoryRun, forgetHistory } from './memory-run.ts'

describe('store/1', () => {
  const clock = manualClock()
  storeConformance({ test, clock, createStore: (options) => memoryStore({ clock, ...options }) })
})

function newRun(runId: string, rest: Omit<NewRun, 'origin'> = {}, session?: string): NewRun {
  const origin = { runId, agent: 'agent', definition: 'v1', tenant: 't', input: 1, rootId: runId, depth: 0, limits: {} }
  return { ...rest, origin: session === undefined ? origin : { ...origin, session } }
}

async function own(store: Store, runId: string, leaseMs: number = 1000): Promise<Claim> {
  const [claim] = await store.claim({ workerId: 'w', leaseMs, runId })
  if (claim === undefined) throw new Error(`${runId} is not ready`)
  return claim
}

async function end(store: Store, runId: string): Promise<void> {
  const { fence, run } = await own(store, runId)
  await store.append(fence, run.seq, [], { end: { outcome: { status: 'completed', output: null } } })
}

test('it keeps documents, so that the cases on them have something to show, and forgets them with the rest', async () => {
  const store = memoryStore()
  expect(await store.documents?.put('kind', 'key', 1, 0)).toMatchObject({ version: 1 })
  await store[Symbol.asyncDispose]?.()
  expect(await store.documents?.get('kind', 'key')).toBeUndefined()
})

test('it is a plugin, and says that nothing of it survives', () => {
  const store = memoryStore()
  expect(() => requirePlugin(store)).not.toThrow()
  expect(store.capabilities).toEqual({
    durability: 'none',
    multiProcess: false,
    multiHost: false,
    liveness: 'lease',
    transactions: false,
    gates: true,
  })
  expect('transaction' in store).toBe(false)
})

test('it goes by the clock of the system when none is given', async () => {
  const before = Date.now()
  const { run } = await memoryStore().create(newRun('a'))
  expect(run.createdAt).toBeGreaterThanOrEqual(before)
  expect(run.createdAt).toBeLessThanOrEqual(Date.now())
})

test.each([{ capacity: 0 }, { retain: -1 }, { capacity: Number.NaN }])('options %j are refused', (options) => {
  expect(() => memoryStore(options)).toThrow(expect.objectContaining({ code: 'LIMIT_INVALID' }))
})

test('QUEUE_FULL is retryable and names queue and capacity', async () => {
  const store = memoryStore({ capacity: 1 })
  await store.create(newRun('a', { queue: 'mail' }))
  const error: unknown = await store.create(newRun('b', { queue: 'mail' })).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'QUEUE_FULL', retryable: true, details: { queue: 'mail', capacity: 1 } })
})

test('finished runs past the limit are forgotten, the first to finish first', async () => {
  const store = memoryStore({ retain: 2 })
  for (const id of ['a', 'b', 'c', 'open']) await store.create(newRun(id, { idempotencyKey: id }, 'session'))
  for (const id of ['b', 'a', 'c']) await end(store, id)
  const { runs } = await store.list({}, {})
  expect(runs.map((run) => run.runId)).toEqual(['open', 'c', 'a'])
  expect((await store.list({ tenant: 't', session: 'session' }, {})).runs).toHaveLength(3)
  await expect(store.read('b', 1)).rejects.toMatchObject({ code: 'RUN_UNKNOWN' })
  expect((await store.create(newRun('again', { idempotencyKey: 'b' }))).created).toBe(true)
  expect((await store.create(newRun('once more', { idempotencyKey: 'a' }))).created).toBe(false)
})

/** Ends a run whose history has so many events behind the acceptance and the claim. */
async function endLong(store: Store, runId: string, events: number, messages: readonly Message[] = []): Promise<void> {
  await store.create({ origin: { ...newRun(runId).origin, messages } })
  const { fence, run } = await own(store, runId)
  const body = { type: 'decision', effects: [], version: 1, at: 0 } as const
  const long = Array.from({ length: events }, (_, index) => ({ ...body, seq: run.seq + index + 1 }))
  await store.append(fence, run.seq, long, { end: { outcome: { status: 'completed', output: null } } })
}

async function readable(store: Store, runs: number): Promise<string[]> {
  const found: string[] = []
  for (let index = 0; index < runs; index += 1)
    await store.read(`${index}`, 1).then(
      () => found.push(`${index}`),
      () => {},
    )
  return found
}

test('of long histories fewer are kept: 2,000 events together, but those of the last ten runs', async () => {
  const few = memoryStore()
  for (let index = 0; index < 30; index += 1) await endLong(few, `${index}`, 98)
  // 20 histories of 100 events each.
  expect(await readable(few, 30)).toEqual(Array.from({ length: 20 }, (_, index) => `${index + 10}`))
  const least = memoryStore()
  for (let index = 0; index < 15; index += 1) await endLong(least, `${index}`, 998)
  expect(await readable(least, 15)).toEqual(Array.from({ length: 10 }, (_, index) => `${index + 5}`))
  const short = memoryStore()
  for (let index = 0; index < 110; index += 1) await endLong(short, `${index}`, 1)
  expect(await readable(short, 110)).toHaveLength(100)
})

test('of histories that began with a long conversation fewer are kept, and the conversation goes with its history', async () => {
  const store = memoryStore()
  const messages = Array.from({ length: 180 }, (_, index) => userMessage(`${index}`))
  for (let index = 0; index < 30; index += 1) await endLong(store, `${index}`, 18, messages)
  expect(await readable(store, 30)).toEqual(Array.from({ length: 10 }, (_, index) => `${index + 20}`))
  const run = createMemoryRun({ origin: { ...newRun('long').origin, messages } }, 1, 0)
  forgetHistory(run)
  expect(run.origin).not.toHaveProperty('messages')
  expect(run.origin.runId).toBe('long')
})

test('whoever says how many histories are to be kept has them, however long, and no more', async () => {
  const store = memoryStore({ retainHistories: 25 })
  for (let index = 0; index < 30; index += 1) await endLong(store, `${index}`, 998)
  expect(await readable(store, 30)).toHaveLength(25)
})

test('a history that is gone with its run counts no more', async () => {
  const store = memoryStore({ retain: 12 })
  for (let index = 0; index < 80; index += 1) await endLong(store, `${index}`, index < 60 ? 48 : 148)
  expect(await readable(store, 80)).toHaveLength(12)
})

test('forgotten children leave the listings of their parent and of their tree', async () => {
  const store = memoryStore({ retain: 1 })
  await store.create(newRun('root'))
  for (const id of ['x', 'y']) {
    const run = newRun(id)
    await store.create({ origin: { ...run.origin, parent: { runId: 'root', key: id }, rootId: 'root', depth: 1 } })
    await end(store, id)
  }
  const ids = async (filter: object): Promise<string[]> => (await store.list(filter, {})).runs.map((run) => run.runId)
  expect(await ids({ parentId: 'root' })).toEqual(['y'])
  expect(await ids({ rootId: 'root' })).toEqual(['y', 'root'])
})

test('forgetting goes on for thousands of runs', async () => {
  const store = memoryStore({ retain: 10 })
  for (let index = 0; index < 3000; index += 1) {
    await store.create(newRun(`${index}`))
    await end(store, `${index}`)
  }
  const { runs } = await store.list({}, {})
  expect(runs.map((run) => run.runId)).toEqual(Array.from({ length: 10 }, (_, index) => `${2999 - index}`))
})

test('a write of a worker whose run was forgotten is refused as lost', async () => {
  const store = memoryStore({ retain: 1 })
  await store.create(newRun('a'))
  const { fence, run } = await own(store, 'a')
  await store.append(fence, run.seq, [], { end: { outcome: { status: 'completed', output: null } } })
  await store.create(newRun('b'))
  await end(store, 'b')
  await expect(store.append(fence, run.seq, [])).rejects.toMatchObject({ code: 'LEASE_LOST' })
  expect((await store.heartbeat([fence], 1000)).lost).toEqual([fence])
})

test('a sweep gives a ready run again after one second, then two, then four, at most a minute', async () => {
  const clock = manualClock(0)
  const store = memoryStore({ clock })
  await store.create(newRun('a'))
  const times: number[] = []
  for (let second = 0; second < 200; second += 1) {
    const { tasks, nextDueAt } = await store.sweep(10)
    if (tasks.length > 0) times.push(clock.now() / 1000)
    expect(nextDueAt).toBeGreaterThan(clock.now())
    await clock.advance(1000)
  }
  expect(times).toEqual([1, 3, 7, 15, 31, 63, 123, 183])
})

test('a run that has been given up counts its hints anew', async () => {
  const clock = manualClock(0)
  const store = memoryStore({ clock })
  await store.create(newRun('a'))
  await clock.advance(10_000)
  await store.sweep(10)
  await store.release((await own(store, 'a')).fence, { how: 'drain' })
  expect(await store.sweep(10)).toEqual({ tasks: [], nextDueAt: 11_000 })
})

test('nextDueAt is past when the limit left something out, and absent when nothing is to come', async () => {
  const clock = manualClock(0)
  const store = memoryStore({ clock })
  expect(await store.sweep(10)).toEqual({ tasks: [] })
  for (const id of ['a', 'b']) await store.create(newRun(id, { dueAt: 100 }))
  await clock.advance(200)
  const { tasks, nextDueAt } = await store.sweep(1)
  expect(tasks).toHaveLength(1)
  expect(nextDueAt).toBeLessThanOrEqual(200)
  for (const id of ['a', 'b']) await end(store, id)
  expect(await store.sweep(10)).toEqual({ tasks: [] })
})

test('a heartbeat tells of a signal once, and the next claim of all that are left', async () => {
  const clock = manualClock(0)
  const store = memoryStore({ clock })
  await store.create(newRun('a'))
  const { fence, run } = await own(store, 'a')
  const signal = (id: string): Promise<unknown> => store.signal('a', { id, name: 'n', payload: null })
  const news = async (): Promise<string[]> => ((await store.heartbeat([fence], 1000)).inbox.get('a') ?? []).map((one) => one.id)
  await signal('1')
  await signal('2')
  expect(await news()).toEqual(['1', '2'])
  await signal('3')
  await store.append(fence, run.seq, [], { consume: ['1'] })
  expect(await news()).toEqual(['3'])
  expect(await news()).toEqual([])
  await signal('4')
  await store.append(fence, run.seq, [], { consume: ['4', '2'] })
  expect(await news()).toEqual([])
  await clock.advance(2000)
  expect((await own(store, 'a')).inbox.map((one) => one.id)).toEqual(['3'])
})

test('a heartbeat that comes after the end of a lease, but before a takeover, keeps the run', async () => {
  const clock = manualClock(0)
  const store = memoryStore({ clock })
  await store.create(newRun('a'))
  const { fence } = await own(store, 'a', 1000)
  await clock.advance(1500)
  expect((await store.sweep(10)).tasks).toHaveLength(1)
  expect((await store.heartbeat([fence], 1000)).lost).toEqual([])
  expect(await store.claim({ workerId: 'x', leaseMs: 1000 })).toEqual([])
})

test('a wait until a time that has passed is over at once', async () => {
  const clock = manualClock(5000)
  const store = memoryStore({ clock })
  await store.create(newRun('a'))
  const task = await store.release((await own(store, 'a')).fence, { how: 'wait', dueAt: 4000 })
  expect(task?.runId).toBe('a')
  expect((await store.list({}, {})).runs[0]?.status).toBe('queued')
})

test('park takes the delivery back, quarantine leaves it as evidence', async () => {
  const store = memoryStore()
  for (const how of ['park', 'quarantine'] as const) {
    await store.create(newRun(how))
    await store.release((await own(store, how)).fence, { how })
  }
  const { runs } = await store.list({}, {})
  expect(runs.map((run) => [run.status, run.deliveries])).toEqual([
    ['quarantined', 1],
    ['paused', 0],
  ])
})

test('an event that names another position is refused', async () => {
  const store = memoryStore()
  await store.create(newRun('a'))
  const { fence, run } = await own(store, 'a')
  const event = { type: 'decision', effects: [], version: 1, seq: run.seq + 2, at: 0 } as const
  await expect(store.append(fence, run.seq, [event])).rejects.toMatchObject({ code: 'SEQUENCE_CONFLICT' })
  expect(await store.read('a', 1)).toHaveLength(run.seq)
})

test('a cursor that no listing gave is refused', async () => {
  await expect(memoryStore().list({}, { cursor: 'nonsense' })).rejects.toSatisfy((error) =>
    OpspawnError.is(error, 'OPTIONS_INVALID'),
  )
})

test('positions below 1 read from the start', async () => {
  const store = memoryStore()
  await store.create(newRun('a'))
  expect(await store.read('a', -5)).toHaveLength(1)
  expect(await store.read('a', 0, 1)).toHaveLength(1)
})

test('disposal forgets everything', async () => {
  const store = memoryStore()
  await store.create(newRun('a', { idempotencyKey: 'k' }))
  await store[Symbol.asyncDispose]?.()
  expect((await store.list({}, {})).runs).toEqual([])
  expect(await store.claim({ workerId: 'w', leaseMs: 1 })).toEqual([])
  expect((await store.create(newRun('a', { idempotencyKey: 'k' }))).created).toBe(true)
})
