// A run whose tool blocks the event loop for longer than the lease, and then takes another step.
import { createOrchestrator, defineAgent, definePlugin, defineTool, type Planner } from '../../../src/index.ts'

const [path = ''] = process.argv.slice(2)
const block = defineTool({
  name: 'block',
  description: 'Blocks.',
  input: { type: 'object' } as const,
  effect: 'pure',
  async execute() {
    // Not at once: the first heartbeats have to come.
    await new Promise((resolve) => void setTimeout(resolve, 2_500))
    const until = performance.now() + 8_000
    while (performance.now() < until);
    await new Promise((resolve) => void setTimeout(resolve, 3_000))
    return 'done'
  },
})
const planner = definePlugin<Planner>({
  spec: 'planner/1',
  name: 'once',
  decide(run) {
    if (run.open > 0) return { type: 'idle' }
    if (run.decisions > 0) return { type: 'finish', output: 'done' }
    return { type: 'act', effects: [{ kind: 'tool', key: 'block', tool: 'block', input: {} }] }
  },
})
const ops = await createOrchestrator({
  agents: [defineAgent({ name: 'blocker', planner, tools: [block] })],
  store: path,
  announce: false,
  timing: { leaseMs: 6_000, heartbeatMs: 1_000 },
})
const faults: string[] = []
ops.on('fault', ({ code }) => faults.push(code))
const run = await ops.start('blocker', 'go')
const { status } = await run.result
let claims = 0
for await (const event of run.events(0)) if (event.type === 'run-claim') claims += 1
console.log(`ended ${status}, faults: ${faults.join(', ') || 'none'}, claims: ${claims}`)
console.log(`blocked ${ops.counts().longestBlockMs}`)
await ops.close()
