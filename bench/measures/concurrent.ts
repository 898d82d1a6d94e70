import type { Contender } from '../contenders/contender.ts'
import type { Figures } from '../worker.ts'
import { answerOf, job, tally } from '../task.ts'
import { time } from './batches.ts'
import { checkCalls, runChecked } from './checked-run.ts'

const runs = 1_000

/** 1,000 runs of 10 calls started at once in a young process: seconds until the last ends, and peak memory of the process in MiB. */
export async function measureConcurrent(contender: Contender): Promise<Figures> {
  const work = job({ calls: 10 })
  const prepared = await contender.prepare(work)
  await runChecked(prepared, work, 3) // what is loaded at first use is loaded now

  const before = tally.executed
  let answers: string[] = []
  const ms = await time(async () => {
    answers = await Promise.all(Array.from({ length: runs }, () => prepared.run()))
  })
  const wrong = answers.filter((answer) => answer !== answerOf(work)).length
  if (wrong > 0) throw new Error(`${wrong} of ${runs} answers are wrong`)
  checkCalls(before, runs * work.calls)
  return { concurrent: ms / 1_000, memory: process.resourceUsage().maxRSS / 1_024 }
}
