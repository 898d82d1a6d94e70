import type { Prepared } from '../contenders/contender.ts'
import { answerOf, tally, type Job } from '../task.ts'

/** Runs a job so many times, one after the other, and refuses a wrong answer or a wrong count of tool calls. */
export async function runChecked(prepared: Prepared, work: Job, times: number): Promise<void> {
  const before = tally.executed
  const expected = answerOf(work)
  for (let index = 0; index < times; index += 1) {
    const answer = await prepared.run()
    if (answer !== expected) throw new Error(`wrong answer ${JSON.stringify(answer)}, expected ${JSON.stringify(expected)}`)
  }
  checkCalls(before, work.calls * times)
}

export function checkCalls(before: number, expected: number): void {
  const calls = tally.executed - before
  if (calls !== expected) throw new Error(`${calls} tool calls, expected ${expected}`)
}

/** One streamed run; refuses a wrong number of deltas. */
export async function streamChecked(prepared: Prepared, work: Job): Promise<void> {
  let deltas = 0
  await prepared.stream((text) => {
    if (text.length > 0) deltas += 1
  })
  if (deltas !== work.deltas) throw new Error(`${deltas} text deltas, expected ${work.deltas}`)
}
