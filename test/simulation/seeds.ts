import { expect, test } from 'vitest'
import type { BackendName } from './backends.ts'
import { report, simulate } from './simulate.ts'

/** Seeds of one test: few, so that a machine that is busy with other things gets through each in its time. */
const GROUP = 10

/** Registers tests that play these seeds, and one that looks whether the storm was of the right strength. `count` is a multiple of ten. */
export function playSeeds(store: BackendName, first: number, count: number): void {
  const counts: Record<string, number> = {}

  async function play(from: number): Promise<void> {
    for (let seed = from; seed < from + GROUP; seed += 1) {
      const verdict = await simulate(seed, store)
      if (verdict.violations.length > 0) throw new Error(report(verdict))
      for (const [what, number] of Object.entries(verdict.counts)) counts[what] = (counts[what] ?? 0) + number
    }
  }

  test.each(Array.from({ length: count / GROUP }, (_, index) => first + index * GROUP))(
    `${store}, seeds from %i on: nothing is lost, doubled, half written or repeated (S1, S2, S4, S5, S7, S8, S9, S10, S12)`,
    { timeout: 600_000 },
    play,
  )

  test(`the storm over ${store} was neither too strong nor too weak`, () => {
    const { completed = 0, cancelled = 0, failed = 0, signals = 0, unknown = 0, 'taken over': taken = 0 } = counts
    const share = count / 100
    expect(completed).toBeGreaterThan(200 * share)
    expect(taken).toBeGreaterThan(100 * share)
    expect(cancelled).toBeGreaterThan(10 * share)
    expect(failed).toBeGreaterThan(10 * share)
    expect(signals).toBeGreaterThan(20 * share)
    expect(unknown).toBeGreaterThan(0)
  })

  test(`a seed over ${store} plays the same story twice`, { timeout: 120_000 }, async () => {
    const [one, two] = [await simulate(first + 6, store), await simulate(first + 6, store)]
    expect(one.trace.length).toBeGreaterThan(50)
    expect(two.trace).toEqual(one.trace)
  })
}
