import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Contender } from '../contenders/contender.ts'
import type { Figures } from '../figures.ts'
import { job } from '../task.ts'
import { runChecked } from './checked-run.ts'

/**
 * The young generation is made so large that nothing is collected while the runs are counted; then the growth
 * of the used heap is what was allocated, garbage included. A collection seen all the same halves the number of
 * runs and counts again. Buffers outside the JavaScript heap are not counted.
 */
export const allocFlags: readonly string[] = ['--expose-gc', '--min-semi-space-size=512', '--max-semi-space-size=512']

/** As long as for the timed rows, and more: code that is not optimised yet allocates more than it will. */
const warmUpMs = 2_000
const atMostRuns = 64

/** KiB allocated per run of 10 calls. */
export async function measureAlloc(contender: Contender): Promise<Figures> {
  const work = job({ calls: 10 })
  const prepared = await contender.prepare(work)
  const start = performance.now()
  do await runChecked(prepared, work, 1)
  while (performance.now() - start < warmUpMs)

  let collections = 0
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length
  })
  observer.observe({ entryTypes: ['gc'] })
  for (let runs = atMostRuns; runs >= 1; runs = Math.floor(runs / 2)) {
    globalThis.gc?.()
    await nextTurn()
    await nextTurn() // the observer hears of a collection a turn later
    collections = 0
    const before = process.memoryUsage().heapUsed
    await runChecked(prepared, work, runs)
    const after = process.memoryUsage().heapUsed
    await nextTurn()
    await nextTurn()
    if (collections === 0) return { alloc: (after - before) / 1_024 / runs }
  }
  throw new Error('not one run without a garbage collection')
}
