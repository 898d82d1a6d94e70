import type { Contender, WorkflowShape } from '../contenders/contender.ts'
import { tally } from '../task.ts'
import type { Figures } from '../figures.ts'
import { timePerRepetition } from './batches.ts'

/** What each shape has in steps, and the sum that it must come to. */
const shapes: Readonly<Record<WorkflowShape, { readonly steps: number; readonly sum: number }>> = {
  linear: { steps: 10, sum: 10 },
  fan: { steps: 100, sum: 5050 },
}

/** Microseconds per step of a workflow; a contender without workflows has no figure. */
export async function measureWorkflow(contender: Contender): Promise<Figures> {
  const linear = await contender.workflow?.('linear')
  const fan = await contender.workflow?.('fan')
  if (linear === undefined || fan === undefined) return {}
  return { 'workflow-linear': await perStep(linear, 'linear'), 'workflow-fan': await perStep(fan, 'fan') }
}

async function perStep(run: () => Promise<number>, shape: WorkflowShape): Promise<number> {
  const { steps, sum } = shapes[shape]
  const ms = await timePerRepetition(async (times) => {
    const before = tally.executed
    for (let turn = 0; turn < times; turn += 1) {
      const came = await run()
      if (came !== sum) throw new Error(`the ${shape} workflow came to ${came}, not to ${sum}`)
    }
    const executed = tally.executed - before
    if (executed !== steps * times) throw new Error(`the tool was called ${executed} times, not ${steps * times}`)
  })
  return (ms * 1_000) / steps
}
