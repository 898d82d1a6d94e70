import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { quietEnvironment } from '../child.ts'

/** Runs a program of this package in a process of its own; gives the JSON that it prints. */
export function figuresOf(program: string, given: readonly string[], flags: readonly string[] = []): Record<string, number> {
  const path = fileURLToPath(new URL(`../${program}`, import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, path, ...given], {
    env: quietEnvironment,
    encoding: 'utf8',
    // So that what hangs ends; on a busy machine the largest tables take minutes.
    timeout: 900_000,
  })
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr.slice(-2_000)}`)
  return JSON.parse(stdout) as Record<string, number>
}
