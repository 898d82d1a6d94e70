// A workflow puts three rows into its file, each in a transaction, and waits. The first process leaves it there; the next ones cancel it,
// and work on what makes it good. Each dies like a crash at the one point that it is told, and undoes nothing before the first run has ended
// where it is to die on the way there: the two runs do not race.
import { createOrchestrator, defineTool, jsonSchema, OpspawnError, type Store } from '../../../src/index.ts'
import { loadWorkflow } from '../../../src/plugins/planner-workflow/index.ts'
import { sqliteStore, sqliteTransaction } from '../../../src/plugins/store-sqlite/index.ts'
import { wrapStore } from '../../engine/support/wrappers.ts'

const [path = '', dieAt = ''] = process.argv.slice(2)
const isFirst = dieAt === 'first'
/** These are passed before the first run has ended. */
const isEarly = ['before the acceptance', 'after the acceptance', 'before the end', 'after the end'].includes(dieAt)

function point(name: string): void {
  if (name === dieAt) process.kill(process.pid, 'SIGKILL')
}

const rows = defineTool({
  name: 'rows',
  description: 'Writes a row.',
  input: jsonSchema<{ row: string }>({ type: 'object' }),
  effect: 'transactional',
  retry: { attempts: 10_000, baseMs: 20, maxMs: 20 },
  async execute({ row }, context) {
    if (isEarly) throw new OpspawnError('TOOL_FAILED', 'nothing is undone yet', { retryable: true })
    await sqliteTransaction(context).run('INSERT INTO rows VALUES (?)', row)
    point(`written ${row}`)
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
/** The call whose result was sent last. */
let recorded = ''
const inner = sqliteStore({ path })
const store: Store = wrapStore(inner, {
  async create(run, options) {
    if (run.origin.compensates === undefined) return inner.create(run, options)
    point('before the acceptance')
    const created = await inner.create(run, options)
    point('after the acceptance')
    return created
  },
  async append(fence, seq, events, changes, options) {
    const isEnd = fence.runId === 'run' && changes?.end !== undefined
    if (isEnd) point('before the end')
    const tasks = await inner.append(fence, seq, events, changes, options)
    if (isEnd) point('after the end')
    const ended = events.find((event) => event.type === 'effect-end')
    if (ended !== undefined) recorded = ended.key
    point(`recorded ${recorded}`)
    return tasks
  },
  async transaction(fence, work) {
    const result = await (inner as Required<Store>).transaction(fence, work)
    point(`committed ${recorded}`)
    return result
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
