import type { ContenderName } from '../contenders/contender.ts'
import { figuresOf } from './child-figures.ts'

const rounds = 3

/**
 * Recall from, and bulk writing to, a memory of 10,000 records in the process. The floor is the same by hand: for vectors a
 * loop over all of them, for words MiniSearch.
 */
export function measureMemory(): readonly (readonly [row: string, name: ContenderName, value: number])[] {
  return Array.from({ length: rounds }, () => figuresOf('memory-child.ts', [])).flatMap((figures) =>
    Object.entries(figures).map(([figure, value]) => {
      const [name, row] = figure.split(' ') as [ContenderName, string]
      return [row, name, value] as const
    }),
  )
}
