import { createOrchestrator, defineAgent } from '../../../src/index.ts'
import { scriptedModel } from '../../../src/testing/index.ts'

// One run ends; another waits for a signal that never comes, a third for a retry in an hour. Nobody closes anything.
const waiting = defineAgent({
  name: 'waiting',
  planner: {
    spec: 'planner/1',
    name: 'waiting',
    decide: (run) =>
      run.decisions === 0
        ? { type: 'act', effects: [{ kind: 'wait', key: 'w', for: { type: 'signal', name: 'never' } }] }
        : { type: 'idle' },
  },
})
const limited = defineAgent({ name: 'limited', model: scriptedModel([{ fault: 'rate-limit', retryAfterMs: 3_600_000 }]) })
const quick = defineAgent({ name: 'quick', model: scriptedModel(['done']) })
const ops = await createOrchestrator({ announce: false, agents: [waiting, limited, quick] })
await ops.start(waiting, 'hi')
await ops.start(limited, 'hi')
const run = await ops.start(quick, 'hi')
const outcome = await run.result
process.stdout.write(JSON.stringify(outcome))
