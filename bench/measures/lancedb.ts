import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ContenderName } from '../contenders/contender.ts'
import { figuresOf } from './child-figures.ts'

/** Each in a process and a folder of its own: the part, rows, and numbers of a vector. */
const parts: readonly (readonly [part: string, rows: number, dims: number])[] = [
  ['hybrid', 10_000, 384],
  ['appends', 1_000, 384],
  ['tenants', 100_000, 384],
  ['clustered', 10_000, 384],
  ['clustered', 100_000, 384],
  ['anywhere', 10_000, 384],
  ['erasure', 10_000, 384],
]

/** The LanceDB memory beside LanceDB itself (the floor), in one process each part. */
export function measureLancedb(): readonly (readonly [row: string, name: ContenderName, value: number])[] {
  return parts.flatMap(([part, rows, dims]) => {
    const folder = mkdtempSync(join(tmpdir(), 'opspawn-bench-lancedb-'))
    try {
      return Object.entries(figuresOf('lancedb-child.ts', [part, folder, String(rows), String(dims)])).map(([figure, value]) => {
        const [name, row] = figure.split(' ') as [ContenderName, string]
        return [row, name, value] as const
      })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}
