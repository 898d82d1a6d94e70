import type { Contender } from '../contenders/contender.ts'
import type { Figures } from '../figures.ts'
import { job, type Job } from '../task.ts'
import { timePerRepetition } from './batches.ts'
import { runChecked } from './checked-run.ts'

/** Microseconds per step; a step is one model call with its tool call. */
export async function measureLoop(contender: Contender): Promise<Figures> {
  return {
    'loop-10': await perStep(contender, job({ calls: 10 })),
    'loop-100': await perStep(contender, job({ calls: 100 })),
    'loop-history': await perStep(contender, job({ calls: 10, history: 1_000 })),
  }
}

async function perStep(contender: Contender, work: Job): Promise<number> {
  const prepared = await contender.prepare(work)
  const ms = await timePerRepetition((times) => runChecked(prepared, work, times))
  return (ms * 1_000) / work.calls
}
