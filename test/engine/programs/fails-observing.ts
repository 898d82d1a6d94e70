import { createOrchestrator, defineAgent, defineExtension } from '../../../src/index.ts'
import { scriptedModel } from '../../../src/testing/index.ts'

// Listeners of all kinds that reject: the process must live on and end well.
const agent = defineAgent({ name: 'talker', model: scriptedModel(['done']) })
const broken = (): never => Promise.reject(new Error('listener broke')) as never
const extension = defineExtension({ name: 'watcher', setup: (host) => host.observe(broken) })
const ops = await createOrchestrator({ announce: false, agents: [agent], plugins: [extension] })
for (const type of ['event', 'live', 'agent', 'fault'] as const) ops.on(type, broken)
const run = await ops.start(agent, 'hi')
const outcome = await run.result
await ops[Symbol.asyncDispose]()
process.stdout.write(JSON.stringify(outcome))
