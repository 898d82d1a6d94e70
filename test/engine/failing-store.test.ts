import { afterEach, expect, test } from 'vitest'
import { defineAgent, OpspawnError, type Store } from '../../src/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { call, noting, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, ofType, outcomeOf, world } from './support/world.ts'
import { cuttable, memoryStore, sharedStore } from './support/wrappers.ts'

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
  const line = cuttable(store)
  const slow = noting('slow', () => 'done')
  const agent = defineAgent({ name: 'walker', tools: [slow], planner: stepsPlanner([call('slow')]) })
  const { ops, faults } = await world({
    agents: [agent],
    clock,
    store: line.store,
  })
  line.cut()
  const run = await ops.start(agent, 'go').catch(() => undefined)
  expect(run).toBeDefined()
  line.join()
  await clock.advance(2_000)
  line.cut()
  await clock.advance(60_000)
  line.join()
  const other = await world({ agents: [agent], clock, store: sharedStore(store) })
  expect(await outcomeOf(clock, await other.ops.run((run as { id: string }).id), { steps: 60 })).toMatchObject({
    status: 'completed',
  })
  expect(new Set(faults.map(({ failure }) => failure.code)), 'it noticed, and nothing else went wrong').toEqual(
    new Set(['STORE_FAILED']),
  )
})
