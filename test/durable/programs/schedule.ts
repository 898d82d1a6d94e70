// A worker with a schedule of every second; says which slots it works on.
import { createOrchestrator, defineAgent, definePlugin, type Planner } from '../../../src/index.ts'

const [path = ''] = process.argv.slice(2)
const planner = definePlugin<Planner>({ spec: 'planner/1', name: 'finish', decide: () => ({ type: 'finish', output: 'done' }) })
const ops = await createOrchestrator({
  agents: [defineAgent({ name: 'subject', planner })],
  store: path,
  schedules: [{ name: 'tick', agent: 'subject', cron: '* * * * * *', missed: 'all' }],
  announce: false,
})
ops.on('event', (runId, event) => {
  if (event.type === 'run-end') console.log(`slot ${runId}`)
})
setInterval(() => {}, 60_000)
console.log('ready')
