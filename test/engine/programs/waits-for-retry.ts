import { createOrchestrator, defineAgent } from '../../../src/index.ts'
import { scriptedModel } from '../../../src/testing/index.ts'

// Everything that could keep this process alive is a retry delay: it must not end before the result is there.
const model = scriptedModel([{ fault: 'rate-limit', retryAfterMs: Number(process.argv[2]) }, 'done'])
const agent = defineAgent({ name: 'talker', model })
const ops = await createOrchestrator({ announce: false, agents: [agent], random: () => 0 })
const run = await ops.start(agent, 'hi')
const outcome = await run.result
process.stdout.write(JSON.stringify(outcome))
