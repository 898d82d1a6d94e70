/**
 * Chaos to watch: workers on one SQLite file, one of them killed with -9 every second, and a count of what was lost.
 * `npm run chaos`, or `npm run chaos -- --seconds 10 --workers 2`.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createOrchestrator, type Orchestrator, type RunEvent, type RunRecord } from 'opspawn'
import { chaosAgent } from './agent.ts'
import { examine, type Findings, type Story } from './findings.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, workers: { type: 'string', default: '4' } },
})
const seconds = Math.min(600, Math.max(1, Number(values.seconds) || 60))
const workerCount = Math.min(16, Math.max(2, Number(values.workers) || 4))
const RUNS_AT_ONCE = 60

const folder = mkdtempSync(join(tmpdir(), 'opspawn-chaos-'))
const store = join(folder, 'runs.db')
const journal = join(folder, 'journal.txt')
writeFileSync(journal, '')

const workers = new Map<string, ChildProcess>()
const kills = new Map<string, number>()
let hired = 0

function hire(): Promise<void> {
  hired += 1
  const name = `w${hired}`
  const child = fork(join(import.meta.dirname, 'worker.ts'), [store, journal, name], { execArgv: process.execArgv })
  workers.set(name, child)
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve())
    child.once('error', reject)
    child.once('exit', () => {
      if (!kills.has(`${name}-1`)) reject(new Error(`worker ${name} ended by itself`))
    })
  })
}

function killOne(): void {
  const names = [...workers.keys()]
  const name = names[Math.floor(Math.random() * names.length)] as string
  const child = workers.get(name) as ChildProcess
  workers.delete(name)
  kills.set(`${name}-1`, Date.now())
  child.kill('SIGKILL')
  hire().catch((error: unknown) => {
    console.error(error)
    process.exitCode = 1
  })
}

const started: string[] = []

/** Keeps a number of runs under way. */
async function feed(ops: Orchestrator): Promise<void> {
  const { runs } = await ops.list({ status: ['queued', 'running', 'waiting'] }, { limit: RUNS_AT_ONCE })
  for (let count = runs.length; count < RUNS_AT_ONCE; count += 1) started.push((await ops.start('walker', 'go')).id)
}

async function allEnded(ops: Orchestrator, patienceMs: number): Promise<void> {
  const giveUpAt = Date.now() + patienceMs
  for (;;) {
    const { runs } = await ops.list({ status: ['queued', 'running', 'waiting', 'paused', 'quarantined'] }, { limit: 1 })
    if (runs.length === 0 || Date.now() > giveUpAt) return
    await pause(200)
  }
}

async function storyOf(ops: Orchestrator, runId: string): Promise<Story> {
  const record: RunRecord = await ops.record(runId)
  const events: RunEvent[] = []
  if (record.outcome === undefined) return { record, events }
  for await (const event of await ops.run(runId)) if ('seq' in event) events.push(event)
  return { record, events }
}

function report({ lost, repeated, unknown, steps, recoveries }: Findings): boolean {
  const at = (share: number): string =>
    `${recoveries[Math.min(recoveries.length - 1, Math.floor(recoveries.length * share))] ?? '–'} ms`
  console.log(`\n${kills.size} workers killed with -9, ${started.length} runs, ${steps} recorded steps`)
  console.log(`lost: ${lost.length}`, ...lost.slice(0, 5))
  console.log(`repeated: ${repeated.length}`, ...repeated.slice(0, 5))
  console.log(`unsafe calls interrupted, told as unknown and not repeated: ${unknown}`)
  console.log(
    `from a kill to the next worker's claim: p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)} (${recoveries.length} runs)`,
  )
  return lost.length === 0 && repeated.length === 0
}

try {
  await using ops = await createOrchestrator({ agents: [chaosAgent(journal)], store, work: false, announce: false })
  await Promise.all(Array.from({ length: workerCount }, hire))
  console.log(`${workerCount} workers on ${store}; one is killed every second for ${seconds} s`)
  const endAt = Date.now() + seconds * 1_000
  let nextKillAt = Date.now() + 1_000
  while (Date.now() < endAt) {
    await feed(ops)
    if (Date.now() >= nextKillAt) {
      nextKillAt += 1_000
      killOne()
      if (process.stdout.isTTY) process.stdout.write(`\r${kills.size} killed, ${started.length} runs started `)
    }
    await pause(50)
  }
  await allEnded(ops, 60_000)
  const stories: Story[] = []
  for (const runId of started) stories.push(await storyOf(ops, runId))
  const lines = readFileSync(journal, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
  if (!report(examine(stories, lines, kills))) process.exitCode = 1
} finally {
  for (const [name, child] of workers) {
    kills.set(`${name}-1`, Date.now())
    child.kill('SIGKILL')
  }
  rmSync(folder, { recursive: true, force: true })
}
