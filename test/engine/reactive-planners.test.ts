import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent } from '../../src/index.ts'
import { call, gate, noting, planner } from './support/parts.ts'
import { signal } from './support/waits.ts'
import { closeAll, now, settle, until, world } from './support/world.ts'

afterEach(closeAll)

describe('reactive planners', () => {
  test('it is asked as each effect settles and may add more meanwhile', async () => {
    const gates = { a: gate<string>(), b: gate<string>(), c: gate<string>() }
    const tool = noting('step', ({ which }) => gates[which as 'a'].promise)
    const seen: string[][] = []
    const agent = defineAgent({
      name: 'flow',
      tools: [tool],
      planner: planner(
        (run) => {
          const done = run.settled.map((record) => record.effect.key)
          seen.push(done)
          if (run.decisions === 0)
            return { type: 'act', effects: [call('step', { which: 'a' }, 'a'), call('step', { which: 'b' }, 'b')] }
          if (done.includes('b') && !run.effects.has('c')) return { type: 'act', effects: [call('step', { which: 'c' }, 'c')] }
          return run.open > 0 ? { type: 'idle' } : { type: 'finish', output: done }
        },
        { reactive: true },
      ),
    })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await settle(clock)
    gates.b.open('b')
    await until(clock, 'c runs', () => tool.calls.length === 3)
    gates.c.open('c')
    await settle(clock)
    gates.a.open('a')
    expect(await now(clock, run.result)).toEqual({ status: 'completed', output: ['b', 'c', 'a'] })
    expect(seen).toContainEqual(['b'])
  })

  test('a planner that is not reactive is asked when all have settled', async () => {
    const gates = { a: gate<string>(), b: gate<string>() }
    const agent = defineAgent({
      name: 'flow',
      tools: [noting('step', ({ which }) => gates[which as 'a'].promise)],
      planner: planner((run) => {
        expect(run.open).toBe(0)
        if (run.decisions > 0) return { type: 'finish', output: run.settled.length }
        return { type: 'act', effects: [call('step', { which: 'a' }, 'a'), call('step', { which: 'b' }, 'b')] }
      }),
    })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await settle(clock)
    gates.a.open('')
    await settle(clock)
    gates.b.open('')
    expect(await now(clock, run.result)).toEqual({ status: 'completed', output: 2 })
  })

  test('it may wait for a signal beside work, and finish with whichever comes first', async () => {
    const agent = defineAgent({
      name: 'flow',
      tools: [noting('step', () => new Promise(() => {}))],
      planner: planner(
        (run) => {
          if (run.decisions === 0) return { type: 'act', effects: [call('step'), signal('stop')] }
          const first = run.settled[0]
          return first === undefined ? { type: 'idle' } : { type: 'finish', output: first.effect.key }
        },
        { reactive: true },
      ),
    })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await settle(clock)
    await run.signal('stop')
    expect(await now(clock, run.result)).toEqual({ status: 'completed', output: 'stop' })
  })

  test('signals that no wait has consumed are in the view', async () => {
    const agent = defineAgent({
      name: 'flow',
      planner: planner(
        (run) => {
          if (run.decisions === 0) return { type: 'act', effects: [signal('never')] }
          return run.signals.length < 2 ? { type: 'idle' } : { type: 'finish', output: run.signals.map(({ payload }) => payload) }
        },
        { reactive: true },
      ),
    })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await settle(clock)
    await run.signal('a', 1)
    await run.signal('b', 2)
    expect(await now(clock, run.result)).toEqual({ status: 'completed', output: [1, 2] })
  })
})
