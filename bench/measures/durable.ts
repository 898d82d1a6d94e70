import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ContenderName } from '../contenders/contender.ts'
import { quietEnvironment } from '../child.ts'
import type { Figures } from '../worker.ts'

const rounds = 3

/** Who keeps runs in a SQLite file, synced to the disk; the floor inserts one synced row for each step. */
const able: readonly ContenderName[] = ['floor', 'opspawn']

/** Runs that survive a power cut: time per recorded step, 20 runs at once and one alone. Each round is a process of its own. */
export function measureDurable(
  names: readonly ContenderName[],
  report: (name: ContenderName, row: string, value: number | string) => void,
): void {
  const program = fileURLToPath(new URL('../durable-child.ts', import.meta.url))
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names.filter((one) => able.includes(one))) {
      const { status, stdout, stderr } = spawnSync(process.execPath, [program, name], {
        env: quietEnvironment,
        encoding: 'utf8',
        timeout: 120_000,
      })
      if (status !== 0) report(name, 'durable-20', /^.*Error.*$/m.exec(stderr)?.[0] ?? `exit code ${status}`)
      else for (const [row, value] of Object.entries(JSON.parse(stdout) as Figures)) report(name, row, value)
    }
  }
}
