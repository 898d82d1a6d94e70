// A worker of `recovery`: starts the run that it is given, says when a run is worked on, and holds it until it may finish.
import { createOrchestrator, defineAgent, defineTool, type Planner } from 'opspawn'
import { z } from 'zod'

const [path = '', runId] = process.argv.slice(2)
let finish: () => void = () => {}
const mayFinish = new Promise<void>((resolve) => {
  finish = resolve
})
process.on('message', (message) => {
  if (message === 'finish') finish()
})

const hold = defineTool({
  name: 'hold',
  description: 'Waits.',
  input: z.object({}),
  effect: 'pure',
  timeoutMs: 600_000,
  async execute() {
    process.send?.('working')
    await mayFinish
    return 'done'
  },
})
const planner: Planner = {
  spec: 'planner/1',
  name: 'once',
  decide: (run) => {
    if (run.open > 0) return { type: 'idle' }
    if (run.decisions > 0) return { type: 'finish', output: 'done' }
    return { type: 'act', effects: [{ kind: 'tool', key: 'hold', tool: 'hold', input: {} }] }
  },
}
const ops = await createOrchestrator({
  agents: [defineAgent({ name: 'holder', planner, tools: [hold] })],
  store: path,
  announce: false,
})
if (runId !== undefined) await ops.start('holder', 'go', { runId })
process.send?.('ready')
await mayFinish
const { runs } = await ops.list({ agent: 'holder' }, { limit: 1 })
if (runs[0] !== undefined) await (await ops.run(runs[0].runId)).result
process.send?.('finished')
