import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ContenderName } from '../contenders/contender.ts'
import { quietEnvironment } from '../child.ts'
import type { Figures } from '../figures.ts'

const rounds = 3

/** Who keeps runs on a disk, synced: in a SQLite file, and DBOS in Postgres. The floor inserts one synced row for each step. */
const able: readonly ContenderName[] = ['floor', 'opspawn', 'langchain', 'dbos']

/** Runs that survive a power cut: time per recorded step, 20 runs at once and one alone. Each round is a process of its own. */
export function measureDurable(
  names: readonly ContenderName[],
  report: (name: ContenderName, row: string, value: number | string) => void,
  skip: (name: ContenderName, why: string) => void,
): void {
  const hasPostgres = (process.env['OPSPAWN_BENCH_POSTGRES'] ?? '') !== ''
  if (names.includes('dbos') && !hasPostgres)
    skip('dbos', 'give the URL of a Postgres database of its own in OPSPAWN_BENCH_POSTGRES')
  const present = names.filter((one) => able.includes(one) && (one !== 'dbos' || hasPostgres))
  const program = fileURLToPath(new URL('../durable-child.ts', import.meta.url))
  for (let round = 0; round < rounds; round += 1) {
    for (const name of present) {
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
