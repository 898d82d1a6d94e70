import type { Orchestrator, Run, RunOutcome } from '../../../src/index.ts'
import { ended, type ManualClock } from '../harness.ts'

/** How a run of `once` ends when all goes well. */
export const done: RunOutcome = { status: 'completed', output: 'done' }

/** Starts runs whose inputs are 0, 1, 2 and so on. */
export async function startMany(ops: Orchestrator, name: string, count: number): Promise<Run[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => ops.start(name, n)))
}

/** Lets all of them end, in order. */
export async function endAll(runs: readonly Run[], clock: ManualClock, limitMs?: number): Promise<RunOutcome[]> {
  const outcomes: RunOutcome[] = []
  for (const run of runs) outcomes.push(await ended(run, clock, limitMs))
  return outcomes
}
