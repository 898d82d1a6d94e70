/** What a worker counts for metrics: hints that led to nothing, and how long its event loop was held up. */
import { afterEach, expect, test } from 'vitest'
import { type Clock, createOrchestrator, defineAgent, type TaskRef } from '../../src/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { call, never, noting, stepsPlanner } from './support/parts.ts'
import { closeAll, outcomeOf, settle, world } from './support/world.ts'
import { fastqScheduler } from './support/wrappers.ts'

afterEach(closeAll)

const walker = () => defineAgent({ name: 'walker', tools: [noting('step')], planner: stepsPlanner([call('step')]) })

test('a hint of a run that is unknown or has ended, or that came before, is dropped and counted (case 18)', async () => {
  const clock = manualClock()
  const scheduler = fastqScheduler()
  const { ops } = await world({ clock, agents: [walker()], scheduler })
  expect(ops.counts()).toEqual({ hints: 0, dropped: 0, claims: 0, blockedMs: 0, longestBlockMs: 0 })
  const run = await ops.start('walker', 'go')
  await outcomeOf(clock, run)
  expect(ops.counts()).toMatchObject({ hints: 1, dropped: 0, claims: 1 })
  const task: TaskRef = { runId: run.id, queue: 'default', agent: 'walker' }
  await scheduler.publish([task, task, { ...task, runId: 'unknown' }, { ...task, agent: 'unknown' }])
  await settle(clock)
  expect(ops.counts()).toMatchObject({ hints: 5, dropped: 4, claims: 1 })
})

test('an orchestrator that does not work counts nothing', async () => {
  const { ops, clock } = await world({ agents: [walker()], work: false })
  await ops.start('walker', 'go')
  await clock.advance(10_000)
  expect(ops.counts()).toEqual({ hints: 0, dropped: 0, claims: 0, blockedMs: 0, longestBlockMs: 0 })
})

test('how long the event loop is held up is counted from a second on, until the worker stops (case 8)', async () => {
  const inner = manualClock()
  let heldUpMs = 0
  // The time goes on while no timer fires.
  const clock: Clock = {
    now: () => inner.now() + heldUpMs,
    elapsed: () => inner.now() + heldUpMs,
    setTimer: (ms, callback) => inner.setTimer(ms, callback),
  }
  const busy = defineAgent({ name: 'busy', tools: [noting('step', never)], planner: stepsPlanner([call('step')]) })
  const ops = await createOrchestrator({ agents: [busy], clock, announce: false })
  await inner.advance(10_000)
  // While there is no work, nothing can be held up, and nobody looks.
  heldUpMs += 5_000
  await inner.advance(2_000)
  await ops.start(busy, 'go')
  await inner.advance(20_000)
  heldUpMs += 900
  await inner.advance(2_000)
  expect(ops.counts()).toMatchObject({ blockedMs: 0, longestBlockMs: 0 })
  for (const ms of [8_000, 3_000]) {
    heldUpMs += ms
    await inner.advance(2_000)
  }
  expect(ops.counts()).toMatchObject({ blockedMs: 11_000, longestBlockMs: 8_000 })
  await Promise.all([ops.drain(1), inner.advance(5_000)])
  heldUpMs += 8_000
  await inner.advance(2_000)
  expect(ops.counts()).toMatchObject({ blockedMs: 11_000, longestBlockMs: 8_000 })
  await ops.close()
  expect(inner.pending).toBe(0)
})
