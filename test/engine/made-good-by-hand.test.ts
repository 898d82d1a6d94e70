/** A run that ended for want of budget is not made good by itself; a fork of it that is cancelled is (0039, amended). */
import { afterEach, expect, test } from 'vitest'
import { loadWorkflow } from '../../src/plugins/planner-workflow/index.ts'
import { noting } from './support/parts.ts'
import { closeAll, outcomeOf, settle, world } from './support/world.ts'

afterEach(closeAll)

test('a workflow that is out of decisions is forked, cancelled, and what it did is undone', async () => {
  const act = noting('act', ({ what }) => `${what as string}-1`)
  const undo = noting('undo', () => 'undone', { effect: 'idempotent' })
  const workflow = await loadWorkflow(
    {
      name: 'flow',
      tasks: {
        book: { tool: 'act', with: { what: 'room' }, onFailure: 'unbook' },
        wait: { needs: 'book', signal: 'never' },
        unbook: { tool: 'undo', with: { what: '${{ tasks.book.output }}' } },
      },
    },
    { tools: [act, undo] },
  )
  const { ops, clock } = await world({ agents: [workflow] })
  const run = await ops.start('flow', null, { limits: { decisions: 1 } })
  const outcome = await outcomeOf(clock, run)
  expect(outcome).toMatchObject({ status: 'failed', error: { code: 'BUDGET_EXCEEDED' } })
  expect(undo.calls).toHaveLength(0)

  const fork = await ops.fork(run.id, { limits: { decisions: 10 } })
  await settle(clock, 10)
  expect(act.calls).toHaveLength(1)
  await fork.cancel('not wanted any more')
  const end = await outcomeOf(clock, fork)
  if (end.status !== 'cancelled') throw new Error(`the fork is ${end.status}`)
  const { compensation } = end.error.details as { readonly compensation: string }
  expect(await outcomeOf(clock, await ops.run(compensation))).toMatchObject({ status: 'completed' })
  expect(undo.calls.map(({ input }) => input)).toEqual([{ what: 'room-1' }])
})
