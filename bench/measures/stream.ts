import type { Contender } from '../contenders/contender.ts'
import type { Figures } from '../figures.ts'
import { job } from '../task.ts'
import { timePerRepetition } from './batches.ts'
import { streamChecked } from './checked-run.ts'

/** Microseconds per text delta, a run of 1,000 deltas through the streaming call to a consumer that counts them. */
export async function measureStream(contender: Contender): Promise<Figures> {
  const work = job({ deltas: 1_000 })
  const prepared = await contender.prepare(work)
  const ms = await timePerRepetition(async (times) => {
    for (let index = 0; index < times; index += 1) await streamChecked(prepared, work)
  })
  return { stream: (ms * 1_000) / work.deltas }
}
