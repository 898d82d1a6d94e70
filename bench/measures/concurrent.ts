import type { Contender } from '../contenders/contender.ts'
import type { Figures } from '../figures.ts'
import { answerOf, job, tally } from '../task.ts'
import { time } from './batches.ts'
import { checkCalls, runChecked } from './checked-run.ts'

const runs = 1_000
const storms = 6
const atMostMs = 6_000

/**
 * 1,000 runs of 10 calls started at once, again and again: seconds until the last ends, of the first time in a young
 * process, whose peak memory in MiB is taken then, and of the last time, when the code is warm. Whoever is slow is
 * asked fewer times.
 */
export async function measureConcurrent(contender: Contender): Promise<Figures> {
  const work = job({ calls: 10 })
  const prepared = await contender.prepare(work)
  await runChecked(prepared, work, 3) // what is loaded at first use is loaded now

  const storm = async (): Promise<number> => {
    const before = tally.executed
    let answers: string[] = []
    const ms = await time(async () => {
      answers = await Promise.all(Array.from({ length: runs }, () => prepared.run()))
    })
    const wrong = answers.filter((answer) => answer !== answerOf(work)).length
    if (wrong > 0) throw new Error(`${wrong} of ${runs} answers are wrong`)
    checkCalls(before, runs * work.calls)
    return ms
  }

  const start = performance.now()
  const first = await storm()
  const memory = process.resourceUsage().maxRSS / 1_024
  let last = await storm()
  for (let index = 2; index < storms && performance.now() - start < atMostMs; index += 1) last = await storm()
  return { concurrent: first / 1_000, 'concurrent-warm': last / 1_000, memory }
}
