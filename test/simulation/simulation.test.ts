import { expect, test } from 'vitest'
import { report, simulate } from './simulate.ts'

/** Played at every check; `npm run simulate` plays thousands. A seed over a file takes as long as ten over memory. */
const SEEDS = { memory: 200, sqlite: 200 }
/** Seeds of one test: few, so that a machine that is busy with other things gets through each in its time. */
const GROUP = 10

const counts: Record<string, Record<string, number>> = { memory: {}, sqlite: {} }

async function play(store: 'memory' | 'sqlite', from: number): Promise<void> {
  for (let seed = from; seed < from + GROUP; seed += 1) {
    const verdict = await simulate(seed, store)
    if (verdict.violations.length > 0) throw new Error(report(verdict))
    const all = counts[store] as Record<string, number>
    for (const [what, number] of Object.entries(verdict.counts)) all[what] = (all[what] ?? 0) + number
  }
}

const groups = (['memory', 'sqlite'] as const).flatMap((store) =>
  Array.from({ length: SEEDS[store] / GROUP }, (_, index) => ({ store, from: 1 + index * GROUP })),
)

test.each(groups)(
  '$store, seeds from $from on: nothing is lost, doubled, half written or repeated (S1, S2, S4, S5, S7, S8, S9, S10, S12)',
  { timeout: 600_000 },
  ({ store, from }) => play(store, from),
)

test.each(['memory', 'sqlite'] as const)('the storm over %s was neither too strong nor too weak', (store) => {
  const { completed = 0, cancelled = 0, failed = 0, signals = 0, unknown = 0, 'taken over': taken = 0 } = counts[store] ?? {}
  const share = SEEDS[store] / 100
  expect(completed).toBeGreaterThan(200 * share)
  expect(taken).toBeGreaterThan(100 * share)
  expect(cancelled).toBeGreaterThan(10 * share)
  expect(failed).toBeGreaterThan(10 * share)
  expect(signals).toBeGreaterThan(20 * share)
  expect(unknown).toBeGreaterThan(0)
})

test.each(['memory', 'sqlite'] as const)('a seed over %s plays the same story twice', async (store) => {
  const [first, second] = [await simulate(7, store), await simulate(7, store)]
  expect(first.trace.length).toBeGreaterThan(50)
  expect(second.trace).toEqual(first.trace)
})
