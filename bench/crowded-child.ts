// The child process of `crowded`: fills a SQLite file with finished runs, and prints what calls cost beside them, as JSON.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NewRun, Store } from 'opspawn'
import { sqliteStore } from 'opspawn/plugins/store-sqlite'
import { quantile } from './statistics.ts'

const crowd = Number(process.argv[2])
const atOnce = 500
const rounds = 300

const newRun = (runId: string): NewRun => ({
  origin: {
    runId,
    agent: 'a',
    definition: 'v1',
    tenant: 't',
    input: { text: 'x'.repeat(200) },
    rootId: runId,
    depth: 0,
    limits: {},
  },
})

async function finish(store: Store, runId: string): Promise<void> {
  const [claim] = await store.claim({ workerId: 'w', leaseMs: 600_000, runId })
  if (claim === undefined) throw new Error(`${runId} is not ready`)
  const outcome = { status: 'completed', output: 'done' } as const
  const { seq, updatedAt } = claim.run
  await store.append(claim.fence, seq, [{ type: 'run-end', outcome, version: 1, seq: seq + 1, at: updatedAt }], {
    end: { outcome },
  })
}

async function fill(store: Store): Promise<void> {
  for (let from = 0; from < crowd; from += atOnce) {
    const ids = Array.from({ length: Math.min(atOnce, crowd - from) }, (_, index) => `old-${from + index}`)
    await Promise.all(ids.map((runId) => store.create(newRun(runId))))
    await Promise.all(ids.map((runId) => finish(store, runId)))
  }
}

/** The middle of many calls, in microseconds. */
async function middle(call: (round: number) => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const from = performance.now()
    await call(round)
    times.push((performance.now() - from) * 1_000)
  }
  return quantile(times, 0.5)
}

const folder = mkdtempSync(join(tmpdir(), 'opspawn-bench-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
const path = join(folder, 'runs.db')
const filling = sqliteStore({ path, durability: 'process' })
await fill(filling)
await filling[Symbol.asyncDispose]()

const store = sqliteStore({ path })
for (let round = 0; round < rounds; round += 1) await store.create(newRun(`new-${round}`))
const figures = {
  'crowded-sweep': await middle(() => store.sweep(100)),
  'crowded-open': await middle(() => store.list({ status: ['queued', 'running', 'waiting'] }, { limit: 50 })),
  'crowded-claim': await middle(() => store.claim({ workerId: 'w', leaseMs: 600_000 })),
  'crowded-list': await middle(() => store.list({}, { limit: 50 })),
}
await store[Symbol.asyncDispose]()
process.stdout.write(JSON.stringify(figures), () => process.exit(0))
