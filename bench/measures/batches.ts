import { median } from '../statistics.ts'

const warmUpMs = 1_000
const measureMs = 700
const batchMs = 15

/**
 * Milliseconds per repetition once warm: the median over batches that are long enough for the clock and
 * for their share of garbage collection. `repeat(n)` does the work n times.
 */
export async function timePerRepetition(repeat: (times: number) => Promise<void>): Promise<number> {
  let repetitions = 0
  const warm = performance.now()
  do {
    await repeat(1)
    repetitions += 1
  } while (performance.now() - warm < warmUpMs || repetitions < 2)

  // The pace of the second half of the warm-up is not known apart, so one batch is timed to size the others.
  const trial = Math.max(1, Math.round((repetitions * batchMs) / warmUpMs))
  const pace = (await time(() => repeat(trial))) / trial
  const size = Math.max(1, Math.round(batchMs / pace))

  const batches: number[] = []
  const start = performance.now()
  do {
    batches.push((await time(() => repeat(size))) / size)
  } while (performance.now() - start < measureMs || batches.length < 3)
  return median(batches)
}

export async function time(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
