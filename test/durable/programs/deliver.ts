// A worker of a run whose step ends the process (`bomb`), or is left when SIGTERM comes (`hold`) unless it is told to finish.
import { createInterface } from 'node:readline'
import { type Agent, createOrchestrator, defineAgent, definePlugin, defineTool, type Planner } from '../../../src/index.ts'

const [path = ''] = process.argv.slice(2)
let finish: (value: string) => void = () => {}
const mayFinish = new Promise<string>((resolve) => (finish = resolve))

/** An agent of one call. */
function caller(name: string, execute: () => unknown): Agent {
  const tool = defineTool({ name, description: name, input: { type: 'object' } as const, effect: 'idempotent', execute })
  const planner = definePlugin<Planner>({
    spec: 'planner/1',
    name: 'once',
    decide(run) {
      if (run.open > 0) return { type: 'idle' }
      if (run.decisions > 0) return { type: 'finish', output: 'done' }
      return { type: 'act', effects: [{ kind: 'tool', key: name, tool: name, input: {} }] }
    },
  })
  return defineAgent({ name, planner, tools: [tool] }) as Agent
}

const agents = [
  caller('bomb', () => process.kill(process.pid, 'SIGKILL')),
  caller('hold', () => {
    console.log('holding')
    return mayFinish
  }),
  caller('fine', () => 'fine'),
]
const ops = await createOrchestrator({ agents, store: path, announce: false })
ops.on('fault', ({ code }, { runId }) => console.log(`fault ${code} ${runId}`))
ops.on('event', (runId, event) => {
  if (event.type === 'run-end') console.log(`ended ${runId} ${event.outcome.status}`)
})
process.once('SIGTERM', () => {
  ops.drain(0).then(
    () => process.exit(0),
    () => process.exit(1),
  )
})
console.log('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const [word, agent = ''] = line.split(' ')
  if (word === 'start') await ops.start(agent, 'go', { runId: agent })
  if (word === 'finish') finish('held')
}
