import type { ContenderName } from '../contenders/contender.ts'
import { figuresOf } from './child-figures.ts'

/** What runs cost that wait in a SQLite file, and how late a wait ends. */
export function measureWaiting(): readonly (readonly [row: string, name: ContenderName, value: number])[] {
  return Object.entries(figuresOf('waiting-child.ts', [], ['--expose-gc'])).map(
    ([row, value]) => [row, 'opspawn', value] as const,
  )
}
