import { afterEach, describe, expect, test } from 'vitest'
import { type Agent } from '../../src/index.ts'
import { loadWorkflow } from '../../src/plugins/planner-workflow/index.ts'
import { guardFile } from './harness.ts'
import { fleet } from './support/fleet.ts'
import { noting, type NotingTool } from './support/parts.ts'
import { closeAll, historyOf, ofType, outcomeOf } from './support/world.ts'
import { notesOf } from './support/flows.ts'

guardFile()
afterEach(closeAll)

describe('a worker dies at every append of a workflow', async () => {
  async function cast(): Promise<{ agents: Agent[]; pay: NotingTool }> {
    const pay = noting('pay', () => 'paid', { effect: 'unsafe' })
    const work = noting('work', ({ n }) => (n as number) * 2)
    const inner = await loadWorkflow({ name: 'inner', tasks: { w: { tool: 'work', with: { n: 21 } } } }, { tools: [work] })
    const outer = await loadWorkflow(
      {
        name: 'outer',
        tasks: {
          fan: { tool: 'work', forEach: [1, 2, 3, 4, 5], with: { n: '${{ item }}' }, concurrency: 2 },
          sub: { workflow: 'inner' },
          no: { needs: 'fan', if: 'tasks.fan.output[0] > 2', tool: 'work', with: { n: 0 } },
          nap: { needs: ['fan', 'sub'], sleep: '5s' },
          pay: { needs: ['nap'], tool: 'pay', failure: 'continue' },
        },
        output: {
          fan: '${{ tasks.fan.output }}',
          sub: '${{ tasks.sub.output.w }}',
          no: '${{ tasks.no.status }}',
          paid: '${{ tasks.pay.status }}',
        },
      },
      { tools: [work, pay], agents: [inner] },
    )
    return { agents: [outer, inner], pay }
  }
  const output = { fan: [2, 4, 6, 8, 10], sub: 42, no: 'skipped', paid: 'completed' }
  const reference = await fleet((await cast()).agents)
  const ended = await outcomeOf(reference.clock, await reference.first.ops.start('outer', 'go', { runId: 'the-run' }))
  const count = reference.appends()
  await closeAll()

  test('the reference run is as expected', () => {
    expect(ended).toEqual({ status: 'completed', output })
    expect(count).toBeGreaterThan(6)
  })

  describe.each(['before', 'after'] as const)('%s it is written', (moment) => {
    test.each(Array.from({ length: count }, (_, index) => index))(
      'append %i: another worker comes to the same end (S1, S2, S5)',
      async (dieAt) => {
        const { agents, pay } = await cast()
        const group = await fleet(agents, { dieAt, moment })
        await group.first.ops.start('outer', 'go', { runId: 'the-run' })
        for (let step = 0; step < 20 && !group.isDead(); step += 1) await group.clock.advance(1000)
        expect(group.isDead()).toBe(true)
        const { ops } = await group.second()
        const outcome = await outcomeOf(group.clock, await ops.run('the-run'))
        const history = await historyOf(ops, 'the-run')
        const asked = ofType(history, 'decision').flatMap(({ effects }) => effects.map(({ key }) => key))
        expect(asked.toSorted()).toEqual(['fan[0]', 'fan[1]', 'fan[2]', 'fan[3]', 'fan[4]', 'nap', 'pay', 'sub'])
        expect(pay.calls.length).toBeLessThanOrEqual(1)
        // An unsafe call that was interrupted is never made again: its outcome is unknown then, and the document goes on.
        const unknown = outcome.status === 'completed' && (outcome.output as { paid: string }).paid === 'failed'
        expect(outcome).toEqual({ status: 'completed', output: unknown ? { ...output, paid: 'failed' } : output })
        expect(notesOf(history)).toHaveLength(1)
      },
    )
  })
})
