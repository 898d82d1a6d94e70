/** A worker that is cut off from its store gives up one run after the other, also one whose driver cannot end. */
import { afterEach, expect, test } from 'vitest'
import { defineAgent, OpspawnError } from '../../src/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { call, never, noting, stepsPlanner } from './support/parts.ts'
import { closeAll, world } from './support/world.ts'
import { memoryStore, wrapStore } from './support/wrappers.ts'

afterEach(closeAll)

/** A clock with which nothing goes on for ever: so many timers, and no more. */
function countingClock(most: number) {
  const inner = manualClock()
  let timers = 0
  return {
    ...inner,
    get pending() {
      return inner.pending
    },
    setTimer(ms: number, callback: () => void) {
      timers += 1
      if (timers > most) throw new Error(`more than ${most} timers were set by ${inner.elapsed()} ms`)
      return inner.setTimer(ms, callback)
    },
  }
}

test('a run that was given up while its driver waits for the store is not looked at again and again (S7)', async () => {
  const clock = countingClock(500)
  const store = memoryStore({ clock })
  const { ops, faults } = await world({
    clock,
    agents: [defineAgent({ name: 'walker', tools: [noting('step', never)], planner: stepsPlanner([call('step')]) })],
    store: wrapStore(store, {
      heartbeat: async () => {
        throw new OpspawnError('STORE_FAILED', 'the connection broke')
      },
      append: (fence, ...given) => (fence.runId === 'stuck' ? never() : store.append(fence, ...given)),
    }),
  })
  await ops.start('walker', 'go', { runId: 'stuck' })
  await clock.advance(700)
  await ops.start('walker', 'go', { runId: 'other' })
  await clock.advance(13_500)
  const lost = (): unknown[] => faults.filter(({ failure }) => failure.code === 'LEASE_LOST').map(({ context }) => context.runId)
  expect(lost()).toEqual(['other'])
  await clock.advance(60_000)
  expect(lost()).not.toContain('stuck')
})
