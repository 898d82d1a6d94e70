import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent, type Store } from '../../src/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { call, never, noting, stepsPlanner } from './support/parts.ts'
import { reaches, wait, words } from './support/pauses.ts'
import { closeAll, outcomeOf, until, world, type World } from './support/world.ts'
import { cuttable, memoryStore, sharedStore } from './support/wrappers.ts'

afterEach(closeAll)

describe('pause and crash', () => {
  test('a worker that dies while a paused run settles leaves it paused: the next one begins nothing', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const line = cuttable(store)
    const look = noting('look', (_input, { epoch }) => (epoch === 1 ? never() : 'seen'))
    const agent = defineAgent({ name: 'a', tools: [look], planner: stepsPlanner([call('look')]) })
    const first = await world({ agents: [agent], store: line.store, clock })
    const started = await first.ops.start(agent, 'go')
    await until(clock, 'the call is under way', () => look.calls.length === 1)
    await started.pause()
    await until(clock, 'it is on record', async () => words(await store.read(started.id, 1)).length === 1)
    line.cut()
    const second = await world({ agents: [agent], store: sharedStore(store), clock })
    await clock.advance(30_000)
    await reaches(second, started.id, 'paused')
    expect(look.calls).toHaveLength(1)
    const run = await second.ops.run(started.id)
    await run.resume()
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['seen'] })
  })

  /** Something is said to the run just before its worker releases it. */
  async function between(say: (store: Store, runId: string) => Promise<unknown>): Promise<World & { readonly id: string }> {
    const clock = manualClock()
    const store = memoryStore({ clock })
    let said = false
    const agent = defineAgent({ name: 'a', planner: stepsPlanner([wait(1)]) })
    const wrapped = sharedStore(store, {
      async release(...given) {
        if (!said && given[1].how === 'park') {
          said = true
          await say(store, given[0].runId)
        }
        return store.release(...given)
      },
    })
    const made = await world({ agents: [agent], store: wrapped, clock })
    const run = await made.ops.start(agent, 'go', { dueAt: clock.now() + 10 })
    await run.pause()
    return { ...made, id: run.id }
  }

  test('a resume that comes while the run is being set aside is heard', async () => {
    const resume = { id: 'opspawn.resume:1', name: 'opspawn.resume', payload: {} }
    const { clock, ops, id } = await between((store, runId) => store.signal(runId, resume))
    expect(await outcomeOf(clock, await ops.run(id))).toMatchObject({ status: 'completed' })
  })

  test('a cancellation that comes while the run is being set aside is heard', async () => {
    const cancel = { id: 'opspawn.cancel', name: 'opspawn.cancel', payload: { reason: '' } }
    const { clock, ops, id } = await between((store, runId) => store.signal(runId, cancel))
    expect(await outcomeOf(clock, await ops.run(id))).toMatchObject({ status: 'cancelled' })
  })
})
