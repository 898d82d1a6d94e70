/** A worker of the example: begins the run, or goes on with it, until it has ended or somebody kills the worker. */
import { join } from 'node:path'
import { createOrchestrator } from 'opspawn'
import { clerk, files } from './agent.ts'

const [folder = ''] = process.argv.slice(2)
const server = files(folder)
try {
  const agent = await clerk(folder, server)
  await using ops = await createOrchestrator({ agents: [agent], store: join(folder, 'runs.db'), announce: false })
  // The same run in each worker: the key finds it.
  const run = await ops.start(agent, 'Write down that I need tea.', { idempotencyKey: 'tea' })
  for await (const event of run) {
    if (event.type === 'approval-request') process.send?.({ asks: event.question, runId: run.id })
  }
  process.send?.({ outcome: await run.result })
} finally {
  await server.close()
  process.disconnect?.()
}
