import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, type TaskRef, type Tool } from '../../src/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { call, gate, noting, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, outcomeOf, settle, until, world } from './support/world.ts'
import { fastqScheduler, wrapScheduler } from './support/wrappers.ts'

afterEach(closeAll)

/** An agent that calls `work` with its input, two runs at once. */
function ofTwoPlaces(tool: Tool): Agent {
  return defineAgent({
    name: 'two',
    concurrency: 2,
    tools: [tool],
    planner: planner((run) =>
      run.decisions === 0 ? { type: 'act', effects: [call('work', { n: run.input })] } : { type: 'finish', output: 1 },
    ),
  }) as Agent
}

describe("an agent's places survive what schedulers may do to tasks", () => {
  test('runs that wait long for a place (and are hinted at again and again) do not use places up', async () => {
    const gates = Array.from({ length: 4 }, () => gate<string>())
    const tool = noting('work', ({ n }) => gates[n as number]?.promise)
    const agent = ofTwoPlaces(tool)
    const { ops, clock } = await world({ agents: [agent] })
    const runs = []
    for (let n = 0; n < 4; n += 1) runs.push(await ops.start('two', n))
    await until(clock, 'two run', () => tool.calls.length === 2)
    // Meanwhile the sweep tells of the two others several times.
    await clock.advance(20_000)
    gates[0]?.open('')
    await settle(clock)
    gates[1]?.open('')
    await settle(clock)
    for (const one of gates) one.open('')
    for (const run of runs) expect(await outcomeOf(clock, run, { steps: 70 })).toMatchObject({ status: 'completed' })
    const later = await Promise.all(Array.from({ length: 6 }, () => ops.start('two', 0)))
    for (const run of later) expect(await outcomeOf(clock, run, { steps: 70 })).toMatchObject({ status: 'completed' })
  })

  test('both places are still there when runs of several hints have ended one after the other', async () => {
    const gates = Array.from({ length: 4 }, () => gate<string>())
    let inside = 0
    let most = 0
    const tool = noting('work', async ({ n }) => {
      inside += 1
      most = Math.max(most, inside)
      await (gates[n as number]?.promise ?? new Promise(setImmediate))
      inside -= 1
      return null
    })
    const agent = ofTwoPlaces(tool)
    const { ops, clock } = await world({ agents: [agent] })
    for (let n = 0; n < 4; n += 1) await ops.start('two', n)
    await clock.advance(20_000)
    for (const one of gates) {
      one.open('')
      await settle(clock, 10)
    }
    most = 0
    const later = []
    for (let n = 4; n < 10; n += 1) later.push(await ops.start('two', n))
    for (const run of later) await outcomeOf(clock, run, { steps: 70 })
    expect(most).toBe(2)
  })

  test('a task that is lost after its place was kept does not use the place up', async () => {
    const clock = manualClock()
    const busy = gate()
    const tool = noting('work', () => busy.promise)
    const agent = defineAgent({ name: 'one', concurrency: 1, tools: [tool], planner: stepsPlanner([call('work')]) })
    const seen = new Map<string, number>()
    // Loses the second publication of each run: the one that comes when its place is free.
    const lossy = wrapScheduler(fastqScheduler(), async (tasks, pass) => {
      const kept: TaskRef[] = []
      for (const task of tasks) {
        const times = (seen.get(task.runId) ?? 0) + 1
        seen.set(task.runId, times)
        if (times !== 2) kept.push(task)
      }
      await pass(kept)
    })
    const { ops } = await world({ agents: [agent], scheduler: lossy, clock })
    const first = await ops.start(agent, '1')
    const second = await ops.start(agent, '2')
    await until(clock, 'one runs', () => tool.calls.length === 1)
    busy.open()
    expect(await outcomeOf(clock, first, { steps: 70 })).toMatchObject({ status: 'completed' })
    expect(await outcomeOf(clock, second, { steps: 70 })).toMatchObject({ status: 'completed' })
    expect(await outcomeOf(clock, await ops.start(agent, '3'), { steps: 70 })).toMatchObject({ status: 'completed' })
  })

  test('tasks that are delivered twice do not use places up', async () => {
    const clock = manualClock()
    const tool = noting('work')
    const agent = defineAgent({ name: 'one', concurrency: 1, tools: [tool], planner: stepsPlanner([call('work')]) })
    const doubling = wrapScheduler(fastqScheduler(), (tasks, pass) => pass(tasks.flatMap((task) => [task, task, task])))
    const { ops } = await world({ agents: [agent], scheduler: doubling, clock })
    const runs = await Promise.all(Array.from({ length: 8 }, (_, n) => ops.start(agent, String(n))))
    for (const run of runs) expect(await outcomeOf(clock, run, { steps: 70 })).toMatchObject({ status: 'completed' })
    expect(tool.calls).toHaveLength(8)
  })

  test('a run that waits gives its place back, a retry delay included', async () => {
    let tries = 0
    const flaky = noting(
      'work',
      () => {
        tries += 1
        if (tries === 1) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
        return 'ok'
      },
      { retry: { attempts: 3, baseMs: 60_000, maxMs: 60_000 } },
    )
    const agent = defineAgent({ name: 'one', concurrency: 1, tools: [flaky], planner: stepsPlanner([call('work')]) })
    const { ops, clock } = await world({ agents: [agent], random: () => 0.9 })
    const first = await ops.start(agent, '1')
    await until(clock, 'it failed once', () => tries === 1)
    const second = await ops.start(agent, '2')
    expect(await outcomeOf(clock, second, { steps: 3 })).toMatchObject({ status: 'completed' })
    expect(await outcomeOf(clock, first)).toMatchObject({ status: 'completed' })
  })
})
