import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, type Effect, type RunEvent } from '../../src/index.ts'
import { replay } from '../../src/orchestrator/index.ts'
import { defineWorkflow } from '../../src/plugins/planner-code/index.ts'
import { toolsPlanner } from '../../src/plugins/planner-tools/index.ts'
import { loadWorkflow } from '../../src/plugins/planner-workflow/index.ts'
import { scriptedModel } from '../../src/testing/index.ts'
import { call, noting, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, outcomeOf, world } from './support/world.ts'

afterEach(closeAll)

async function played(agent: Agent, input: unknown = 'go', others: readonly Agent[] = []): Promise<readonly RunEvent[]> {
  const { ops, clock } = await world({ agents: [agent, ...others] })
  const run = await ops.start(agent.name, input)
  await outcomeOf(clock, run)
  return historyOf(ops, run.id)
}

const look = noting('look', () => 'seen')

describe('the same planner decides the same', () => {
  test('an agent with a model, whose model and tools are not called', async () => {
    const model = scriptedModel([
      {
        toolCalls: [
          { name: 'look', input: { n: 1 } },
          { name: 'look', input: { n: 2 } },
        ],
      },
      'done',
    ])
    const agent = defineAgent({ name: 'a', model, tools: [look], planner: toolsPlanner() }) as unknown as Agent
    const history = await played(agent)
    const calls = [model.calls.length, look.calls.length]
    expect(await replay(history, agent)).toEqual({ same: true, decisions: 4 })
    expect([model.calls.length, look.calls.length]).toEqual(calls)
  })

  test('a workflow that leaves notes, one that fails, and one in code', async () => {
    const bad = noting('bad', () => {
      throw new Error('broken')
    })
    for (const tool of ['look', 'bad']) {
      const tasks = {
        a: { tool: 'look' },
        b: { if: 'false', tool: 'look' },
        c: { needs: 'a', forEach: [{ n: 1 }, { n: 2 }], tool },
        d: { needs: ['c'], tool: 'look' },
      }
      const workflow = (await loadWorkflow({ name: 'flow', tasks }, { tools: [look, bad] })) as Agent
      const history = await played(workflow, {})
      expect(history.at(-1)).toMatchObject({ outcome: { status: tool === 'look' ? 'completed' : 'failed' } })
      expect(await replay(history, workflow)).toMatchObject({ same: true })
    }
    const code = defineWorkflow({ name: 'code', tools: [look] }, async (ctx) => {
      await ctx.sleep('1s')
      return [ctx.now(), ...(await Promise.all([ctx.tool('look'), ctx.tool('look')]))] as never
    }) as Agent
    expect(await replay(await played(code, {}), code)).toEqual({ same: true, decisions: 3 })
  })

  test('outputs that a schema rejects and changes', async () => {
    const output = {
      '~standard': { version: 1, vendor: 'test', validate: check, jsonSchema: { input: () => ({}), output: () => ({}) } },
    }
    function check(value: unknown) {
      return typeof value === 'number' ? { value: value * 2 } : { issues: [{ message: 'no number' }] }
    }
    const mending = planner((run) => ({ type: 'finish', output: run.rejectedNow ? 4 : 'four' }))
    const agent = defineAgent({ name: 'a', planner: mending, output: output as never }) as unknown as Agent
    const history = await played(agent)
    expect(history.at(-1)).toMatchObject({ outcome: { output: 8 } })
    expect(await replay(history, agent)).toEqual({ same: true, decisions: 2 })
    const stubborn = { ...agent, planner: planner(() => ({ type: 'finish', output: 'four' })) }
    const failed = await played(stubborn)
    expect(failed.at(-1)).toMatchObject({ outcome: { status: 'failed', error: { code: 'OUTPUT_INVALID' } } })
    expect(await replay(failed, stubborn)).toEqual({ same: true, decisions: 2 })
  })

  test('an end with a state and messages, before and after an output was rejected', async () => {
    const decide = planner((run) => {
      if (run.rejectedNow) return { type: 'finish', output: 4 }
      const text = [{ type: 'text', text: 'four' }] as const
      const messages = [{ role: 'assistant', content: text }] as const
      return { type: 'finish', output: 'four', messages, ...(run.state === undefined && { state: 'left' }) }
    })
    const plain = defineAgent({ name: 'a', planner: decide }) as unknown as Agent
    const history = await played(plain)
    expect(history.map(({ type }) => type)).toEqual(['run-start', 'run-claim', 'decision', 'run-end'])
    expect(await replay(history, plain)).toEqual({ same: true, decisions: 1 })
    const checked = { ...plain, output: { type: 'number' } } as unknown as Agent
    expect(await replay(await played(checked), checked)).toEqual({ same: true, decisions: 2 })
  })

  test('a run that was cancelled, and one that is not over', async () => {
    const wait = { kind: 'wait', key: 'wait', for: { type: 'signal', name: 'news' } } as const
    const agent = defineAgent({ name: 'a', tools: [look], planner: stepsPlanner([call('look')], [wait]) }) as unknown as Agent
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start('a', 'go')
    await clock.advance(1000)
    await run.cancel()
    await outcomeOf(clock, run)
    const history = await historyOf(ops, run.id)
    expect(await replay(history, agent)).toEqual({ same: true, decisions: 2 })
    expect(await replay(history.slice(0, 4), agent)).toEqual({ same: true, decisions: 1 })
  })
})

