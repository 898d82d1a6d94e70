import type { Json, Run, RunOutcome } from '../../../src/index.ts'
import type { Workflow } from '../../../src/plugins/planner-workflow/index.ts'
import { flow } from './flows.ts'
import { noting, type NotingTool, untilAborted } from './parts.ts'
import { outcomeOf, type World } from './world.ts'

/** The id of the run that makes an ended one good. */
export function compensationOf(outcome: RunOutcome): string | undefined {
  if (outcome.status === 'completed') return undefined
  return (outcome.error.details as { compensation?: string } | undefined)?.compensation
}

/** The run that makes an ended one good, and what it came to. */
export async function made(at: Pick<World, 'ops' | 'clock'>, outcome: RunOutcome): Promise<{ run: Run; outcome: RunOutcome }> {
  const run = await at.ops.run(compensationOf(outcome) ?? 'none')
  return { run, outcome: await outcomeOf(at.clock, run) }
}

/** A workflow that is cancelled at `slow`, and what undoes it. */
export interface Shop {
  readonly workflow: Workflow
  readonly undone: NotingTool
  readonly slow: NotingTool
}

/** Books and pays, then waits for something that never comes; each can be undone. */
export async function shop(more: object = {}, options: object = {}): Promise<Shop> {
  const act = noting('act', ({ what }) => ({ id: `${what as string}-1` }))
  const undone = noting('undo', () => 'undone', { effect: 'idempotent' })
  const slow = noting('slow', untilAborted, { effect: 'idempotent' })
  const workflow = await flow(
    {
      book: { tool: 'act', with: { what: 'room' }, onFailure: 'unbook' },
      pay: { needs: 'book', tool: 'act', with: { what: 'bill' }, onFailure: 'refund' },
      send: { needs: 'pay', tool: 'slow', onFailure: 'recall' },
      rate: { needs: 'send', tool: 'act', with: { what: 'rate' }, onFailure: 'unrate' },
      unbook: { tool: 'undo', with: { what: '${{ tasks.book.output.id }}', of: '${{ run.id }}', for: '${{ input.who }}' } },
      refund: {
        tool: 'undo',
        with: { what: '${{ tasks.pay.output.id }}', code: '${{ failure.code }}', task: '${{ failure.task }}' },
      },
      recall: { tool: 'undo', with: { what: 'letter', was: '${{ tasks.send.status }}' } },
      unrate: { tool: 'undo' },
    },
    [act, undone, slow],
    more,
    options,
  )
  return { workflow, undone, slow }
}

/** What a tool was called with, in order. */
export const given = (tool: NotingTool): readonly Json[] => tool.calls.map(({ input }) => input)

/** What the shop undoes, backwards. */
export const backwards = (code: string, of: string): readonly Json[] => [
  { what: 'letter', was: 'failed' },
  { what: 'bill-1', code, task: '' },
  { what: 'room-1', of, for: 'ada' },
]
