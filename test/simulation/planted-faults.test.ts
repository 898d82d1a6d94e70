import { expect, test } from 'vitest'
import { PLANTS, type Plant } from './plants.ts'
import { simulate } from './simulate.ts'

/** Seeds within which a planted fault must have been found; a zombie that meets its successor at work is rare. */
const SEEDS = 600

/** The rules that a plant was seen to break, and the first seed that shows the wanted one. */
async function hunt(make: () => Plant, breaks: string): Promise<{ seed: number; rules: string[] }> {
  const rules = new Set<string>()
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { violations } = await simulate(seed, 'memory', make())
    for (const { rule } of violations) rules.add(rule)
    if (rules.has(breaks)) return { seed, rules: [...rules] }
  }
  return { seed: 0, rules: [...rules] }
}

test.each(Object.entries(PLANTS))('a store or a tool that %s is found out', async (_name, { make, breaks }) => {
  const { seed, rules } = await hunt(make, breaks)
  expect(seed, `${breaks} held in ${SEEDS} seeds; broken: ${rules.join(', ') || 'nothing'}`).toBeGreaterThan(0)
})
