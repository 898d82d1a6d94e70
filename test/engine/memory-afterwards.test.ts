/** What calls of a memory are when the run is over, or goes on elsewhere: in forks, replays and after crashes. */
import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent, type Memory } from '../../src/index.ts'
import { replay } from '../../src/orchestrator/index.ts'
import { inProcessMemory } from '../../src/plugins/memory-in-process/index.ts'
import { fleet } from './support/fleet.ts'
import { call, noting, planner, stepsPlanner } from './support/parts.ts'
import { recall, remember, textsAt, thinker } from './support/thinkers.ts'
import { closeAll, historyOf, outcomeOf, until, world } from './support/world.ts'

afterEach(closeAll)

describe('after the fact', () => {
  test('a fork has what was recalled, and asks again only what it decides anew; what was written is not written again', async () => {
    const memory = inProcessMemory()
    const asked: string[] = []
    const counting: Memory = {
      ...memory,
      bind: (...given) => {
        const handle = memory.bind(...given)
        return {
          ...handle,
          recall: (query, options) => {
            asked.push(query)
            return handle.recall(query, options)
          },
        }
      },
    }
    const agent = thinker(counting, [remember('otter')], [recall('otter')], [recall('second', { key: 'second' })])
    const { ops } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await run.result
    const fork = await ops.fork(run.id)
    await fork.result
    // The last decision is made once more, the one before it stands.
    expect(asked).toEqual(['otter', 'second', 'second'])
    expect(textsAt(await historyOf(ops, fork.id))).toEqual(['otter'])
    expect((await memory.stats('default')).records).toBe(1)
  })

  test('a replay decides the same, labels included', async () => {
    const secret = noting('secret', undefined, { labels: ['private'] })
    const agent = defineAgent({
      name: 'thinker',
      memory: inProcessMemory(),
      tools: [secret],
      planner: stepsPlanner([call('secret')], [remember('otter')], [recall('otter')]),
    })
    const { ops } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await run.result
    expect(await replay(await historyOf(ops, run.id), agent as never)).toMatchObject({ same: true })
  })

  describe.each(['before', 'after'] as const)('a worker that dies %s an append is written', (moment) => {
    test.each([0, 1, 2, 3, 4])('number %i: what it kept stands there once', async (dieAt) => {
      const memory = inProcessMemory()
      const agent = thinker(
        memory,
        [remember('otter')],
        [recall('otter')],
        [remember('zebra', 'again')],
        [recall('otter', { key: 'b' })],
      )
      const group = await fleet([agent], { dieAt, moment })
      await group.first.ops.start(agent, 'go', { runId: 'the-run' })
      await until(group.clock, 'the first worker dies', () => group.isDead())
      const { ops } = await group.second()
      expect(await outcomeOf(group.clock, await ops.run('the-run'))).toMatchObject({ status: 'completed' })
      expect(textsAt(await historyOf(ops, 'the-run'), 'b')).toContain('otter')
      expect((await memory.stats('default')).records).toBe(2)
    })
  })

  test('an agent that got a memory, or another one, is another definition', async () => {
    const hashOf = async (memory?: Memory): Promise<string> => {
      const planned = planner(() => ({ type: 'finish', output: 1 }))
      const agent = defineAgent({ name: 'a', planner: planned, ...(memory === undefined ? undefined : { memory }) })
      const { ops } = await world({ agents: [agent] })
      const run = await ops.start(agent, 'go')
      await run.result
      return (await ops.record(run.id)).definition
    }
    const hashes = [await hashOf(), await hashOf(inProcessMemory()), await hashOf(inProcessMemory({ name: 'other' }))]
    expect(new Set(hashes).size).toBe(3)
    expect(await hashOf(inProcessMemory())).toBe(hashes[1])
  })
})