describe('a changed planner is found out', () => {
  const agent = (...steps: Effect[][]): Agent =>
    defineAgent({ name: 'a', tools: [look], planner: stepsPlanner(...steps) }) as unknown as Agent

  test('the first difference, with both sides', async () => {
    const history = await played(agent([call('look')], [call('look', { n: 1 }, 'two')], [call('look', {}, 'three')]))
    const changed = agent([call('look')], [call('look', { n: 2 }, 'two')], [call('look', {}, 'other')])
    const seq = history.filter(({ type }) => type === 'decision')[1]?.seq
    expect(await replay(history, changed)).toEqual({
      same: false,
      seq,
      path: '/effects/0/input/n',
      recorded: { type: 'act', effects: [call('look', { n: 1 }, 'two')] },
      present: { type: 'act', effects: [call('look', { n: 2 }, 'two')] },
    })
  })

  test('one that ends earlier, later or otherwise', async () => {
    const history = await played(agent([call('look')]))
    expect(await replay(history, agent())).toMatchObject({ same: false, path: '/type', present: { type: 'finish' } })
    expect(await replay(history, agent([call('look')], [call('look', {}, 'more')]))).toMatchObject({
      same: false,
      seq: history.length,
      recorded: { type: 'finish', output: ['seen'] },
      present: { type: 'act' },
    })
    const other = planner((run) =>
      run.decisions === 0 ? { type: 'act', effects: [call('look')] } : { type: 'finish', output: 'x' },
    )
    expect(await replay(history, { ...agent(), planner: other })).toMatchObject({
      same: false,
      path: '/output',
      present: { output: 'x' },
    })
  })

  test('one that throws, fails otherwise, or leaves another state', async () => {
    const failing = (message: string, state?: string) =>
      defineAgent({
        name: 'a',
        planner: planner(() => ({
          type: 'fail',
          error: { code: 'PLAN_FAILED', message, retryable: false },
          ...(state && { state }),
        })),
      }) as unknown as Agent
    const history = await played(failing('no way', 'tired'))
    expect(await replay(history, failing('no way', 'tired'))).toEqual({ same: true, decisions: 1 })
    expect(await replay(history, failing('no time', 'tired'))).toMatchObject({ same: false, path: '/error/message' })
    expect(await replay(history, failing('no way', 'fresh'))).toMatchObject({ same: false, path: '/state' })
    expect(await replay(history, failing('no way'))).toMatchObject({ same: false, path: '/state' })
    const throwing = planner(() => {
      throw new Error('a slip')
    })
    expect(await replay(history, { ...failing(''), planner: throwing })).toMatchObject({
      same: false,
      present: { type: 'fail', error: { code: 'PLANNER_FAILED' } },
    })
  })

  test('a workflow in code that asks for something else', async () => {
    const code = (key: string) =>
      defineWorkflow(
        { name: 'code', tools: [look] },
        async (ctx) => [await ctx.tool('look', { key }), await ctx.tool('look')] as never,
      ) as Agent
    const result = await replay(await played(code('a'), {}), code('b'))
    expect(result).toMatchObject({ same: false, path: '/effects/0/input/key' })
  })

  test('a tool that is forbidden now', async () => {
    const shows = planner((run) => ({ type: 'finish', output: run.tools.map(({ name }) => name) }))
    const shown = defineAgent({ name: 'a', tools: ['look'], planner: shows }) as unknown as Agent
    const { ops, clock } = await world({ agents: [shown], plugins: [look] })
    const run = await ops.start('a', 'go')
    await outcomeOf(clock, run)
    const history = await historyOf(ops, run.id)
    expect(await replay(history, shown, { plugins: [look] })).toMatchObject({ same: true })
    const policy = { rules: [{ verdict: 'deny', tool: 'look' }] } as const
    expect(await replay(history, shown, { plugins: [look], policy })).toMatchObject({ same: false, path: '/output/0' })
  })
})

test('what is no history, or no agent, is refused', async () => {
  const agent = defineAgent({ name: 'a', planner: stepsPlanner() }) as unknown as Agent
  for (const events of [[], undefined, [{ type: 'run-claim' }]])
    await expect(replay(events as never, agent)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
  const history = await played(agent)
  await expect(replay(history, { ...agent, planner: undefined })).rejects.toMatchObject({ code: 'AGENT_INVALID' })
  await expect(replay(history, agent, { store: {} } as never)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
})
