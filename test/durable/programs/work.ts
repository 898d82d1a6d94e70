// Works on the runs of a file: starts so many, says so, and goes on until it is killed or all have ended.
import { createOrchestrator } from '../../../src/index.ts'
import { walker } from './agent.ts'

const [path = '', notes = '', count = '0'] = process.argv.slice(2)
const ops = await createOrchestrator({ agents: [walker(notes)], store: path, announce: false })
ops.on('fault', (fault) => console.log(`fault ${fault.code} ${fault.message}`))
console.log('ready')
for (let index = 0; index < Number(count); index += 1) await ops.start('walker', index, { runId: `run-${index}` })
console.log('started')
const isOpen = async (): Promise<boolean> => {
  const { runs } = await ops.list({ status: ['queued', 'running', 'waiting'] }, { limit: 1 })
  return runs.length > 0
}
while (await isOpen()) await new Promise((resolve) => void setTimeout(resolve, 20))
console.log('all ended')
await ops.close()
