// The child process of `durable`: works for about ten seconds on a file of its own and prints its figures as JSON.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { quantile } from './statistics.ts'
import { job } from './task.ts'

/** Five calls of the tool are eleven steps: each model call and each tool call is one. */
const work = job({ calls: 5 })
const steps = 2 * work.calls + 1
const alone = 150
const together = 600
const parallel = 20

type Run = () => Promise<void>

/** One synced insert for each step. */
function openFloor(folder: string): Run {
  const db = new DatabaseSync(join(folder, 'floor.db'))
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  db.exec('CREATE TABLE steps (id INTEGER PRIMARY KEY, run TEXT, seq INTEGER, body TEXT)')
  const insert = db.prepare('INSERT INTO steps (run, seq, body) VALUES (?, ?, ?)')
  const body = JSON.stringify({ type: 'effect-end', outcome: { status: 'completed', value: 'x'.repeat(250) } })
  let runs = 0
  return async () => {
    runs += 1
    for (let seq = 0; seq < steps; seq += 1) insert.run(`run-${runs}`, seq, body)
  }
}

/** The whole engine, with a scripted model and a tool that zod validates. */
async function openEngine(folder: string): Promise<Run> {
  process.env['OPSPAWN_BENCH_STORE'] = join(folder, 'runs.db')
  const { contender } = await import('./contenders/opspawn.ts')
  const prepared = await contender.prepare(work)
  return async () => {
    const answer = await prepared.run()
    if (answer !== `The sum is ${work.calls}.`) throw new Error(`a wrong answer: ${answer}`)
  }
}

async function perStep(run: Run, count: number, atOnce: number): Promise<number> {
  let left = count
  const from = performance.now()
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await run()
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return ((performance.now() - from) * 1_000) / (count * steps)
}

const folder = mkdtempSync(join(tmpdir(), 'opspawn-bench-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
const run = process.argv[2] === 'floor' ? openFloor(folder) : await openEngine(folder)
for (let count = 0; count < 100; count += 1) await run()
const times: number[] = []
for (let count = 0; count < alone; count += 1) {
  const from = performance.now()
  await run()
  times.push(performance.now() - from)
}
const figures = {
  'durable-20': await perStep(run, together, parallel),
  'durable-run': quantile(times, 0.5),
  'durable-run-p99': quantile(times, 0.99),
}
process.stdout.write(JSON.stringify(figures), () => process.exit(0))
