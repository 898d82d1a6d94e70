// Accepts so many runs, or works on those that are there: they count in the same file, each step in a transaction of its own. Dies like a crash at the n-th of the
// points that it passes: around each statement, between body and commit, and a little behind that.
import { createOrchestrator, defineAgent, definePlugin, defineTool, jsonSchema, type Planner } from '../../../src/index.ts'
import { sqliteStore, sqliteTransaction } from '../../../src/plugins/store-sqlite/index.ts'

const [path = '', dieAt = '0', runs = '0'] = process.argv.slice(2)
const STEPS = 6
let points = 0

function point(): void {
  points += 1
  if (points === Number(dieAt)) process.kill(process.pid, 'SIGKILL')
}

const count = defineTool({
  name: 'count',
  description: 'Counts one further.',
  input: jsonSchema<{ n: number }>({ type: 'object' }),
  effect: 'transactional',
  async execute(_input, context) {
    const tx = sqliteTransaction(context)
    point()
    const row = await tx.get<{ n: number }>('SELECT n FROM counter')
    point()
    await tx.run('UPDATE counter SET n = ?', (row?.n ?? 0) + 1)
    point()
    await tx.run('INSERT INTO done VALUES (?, ?)', context.runId, context.key)
    point()
    // Somewhere between the end of the body and what comes after the commit.
    setImmediate(point)
    setTimeout(point, 1)
    return (row?.n ?? 0) + 1
  },
})
const planner = definePlugin<Planner>({
  spec: 'planner/1',
  name: 'counting',
  decide(run) {
    if (run.open > 0) return { type: 'idle' }
    const { decisions: n } = run
    if (n >= STEPS / 2) return { type: 'finish', output: run.settled.length }
    const call = (name: string): { kind: 'tool'; key: string; tool: string; input: { n: number } } => ({
      kind: 'tool',
      key: `${name}-${n}`,
      tool: 'count',
      input: { n },
    })
    return { type: 'act', effects: [call('left'), call('right')] }
  },
})
const agent = defineAgent({ name: 'counter', planner, tools: [count] })
const ops = await createOrchestrator({ agents: [agent], store: sqliteStore({ path }), announce: false, work: runs === '0' })
ops.on('fault', (fault) => console.log(`fault ${fault.code} ${fault.message}`))
console.log('ready')
for (let index = 0; index < Number(runs); index += 1) await ops.start('counter', null, { runId: `run-${index}` })
console.log('started')
const isOpen = async (): Promise<boolean> =>
  (await ops.list({ status: ['queued', 'running', 'waiting'] }, { limit: 1 })).runs.length > 0
while (runs === '0' && (await isOpen())) await new Promise((resolve) => void setTimeout(resolve, 20))
console.log('all ended')
await ops.close()
