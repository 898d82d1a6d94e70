import type { Contender } from '../contenders/contender.ts'
import type { Figures } from '../figures.ts'
import { job, tally } from '../task.ts'
import { runChecked, streamChecked } from './checked-run.ts'

/** Before anything is timed: does the contender do the job, and keep invalid arguments out of the tool? */
export async function probe(contender: Contender): Promise<Figures> {
  const work = job({ calls: 3, history: 4 })
  await runChecked(await contender.prepare(work), work, 2)

  const streamed = job({ deltas: 5 })
  await streamChecked(await contender.prepare(streamed), streamed)

  const before = tally.executed
  const invalid = await contender.prepare(job({ calls: 1, invalid: true }))
  await invalid.run().catch(() => 'refused') // an error, or an answer after the model saw the tool's error: both will do
  if (tally.executed !== before) throw new Error('arguments that the schema forbids reached the tool')
  return {}
}
