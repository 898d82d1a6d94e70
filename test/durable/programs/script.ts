// Works on one run of a script over three unsafe calls in a file; dies in the middle of the call that is named, if one is.
import { appendFileSync } from 'node:fs'
import { type Agent, createOrchestrator, defineTool } from '../../../src/index.ts'
import { codeMode } from '../../../src/plugins/sandbox-quickjs/index.ts'

const [path = '', notes = '', dieAt = ''] = process.argv.slice(2)
const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  input: { type: 'object' } as const,
  effect: 'unsafe',
  execute(input, { key }) {
    appendFileSync(notes, `${key} ${JSON.stringify(input)}\n`)
    if (key === dieAt) process.kill(process.pid, 'SIGKILL')
    return { paid: key }
  },
})
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: { type: 'object' } as const,
  effect: 'pure',
  execute(_input, { key }) {
    appendFileSync(notes, `${key}\n`)
    if (key === dieAt) process.kill(process.pid, 'SIGKILL')
    return key
  },
})
const code = `
  const all = [Math.random() === Math.random(), await tools.pay({ n: 1, chance: Math.random(), at: Date.now() })]
  await tools.look({})
  try { all.push(await tools.pay({ n: 2, chance: Math.random() })) } catch (error) { all.push(error.code) }
  await tools.look({})
  all.push(await tools.pay({ n: 3, chance: Math.random() }))
  return all`

const script = codeMode({ name: 'script', tools: [pay, look] }) as Agent
const ops = await createOrchestrator({ agents: [script], store: path, announce: false })
const run = await ops.start('script', { code }, { runId: 'run-1', idempotencyKey: 'once' })
console.log(`result ${JSON.stringify(await run.result)}`)
await ops.close()
