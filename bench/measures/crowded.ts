import type { ContenderName } from '../contenders/contender.ts'
import { figuresOf } from './child-figures.ts'

/** What finished runs cost those that are not: microseconds per call in an empty file, told as the floor, and beside 100,000. */
export function measureCrowded(): readonly (readonly [row: string, name: ContenderName, value: number])[] {
  return (['floor', 'opspawn'] as const).flatMap((name) => {
    const figures = figuresOf('crowded-child.ts', [name === 'floor' ? '0' : '100000'])
    return Object.entries(figures).map(([row, value]) => [row, name, value] as const)
  })
}
