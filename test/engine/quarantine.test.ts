import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent, type Run } from '../../src/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { call, noting, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, now, ofType, outcomeOf, world, type World } from './support/world.ts'
import { memoryStore, sharedStore } from './support/wrappers.ts'

afterEach(closeAll)

interface Quarantined extends World {
  readonly run: Run
  /** From now on the store takes what the worker writes. */
  readonly mend: () => void
}

/** A run that was set aside, since its worker broke down at every append. */
async function quarantined(): Promise<Quarantined> {
  const clock = manualClock()
  const store = memoryStore({ clock })
  let bad = true
  const agent = defineAgent({ name: 'bad', tools: [noting('step')], planner: stepsPlanner([call('step')]) })
  const made = await world({
    agents: [agent],
    clock,
    store: sharedStore(store, {
      append: (...given) => (bad ? Promise.reject(new Error('the worker broke down')) : store.append(...given)),
    }),
  })
  const run: Run = await made.ops.start('bad', 'go')
  await clock.advance(300_000)
  expect(await made.ops.record(run.id)).toMatchObject({ status: 'quarantined', deliveries: 11 })
  return { ...made, run, mend: () => void (bad = false) }
}

describe('a run that keeps crashing its workers (S6)', () => {
  test('it is set aside after ten claims, a fault says so, and others are unaffected', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const step = noting('step')
    const bad = defineAgent({ name: 'bad', tools: [step], planner: stepsPlanner([call('step')]) })
    const good = defineAgent({ name: 'good', tools: [step], planner: stepsPlanner([call('step')]) })
    const { ops, faults } = await world({
      agents: [bad, good],
      clock,
      store: sharedStore(store, {
        append: (...given) =>
          given[0].runId === 'poison' ? Promise.reject(new Error('the worker broke down')) : store.append(...given),
      }),
    })
    const run = await ops.start(bad, 'go', { runId: 'poison' })
    const { result } = run
    const watching = (async () => {
      for await (const event of run) if (event.type === 'run-end') return
    })()
    for (const promise of [result, watching]) promise.catch(() => {})
    await clock.advance(300_000)
    expect(await ops.record('poison')).toMatchObject({ status: 'quarantined', deliveries: 11 })
    await expect(result, 'whoever waited since the start').rejects.toMatchObject({ code: 'RUN_QUARANTINED' })
    await expect(watching, 'whoever watched').rejects.toMatchObject({ code: 'RUN_QUARANTINED' })
    const later = await ops.run('poison')
    await expect(later.result, 'whoever comes later').rejects.toMatchObject({ code: 'RUN_QUARANTINED' })
    expect(faults.some(({ failure }) => failure.code === 'RUN_QUARANTINED')).toBe(true)
    expect(await now(clock, (await ops.start(good, 'go')).result)).toMatchObject({ status: 'completed' })
  })

  test('a run that was set aside can be cancelled', async () => {
    const { clock, run, mend } = await quarantined()
    mend()
    await run.cancel('give up')
    expect(await outcomeOf(clock, run, { steps: 10 })).toMatchObject({ status: 'cancelled' })
  })
})

describe('release from quarantine', () => {
  test('resume lets a quarantined run go on, its deliveries counted anew', async () => {
    const { clock, ops, run, mend } = await quarantined()
    await run.pause('is it not set aside already?')
    expect(await ops.record(run.id)).toMatchObject({ status: 'quarantined', deliveries: 11 })
    await expect(run.result).rejects.toMatchObject({
      code: 'RUN_QUARANTINED',
      message: expect.stringContaining('resume') as string,
    })
    mend()
    await run.resume({ by: 'ada' })
    expect(await outcomeOf(clock, await ops.run(run.id), { steps: 10 })).toEqual({ status: 'completed', output: ['step done'] })
    const signals = ofType(await historyOf(ops, run.id), 'signal').map(({ name, payload }) => [name, payload])
    expect(signals).toEqual([['opspawn.resume', { by: 'ada' }]])
  })
})
