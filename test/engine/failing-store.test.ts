import { afterEach, expect, test } from 'vitest'
import { defineAgent, OpspawnError, type Store } from '../../src/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { call, noting, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, ofType, outcomeOf, world } from './support/world.ts'
import { memoryStore, sharedStore } from './support/wrappers.ts'

afterEach(closeAll)

type Call = 'read' | 'append' | 'release'

/** A store whose calls of one kind fail a number of times, before they do anything or after they have done all. */
function failing(store: Store, which: Call, when: 'before' | 'after', times: number): Store {
  let left = times
  const through = async <T>(work: () => Promise<T>): Promise<T> => {
    if (left > 0 && when === 'before') {
      left -= 1
      throw new OpspawnError('STORE_FAILED', 'the connection broke')
    }
    const value = await work()
    if (left === 0) return value
    left -= 1
    throw new OpspawnError('STORE_FAILED', 'the connection broke')
  }
  const calls: Pick<Store, Call> = {
    read: (...given) => through(() => store.read(...given)),
    append: (...given) => through(() => store.append(...given)),
    release: (...given) => through(() => store.release(...given)),
  }
  return sharedStore(store, { [which]: calls[which] })
}

test.each([
  ['append', 'before', 1],
  ['append', 'before', 4],
  ['append', 'after', 1],
  ['append', 'after', 3],
  ['read', 'before', 2],
  ['release', 'before', 2],
] as const)('a store whose %s fails %s the deed, %i times, costs moments, not a lease', async (which, when, times) => {
  const clock = manualClock()
  const store = memoryStore({ clock })
  const pay = noting('pay', () => 'paid', { effect: 'unsafe' })
  const nap = { kind: 'wait', key: 'nap', for: { type: 'time', ms: 1500 } } as const
  const agent = defineAgent({ name: 'payer', tools: [pay], planner: stepsPlanner([call('pay')], [nap]) })
  const { ops, faults } = await world({ agents: [agent], clock, store: failing(store, which, when, times) })
  const run = await ops.start(agent, 'go')
  expect(await outcomeOf(clock, run, { steps: 40 })).toMatchObject({ status: 'completed' })
  expect(pay.calls).toHaveLength(1)
  const events = await historyOf(ops, run.id)
  expect(ofType(events, 'run-claim').length, 'claims: one, and one more after the nap').toBeLessThanOrEqual(2)
  expect(events.at(-1)?.at, 'well before the lease of 15 s runs out').toBeLessThan((events[0]?.at ?? 0) + 12_000)
  expect(faults.filter(({ failure }) => failure.code === 'STORE_FAILED').length).toBeGreaterThan(0)
})

test('a worker that lost its run while the store failed writes nothing more', async () => {
  const clock = manualClock()
  const store = memoryStore({ clock })
  let isCut = false
  const cut = async <T>(work: () => Promise<T>): Promise<T> => {
    if (isCut) throw new OpspawnError('STORE_FAILED', 'cut off')
    return work()
  }
  const slow = noting('slow', () => 'done')
  const agent = defineAgent({ name: 'walker', tools: [slow], planner: stepsPlanner([call('slow')]) })
  const { ops, faults } = await world({
    agents: [agent],
    clock,
    store: sharedStore(store, {
      append: (...given) => cut(() => store.append(...given)),
      heartbeat: (...given) => cut(() => store.heartbeat(...given)),
      claim: (...given) => cut(() => store.claim(...given)),
      sweep: (...given) => cut(() => store.sweep(...given)),
    }),
  })
  isCut = true
  const run = await ops.start(agent, 'go').catch(() => undefined)
  expect(run).toBeDefined()
  isCut = false
  await clock.advance(2_000)
  isCut = true
  await clock.advance(60_000)
  isCut = false
  const other = await world({ agents: [agent], clock, store: sharedStore(store) })
  expect(await outcomeOf(clock, await other.ops.run((run as { id: string }).id), { steps: 60 })).toMatchObject({
    status: 'completed',
  })
  expect(faults.every(({ failure }) => ['STORE_FAILED', 'LEASE_LOST'].includes(failure.code))).toBe(true)
})
