import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, type Effect, OpspawnError, type RunView } from '../../src/index.ts'
import { defineWorkflow } from '../../src/plugins/planner-code/index.ts'
import { loadWorkflow } from '../../src/plugins/planner-workflow/index.ts'
import { scriptedModel } from '../../src/testing/index.ts'
import { call, child, noting, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, now, ofType, outcomeOf, settle, until, world } from './support/world.ts'
import { fragile, strict, valueOf, keysOf } from './support/forks.ts'

afterEach(closeAll)

describe('retry: a fork of what failed', () => {
  test('an agent whose model call failed goes on from there: nothing that completed is done again', async () => {
    let down = true
    const model = scriptedModel(
      [
        ({ prompt }) => {
          const told = prompt.filter((message) => message.role === 'tool').length
          if (told === 0) return { toolCalls: [{ name: 'look', input: {} }] }
          if (down) throw new OpspawnError('MODEL_FAILED', 'no credit')
          return 'done'
        },
      ],
      { repeat: true },
    )
    const look = noting('look')
    const agent = defineAgent({ name: 'a', model, tools: [look] })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go', { session: 's', metadata: { ticket: 7 } })
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed', error: { code: 'MODEL_FAILED' } })
    const before = await historyOf(ops, run.id)
    const asked = model.calls.length

    down = false
    const fork = await ops.fork(run.id)
    expect(await outcomeOf(clock, fork)).toEqual({ status: 'completed', output: 'done' })
    expect(model.calls.length - asked).toBe(1)
    expect(look.calls).toHaveLength(1)
    expect(await ops.record(fork.id)).toMatchObject({
      forkOf: { runId: run.id },
      session: 's',
      metadata: { ticket: 7 },
      rootId: fork.id,
      depth: 0,
      spending: { used: { steps: 1 }, reserved: { steps: 0 } },
    })
    const after = await historyOf(ops, fork.id)
    expect(after.map(({ seq }) => seq)).toEqual(after.map((_, index) => index + 1))
    expect(after.every(({ at }, index) => index === 0 || at >= (after[index - 1]?.at ?? 0))).toBe(true)
    expect(ofType(after, 'run-claim')).toHaveLength(1)
    expect(await historyOf(ops, run.id), 'the other run stays as it is').toEqual(before)
  })

  test('of one decision only what failed is performed again, under another idempotency key', async () => {
    const { tool, mend } = fragile('bad')
    const good = noting('good')
    const effects = [call('good', {}, 'one'), call('bad', {}, 'two'), call('good', {}, 'three')]
    const agent = defineAgent({ name: 'a', tools: [good, tool], planner: strict(effects, [call('good', {}, 'last')]) })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed' })
    mend()
    const fork = await ops.fork(run.id)
    expect(await outcomeOf(clock, fork)).toEqual({ status: 'completed', output: ['good done'] })
    expect(keysOf(good.calls)).toEqual(['one', 'three', 'last'])
    expect(tool.calls).toHaveLength(2)
    expect(new Set(tool.calls.map(({ context }) => context.idempotencyKey)).size).toBe(2)
    expect(tool.calls.map(({ context }) => context.attempt)).toEqual([1, 1])
  })

  test('a failure that the planner went on from stays as it was', async () => {
    const tolerated = fragile('tolerated')
    const fatal = fragile('fatal')
    const decide = planner((run) => {
      if (run.decisions === 0) return { type: 'act', effects: [call('tolerated')] }
      if (run.decisions === 1) return { type: 'act', effects: [call('fatal')] }
      const { outcome } = run.effects.get('fatal') ?? {}
      if (outcome?.status === 'completed') return { type: 'finish', output: run.settled.map((one) => one.outcome?.status ?? '') }
      return { type: 'fail', error: { code: 'TOOL_FAILED', message: 'fatal', retryable: false } }
    })
    const agent = defineAgent({ name: 'a', tools: [tolerated.tool, fatal.tool], planner: decide })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await outcomeOf(clock, run)
    tolerated.mend()
    fatal.mend()
    expect(await outcomeOf(clock, await ops.fork(run.id))).toEqual({ status: 'completed', output: ['failed', 'completed'] })
    expect(tolerated.tool.calls).toHaveLength(1)
  })

  test('a fork that fails too can be forked again', async () => {
    const { tool, mend } = fragile('bad')
    const good = noting('good')
    const agent = defineAgent({ name: 'a', tools: [good, tool], planner: strict([call('good'), call('bad')]) })
    const { ops, clock } = await world({ agents: [agent] })
    const first = await ops.start(agent, 'go')
    await outcomeOf(clock, first)
    const second = await ops.fork(first.id)
    await outcomeOf(clock, second)
    mend()
    const third = await ops.fork(second.id)
    expect(await outcomeOf(clock, third)).toEqual({ status: 'completed', output: ['good done', 'bad done'] })
    expect(good.calls).toHaveLength(1)
    expect(await ops.record(third.id)).toMatchObject({ forkOf: { runId: second.id } })
  })

  test('a cancelled run goes on: children start anew, waits begin anew, signals are kept', async () => {
    const slow = noting('slow', (_input, { signal, agent }) => {
      if (slow.calls.length > 1) return `${agent} done`
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      })
    })
    const helper = defineAgent({ name: 'helper', tools: [slow], planner: stepsPlanner([call('slow')]) })
    const sleep: Effect = { kind: 'wait', key: 'sleep', for: { type: 'time', ms: 60_000 } }
    const news: Effect = { kind: 'wait', key: 'news', for: { type: 'signal', name: 'news' } }
    const agent = defineAgent({ name: 'chief', agents: [helper], planner: strict([child('helper'), sleep], [news]) })
    const { ops, clock } = await world({ agents: [agent, helper] })
    const run = await ops.start(agent, 'go')
    await until(clock, 'the child works', () => slow.calls.length === 1)
    await run.signal('news', 'early')
    await run.pause('wait a moment')
    await settle(clock)
    await run.cancel()
    await outcomeOf(clock, run)
    await clock.advance(120_000)

    const fork = await ops.fork(run.id)
    await clock.advance(59_000)
    expect(await now(clock, fork.result), 'its wait lasts as long as it would have').toBeUndefined()
    await clock.advance(2000)
    expect(await now(clock, fork.result)).toEqual({ status: 'completed', output: ['early'] })
    expect((await ops.list({ parentId: fork.id })).runs).toHaveLength(1)
    expect(ofType(await historyOf(ops, fork.id), 'signal').map(({ name }) => name)).toEqual(['news'])
  })

  test.each([
    ['an output that did not fit', { type: 'finish', output: 'no number' }],
    ['a planner that gave up', { type: 'fail', error: { code: 'PLAN_FAILED', message: 'no way', retryable: false } }],
  ] as const)('%s: the last decision is made once more', async (_name, end) => {
    let answer = 'bad'
    const first = noting('first')
    const second = noting('second', () => answer)
    const decide = planner((run) => {
      if (run.decisions === 0) return { type: 'act', effects: [call('first')] }
      if (run.decisions === 1) return { type: 'act', effects: [call('second')] }
      const value = valueOf(run.latest[0] as RunView['latest'][number])
      return value === 'bad' ? end : { type: 'finish', output: 5 }
    })
    const agent = defineAgent({
      name: 'a',
      tools: [first, second],
      planner: decide,
      output: { type: 'number' },
      limits: { repairs: 0 },
    })
    const { ops, clock } = await world({ agents: [agent as unknown as Agent] })
    const run = await ops.start('a', 'go')
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed' })
    answer = 'good'
    expect(await outcomeOf(clock, await ops.fork(run.id))).toEqual({ status: 'completed', output: 5 })
    expect([first.calls.length, second.calls.length]).toEqual([1, 2])
  })

  test('a planner that threw is asked again, and all that it had asked for stays', async () => {
    let broken = true
    const step = noting('step')
    const decide = planner((run) => {
      if (run.decisions === 0) return { type: 'act', effects: [call('step')] }
      if (broken) throw new Error('a slip')
      return { type: 'finish', output: 'mended' }
    })
    const agent = defineAgent({ name: 'a', tools: [step], planner: decide })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed', error: { code: 'PLANNER_FAILED' } })
    broken = false
    expect(await outcomeOf(clock, await ops.fork(run.id))).toEqual({ status: 'completed', output: 'mended' })
    expect(step.calls).toHaveLength(1)
  })

  test('a workflow does its failed task anew, and what comes behind it', async () => {
    const { tool, mend } = fragile('bad')
    const good = noting('good')
    const workflow = await loadWorkflow(
      {
        name: 'flow',
        tasks: {
          a: { tool: 'good' },
          b: { needs: 'a', tool: 'bad' },
          c: { needs: 'a', forEach: [{ n: 1 }, { n: 2 }, { n: 3 }], tool: 'good' },
          d: { needs: ['b', 'c'], tool: 'good' },
        },
      },
      { tools: [good, tool] },
    )
    const { ops, clock } = await world({ agents: [workflow as Agent] })
    const run = await ops.start('flow', {})
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed' })
    const done = good.calls.length
    mend()
    expect(await outcomeOf(clock, await ops.fork(run.id))).toMatchObject({ status: 'completed' })
    expect(done).toBe(4)
    expect(good.calls).toHaveLength(5)
    expect(tool.calls).toHaveLength(2)
  })

  test('a workflow in code replays what completed', async () => {
    const { tool, mend } = fragile('bad')
    const good = noting('good')
    const workflow = defineWorkflow({ name: 'code', tools: [good, tool] }, async (ctx) => {
      const [first] = await Promise.all([ctx.tool('good'), ctx.tool('bad')])
      return { first, second: await ctx.tool('good', {}, { name: 'second' }) } as never
    }) as Agent
    const { ops, clock } = await world({ agents: [workflow] })
    const run = await ops.start('code', {})
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed' })
    mend()
    expect(await outcomeOf(clock, await ops.fork(run.id))).toMatchObject({ status: 'completed' })
    expect(good.calls).toHaveLength(2)
  })
})
