import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent, OpspawnError } from '../../src/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { call, gate, never, noting, stepsPlanner, untilAborted } from './support/parts.ts'
import { closeAll, historyOf, ofType, outcomeOf, settle, until, world } from './support/world.ts'
import { cuttable, memoryStore, sharedStore } from './support/wrappers.ts'

afterEach(closeAll)

describe('zombies (S7)', () => {
  async function zombie() {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const late = gate<string>()
    const tool = noting('step', (_input, context) => (context.epoch === 1 ? late.promise : 'new owner'))
    const agent = defineAgent({ name: 'walker', tools: [tool], planner: stepsPlanner([call('step')]) })
    const appends: unknown[] = []
    const line = cuttable(store, {
      append: (...given) => {
        const appending = store.append(...given)
        appending.then(
          () => appends.push('written'),
          (error: unknown) => appends.push((error as OpspawnError).code),
        )
        return appending
      },
    })
    const first = await world({ agents: [agent], clock, store: line.store })
    const run = await first.ops.start(agent, 'go')
    await until(clock, 'the body is entered', () => tool.calls.length === 1)
    line.cut()
    const second = await world({ agents: [agent], store: sharedStore(store), clock })
    return { clock, store, first, second, run, tool, late, appends, heal: line.join }
  }

  test('a worker that cannot reach its store stops by itself before its leases run out', async () => {
    const { clock, tool } = await zombie()
    await clock.advance(14_999)
    const { signal } = tool.calls[0]?.context ?? {}
    expect(signal?.aborted).toBe(true)
    expect(OpspawnError.is(signal?.reason, 'LEASE_LOST')).toBe(true)
  })

  test('a worker whose heartbeat never comes back stops by itself too', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const tool = noting('step', untilAborted)
    const agent = defineAgent({ name: 'walker', tools: [tool], planner: stepsPlanner([call('step')]) })
    const { ops } = await world({ agents: [agent], clock, store: sharedStore(store, { heartbeat: () => never() }) })
    await ops.start(agent, 'go')
    await until(clock, 'the body is entered', () => tool.calls.length === 1)
    await clock.advance(14_999)
    expect(tool.calls[0]?.context.signal.aborted).toBe(true)
  })

  test('what the old owner writes late is refused whole, and the run has one result', async () => {
    const { clock, second, run, late, appends, tool } = await zombie()
    const handle = await second.ops.run(run.id)
    expect(await outcomeOf(clock, handle)).toEqual({ status: 'completed', output: ['new owner'] })
    const before = await historyOf(second.ops, run.id)
    late.open('old owner')
    await settle(clock)
    expect(await historyOf(second.ops, run.id)).toEqual(before)
    expect(ofType(before, 'effect-end')).toHaveLength(1)
    expect(appends.filter((one) => one === 'written')).toHaveLength(1)
    expect(tool.calls).toHaveLength(2)
  })

  test('a paused worker (no clock, no heartbeat) that writes after the takeover gets LEASE_LOST', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const late = gate<string>()
    const tool = noting('step', (_input, context) => (context.epoch === 1 ? late.promise : never()))
    const agent = defineAgent({ name: 'walker', tools: [tool], planner: stepsPlanner([call('step')]) })
    // A clock of its own that stands still: its process is stopped while the world goes on.
    const codes: string[] = []
    const stopped = await world({
      agents: [agent],
      clock: manualClock(clock.now()),
      store: sharedStore(store, {
        append: async (...given) => {
          try {
            return await store.append(...given)
          } catch (error) {
            codes.push((error as OpspawnError).code)
            throw error
          }
        },
      }),
    })
    const run = await stopped.ops.start(agent, 'go')
    await until(stopped.clock, 'the body is entered', () => tool.calls.length === 1)
    const second = await world({ agents: [agent], store: sharedStore(store), clock })
    await clock.advance(20_000)
    await until(clock, 'the second worker runs it', () => tool.calls.length === 2)
    late.open('zombie')
    await settle(stopped.clock)
    expect(codes).toEqual(['LEASE_LOST'])
    expect(stopped.faults).toMatchObject([{ failure: { code: 'LEASE_LOST' }, context: { runId: run.id } }])
    expect(ofType(await store.read(run.id, 1), 'effect-end')).toEqual([])
    expect(second.faults).toEqual([])
  })

  test('the agent of a worker that lost its run is not active any more', async () => {
    const { clock, first } = await zombie()
    await clock.advance(16_000)
    await settle(clock)
    expect(first.ops.agents()[0]).toMatchObject({ status: 'idle', runs: [] })
  })

  test('a worker that comes back takes up work again', async () => {
    const { clock, first, heal } = await zombie()
    await clock.advance(16_000)
    heal()
    const again = await first.ops.start('walker', 'again')
    void again
    await clock.advance(2000)
    expect((await first.ops.list({ status: ['queued'] })).runs).toEqual([])
  })
})
