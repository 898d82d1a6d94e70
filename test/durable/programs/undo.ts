// A workflow puts three rows into its file, each in a transaction, and waits. The first process leaves it there; the next ones cancel it,
// and work on what makes it good. Dies like a crash at the n-th of the points that it passes: before and after the run that makes it
// good is accepted, before and after the end is written, around each statement that undoes, and a little behind that.
import { createOrchestrator, defineTool, jsonSchema, type Store } from '../../../src/index.ts'
import { loadWorkflow } from '../../../src/plugins/planner-workflow/index.ts'
import { sqliteStore, sqliteTransaction } from '../../../src/plugins/store-sqlite/index.ts'
import { wrapStore } from '../../engine/support/wrappers.ts'

const [path = '', dieAt = '0'] = process.argv.slice(2)
const isFirst = dieAt === 'first'
let points = 0

function point(): void {
  points += 1
  if (points === Number(dieAt)) process.kill(process.pid, 'SIGKILL')
}

const rows = defineTool({
  name: 'rows',
  description: 'Writes a row.',
  input: jsonSchema<{ row: string }>({ type: 'object' }),
  effect: 'transactional',
  async execute({ row }, context) {
    if (!isFirst) point()
    await sqliteTransaction(context).run('INSERT INTO rows VALUES (?)', row)
    if (isFirst) return row
    point()
    // Somewhere between the end of the body and what comes after the commit.
    setImmediate(point)
    setTimeout(point, 1)
    return row
  },
})
const put = (name: string, more: object): object => ({
  [name]: { ...more, tool: 'rows', with: { row: `did ${name}` }, onFailure: `un${name}` },
  [`un${name}`]: { tool: 'rows', with: { row: `undid \${{ tasks.${name}.output }}` } },
})
const workflow = await loadWorkflow(
  {
    name: 'rows',
    tasks: { ...put('a', {}), ...put('b', { needs: 'a' }), ...put('c', { needs: 'b' }), wait: { needs: 'c', signal: 'never' } },
  },
  { tools: [rows] },
)
const inner = sqliteStore({ path })
const store: Store = wrapStore(inner, {
  async create(run, options) {
    if (run.origin.compensates === undefined) return inner.create(run, options)
    point()
    const created = await inner.create(run, options)
    point()
    return created
  },
  async append(fence, seq, events, changes, options) {
    const isEnd = fence.runId === 'run' && changes?.end !== undefined
    if (isEnd) point()
    const tasks = await inner.append(fence, seq, events, changes, options)
    if (isEnd) point()
    return tasks
  },
})
const ops = await createOrchestrator({ agents: [workflow], store, announce: false })
ops.on('fault', (fault) => console.log(`fault ${fault.code} ${fault.message}`))
const pause = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 20))
if (isFirst) {
  await ops.start('rows', null, { runId: 'run' })
  while ((await ops.record('run')).status !== 'waiting') await pause()
} else {
  const run = await ops.run('run')
  // The worker before may have died behind the end.
  if ((await ops.record('run')).outcome === undefined) await run.cancel('enough')
  while ((await ops.list({ status: ['queued', 'running', 'waiting'] }, { limit: 1 })).runs.length > 0) await pause()
}
console.log('all ended')
await ops.close()
await inner[Symbol.asyncDispose]()
