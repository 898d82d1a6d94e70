import { createOrchestrator, defineAgent } from '../../../src/index.ts'
import { scriptedModel } from '../../../src/testing/index.ts'

// Only the iteration holds the process while the run waits.
const agent = defineAgent({
  name: 'sleeper',
  model: scriptedModel(['done']),
  planner: {
    spec: 'planner/1',
    name: 'sleeping',
    decide: (run) =>
      run.decisions === 0
        ? { type: 'act', effects: [{ kind: 'wait', key: 'w', for: { type: 'time', ms: 1200 } }] }
        : { type: 'finish', output: 'awake' },
  },
})
const ops = await createOrchestrator({ announce: false, agents: [agent] })
const run = await ops.start(agent, 'hi')
const types: string[] = []
for await (const event of run) types.push(event.type)
process.stdout.write(types.at(-1) ?? '')
