// The child process of `waiting`: memory of 10,000 runs that wait in a SQLite file, and how late waits end, as JSON.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createOrchestrator, defineAgent, type Planner, type RunView } from 'opspawn'
import { quantile } from './statistics.ts'

const runs = 10_000
const delays = 200
const atOnce = 500

/** Waits for a signal that does not come, or for the time that it is given. */
const planner: Planner = {
  spec: 'planner/1',
  name: 'waiter',
  decide(run: RunView) {
    if (run.open > 0) return { type: 'idle' }
    if (run.decisions > 0) return { type: 'finish', output: null }
    const ms = run.input as number
    const what = ms > 0 ? ({ type: 'time', ms } as const) : ({ type: 'signal', name: 'go', deadlineMs: 86_400_000 } as const)
    return { type: 'act', effects: [{ kind: 'wait', key: 'wait', for: what }] }
  },
}

const folder = mkdtempSync(join(tmpdir(), 'opspawn-bench-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
const agents = [defineAgent({ name: 'waiter', planner })]
const ops = await createOrchestrator({ agents, store: join(folder, 'runs.db'), announce: false })

async function used(): Promise<{ heap: number; rss: number }> {
  for (let round = 0; round < 5; round += 1) {
    globalThis.gc?.()
    await new Promise((resolve) => void setTimeout(resolve, 20))
  }
  const { heapUsed, rss } = process.memoryUsage()
  return { heap: heapUsed, rss }
}

async function waiting(count: number): Promise<void> {
  for (;;) {
    let found = 0
    let cursor: string | undefined
    do {
      const page = await ops.list({ status: ['waiting'] }, { limit: 1_000, ...(cursor !== undefined && { cursor }) })
      found += page.runs.length
      cursor = page.cursor
    } while (cursor !== undefined)
    if (found >= count) return
    await new Promise((resolve) => void setTimeout(resolve, 100))
  }
}

for (let warm = 0; warm < 100; warm += 1) await (await ops.start('waiter', 1)).result
const before = await used()
for (let from = 0; from < runs; from += atOnce) await Promise.all(Array.from({ length: atOnce }, () => ops.start('waiter', 0)))
await waiting(runs)
const after = await used()

/** How late one wait ended, by the history of its run. */
async function lateness(ms: number): Promise<number> {
  const run = await ops.start('waiter', ms)
  await run.result
  let from = 0
  for await (const event of run.events()) {
    if (event.type === 'decision') from = event.at
    if (event.type === 'effect-end') return event.at - from - ms
  }
  throw new Error('the wait never ended')
}
const late: number[] = []
for (let from = 0; from < delays; from += 20)
  late.push(...(await Promise.all(Array.from({ length: 20 }, (_, index) => lateness(50 * (index + 1))))))

const figures = {
  'waiting-heap': Math.max(0, after.heap - before.heap) / runs / 1_024,
  'waiting-rss': (after.rss - before.rss) / 2 ** 20,
  'delay-p50': quantile(late, 0.5),
  'delay-p99': quantile(late, 0.99),
}
process.stdout.write(JSON.stringify(figures), () => process.exit(0))
