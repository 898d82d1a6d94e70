/** A worker of the chaos example: works on the runs of a file until it is killed. */
import { createOrchestrator } from 'opspawn'
import { chaosAgent } from './agent.ts'

const [store = '', journal = '', name = ''] = process.argv.slice(2)
let made = 0
await createOrchestrator({
  agents: [chaosAgent(journal)],
  store,
  announce: false,
  concurrency: 20,
  ids: () => `${name}-${(made += 1)}`,
})
process.send?.('ready')
// The worker ends with the program that started it.
process.on('disconnect', () => process.exit(0))
