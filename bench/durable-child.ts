// The child process of `durable`: works for about ten seconds on a file (DBOS: a schema) of its own and prints its figures as JSON.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { quantile } from './statistics.ts'
import { add, addInput, answerOf, job, nextMove } from './task.ts'

/** Five calls of the tool are eleven steps: each model call and each tool call is one. */
const work = job({ calls: 5 })
const steps = 2 * work.calls + 1
/** Peers that take tens of milliseconds for a run do fewer, to end in time. */
const isSlow = ['langchain', 'dbos'].includes(process.argv[2] as string)
const warm = isSlow ? 10 : 100
const alone = isSlow ? 50 : 150
const together = isSlow ? 100 : 600
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
    requireAnswer(await prepared.run())
  }
}

/** The agent of the other measures with LangGraph's SQLite checkpointer, each commit synced as ours are. */
async function openLangGraph(folder: string): Promise<Run> {
  const { SqliteSaver } = await import('@langchain/langgraph-checkpoint-sqlite')
  const { durableAgent } = await import('./contenders/langchain.ts')
  const saver = SqliteSaver.fromConnString(join(folder, 'langgraph.db'))
  saver.db.pragma('journal_mode = WAL')
  saver.db.pragma('synchronous = FULL')
  const ask = durableAgent(work, saver)
  let runs = 0
  return async () => {
    runs += 1
    requireAnswer(await ask(`run-${runs}`))
  }
}

/** A DBOS workflow whose steps are the same model turns and tool calls, in a schema of its own that goes afterwards. */
async function openDbos(): Promise<Run> {
  const { DBOS } = await import('@dbos-inc/dbos-sdk')
  DBOS.setConfig({
    name: 'opspawn-bench',
    systemDatabaseUrl: process.env['OPSPAWN_BENCH_POSTGRES'] as string,
    systemDatabaseSchemaName: 'opspawn_bench_dbos',
    logLevel: 'error',
    runAdminServer: false,
  })
  const loop = DBOS.registerWorkflow(
    async (): Promise<string> => {
      let sum = 0
      for (let turn = 0; ; turn += 1) {
        const move = await DBOS.runStep(async () => nextMove(work, sum), { name: `model-${turn}` })
        if ('say' in move) return move.say
        const made = await DBOS.runStep(async () => add(addInput.parse(JSON.parse(move.call))), { name: `tool-${turn}` })
        sum = made.sum
      }
    },
    { name: 'loop' },
  )
  await DBOS.launch()
  return async () => requireAnswer(await loop())
}

function requireAnswer(answer: string): void {
  if (answer !== answerOf(work)) throw new Error(`a wrong answer: ${answer}`)
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
const openers: Record<string, (folder: string) => Run | Promise<Run>> = {
  floor: openFloor,
  opspawn: openEngine,
  langchain: openLangGraph,
  dbos: openDbos,
}
const run = (await openers[process.argv[2] as string]?.(folder)) as Run
for (let count = 0; count < warm; count += 1) await run()
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
