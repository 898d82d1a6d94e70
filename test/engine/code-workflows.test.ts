import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent } from '../../src/index.ts'
import { defineWorkflow } from '../../src/plugins/planner-code/index.ts'
import { expectFailure, guardFile, plan, play } from './harness.ts'
import { fleet } from './support/fleet.ts'
import { noting, type NotingTool } from './support/parts.ts'
import { closeAll, outcomeOf } from './support/world.ts'

guardFile()
afterEach(closeAll)

const echo = defineAgent({
  name: 'echo',
  planner: plan((run) => ({ type: 'finish', output: { heard: run.input } })),
  input: {},
  output: {},
}) as Agent

test('a function calls tools, agents, people and time, and its output is checked', async () => {
  const double = noting('double', ({ n }) => (n as number) * 2)
  const workflow = defineWorkflow(
    { name: 'sums', tools: [double], agents: [echo], input: { type: 'object', required: ['n'] }, output: { type: 'object' } },
    async (ctx, input) => {
      const { n } = input as { n: number }
      const [two, heard] = await Promise.all([ctx.tool(double, { n }), ctx.agent('echo', { n })])
      const { approved, by } = await ctx.approval('Go on?')
      await ctx.sleep('1h')
      return { two, heard, approved, by, news: await ctx.signal('news') }
    },
  ) as Agent
  const { outcome } = await play(workflow, {
    input: { n: 4 },
    agents: [echo],
    async meanwhile(run, clock) {
      await run.signal('news', 'rain')
      await clock.advance(0)
      await run.deny('approval', { by: 'ada' })
      await clock.advance(3_600_000)
    },
  })
  expect(outcome).toEqual({
    status: 'completed',
    output: { two: 8, heard: { heard: { n: 4 } }, approved: false, by: 'ada', news: 'rain' },
  })
  expectFailure(
    (await play(defineWorkflow({ name: 'bad', output: { type: 'integer' } }, () => 'text') as Agent)).outcome,
    'OUTPUT_INVALID',
  )
})

test('a race leaves the slower one to be cancelled', async () => {
  const slow = noting('slow', () => new Promise(() => {}))
  const workflow = defineWorkflow({ name: 'race', tools: [slow] }, async (ctx) =>
    Promise.race([ctx.tool('slow'), ctx.sleep('5s').then(() => 'late')]),
  ) as Agent
  const played = await play(workflow)
  expect(played.outcome).toEqual({ status: 'completed', output: 'late' })
  expect(played.effect('slow').status).toBe('cancelled')
})

test('cancelled while it waits, it ends, and is not run on', async () => {
  let reached = false
  const workflow = defineWorkflow({ name: 'long' }, async (ctx) => {
    await ctx.sleep('1d').catch(() => {
      reached = true
    })
    return 'done'
  }) as Agent
  const { outcome } = await play(workflow, {
    async meanwhile(run, clock) {
      await clock.advance(1000)
      await run.cancel('enough')
    },
  })
  expect(outcome.status).toBe('cancelled')
  expect(reached).toBe(false)
})

describe('a worker dies at every append of a workflow in code', async () => {
  function cast(): { agents: Agent[]; pay: NotingTool } {
    const pay = noting('pay', () => 'paid', { effect: 'unsafe' })
    const work = noting('work', ({ n }) => (n as number) + 1)
    const workflow = defineWorkflow({ name: 'outer', tools: [work, pay], agents: [echo] }, async (ctx) => {
      let n = 0
      for (let turn = 0; turn < 3; turn += 1) n = await ctx.tool<number>('work', { n })
      const [left, heard] = await Promise.all([ctx.tool<number>('work', { n }), ctx.agent('echo', n)])
      const at = ctx.now()
      await ctx.sleep('5s')
      const paid = await ctx.tool('pay', { at }).catch((error: { code: string }) => error.code)
      return { n, left, heard, paid, chance: ctx.random() }
    }) as Agent
    return { agents: [workflow, echo], pay }
  }
  const reference = await fleet(cast().agents)
  const ended = await outcomeOf(reference.clock, await reference.first.ops.start('outer', 'go', { runId: 'the-run' }))
  const count = reference.appends()
  await closeAll()

  test('the reference run is as expected', () => {
    expect(ended).toMatchObject({ status: 'completed', output: { n: 3, left: 4, heard: { heard: 3 }, paid: 'paid' } })
    expect(count).toBeGreaterThan(8)
  })

  describe.each(['before', 'after'] as const)('%s it is written', (moment) => {
    test.each(Array.from({ length: count }, (_, index) => index))(
      'append %i: another worker comes to the same end (S1, S2, S16)',
      async (dieAt) => {
        const { agents, pay } = cast()
        const group = await fleet(agents, { dieAt, moment })
        await group.first.ops.start('outer', 'go', { runId: 'the-run' })
        for (let step = 0; step < 20 && !group.isDead(); step += 1) await group.clock.advance(1000)
        expect(group.isDead()).toBe(true)
        const { ops } = await group.second()
        const outcome = await outcomeOf(group.clock, await ops.run('the-run'))
        expect(pay.calls.length).toBeLessThanOrEqual(1)
        const unknown = JSON.stringify(outcome).includes('EFFECT_UNKNOWN')
        const { output } = ended as { output: object }
        expect(outcome).toEqual({ status: 'completed', output: { ...output, ...(unknown ? { paid: 'EFFECT_UNKNOWN' } : {}) } })
      },
    )
  })
})
