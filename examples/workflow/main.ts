/**
 * A workflow from a YAML file: items are reserved two at a time, a dear order waits for a person, and what was reserved is
 * given back when the payment fails. No model takes part. With `-- --deny` the person says no.
 */
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { createOrchestrator, defineTool, isRecorded, jsonSchema, type RunEvent } from 'opspawn'
import { loadWorkflow, taskStates, toMermaid, type WorkflowState } from 'opspawn/plugins/planner-workflow'

const { values } = parseArgs({ options: { deny: { type: 'boolean', default: false } } })

const reserve = defineTool({
  name: 'stock.reserve',
  description: 'Sets an item aside.',
  input: jsonSchema<{ item: string }>({ type: 'object', properties: { item: { type: 'string' } }, required: ['item'] }),
  effect: 'idempotent',
  execute: ({ item }) => item.toUpperCase(),
})
const release = defineTool({
  name: 'stock.release',
  description: 'Gives items back.',
  input: jsonSchema<{ items: string[]; why: string }>({ type: 'object' }),
  effect: 'idempotent',
  execute({ items, why }) {
    console.log(`  released ${items.join(', ')}: ${why}`)
    return null
  },
})
const total = defineTool({
  name: 'total',
  description: 'Adds prices up.',
  input: jsonSchema<{ prices: number[] }>({ type: 'object' }),
  output: { type: 'integer' },
  effect: 'pure',
  execute: ({ prices }) => prices.reduce((sum, price) => sum + price, 0),
})
let attempts = 0
const pay = defineTool({
  name: 'pay',
  description: 'Takes the money.',
  input: jsonSchema<{ customer: string; amount: number }>({ type: 'object' }),
  effect: 'idempotent',
  execute({ customer, amount }) {
    attempts += 1
    if (customer === 'Ben') throw new Error('the card was refused')
    if (attempts === 1) throw new Error('the line was busy')
    return `${customer} paid ${amount}`
  },
})

const file = new URL('order.yaml', import.meta.url)
const order = await loadWorkflow(await readFile(file, 'utf8'), { tools: [reserve, release, total, pay], file: 'order.yaml' })
await using ops = await createOrchestrator({ agents: [order], announce: false })

async function sell(customer: string, ...prices: readonly number[]): Promise<readonly RunEvent[]> {
  const items = prices.map((price, index) => ({ name: `item-${index + 1}`, price }))
  console.log(`${customer} orders for ${prices.join(' + ')}`)
  const run = await ops.start(order, { customer, items })
  const events: RunEvent[] = []
  for await (const event of run) {
    if (!isRecorded(event)) continue
    events.push(event)
    if (event.type === 'approval-request') {
      console.log(`  ${event.question} ${values.deny ? 'No.' : 'Yes.'}`)
      await (values.deny ? run.deny(event.key, { by: 'ada' }) : run.approve(event.key, { by: 'ada' }))
    }
    if (event.type === 'decision' && event.state !== undefined)
      for (const note of (event.state as WorkflowState).notes)
        if (note.skipped !== undefined) console.log(`  ${note.task} skipped: ${note.skipped}`)
  }
  const outcome = await run.result
  console.log(outcome.status === 'completed' ? `  ${JSON.stringify(outcome.output)}` : `  failed: ${outcome.error.message}`)
  return events
}

await sell('Ada', 20, 30)
const dear = await sell('Cy', 80, 90)
console.log(
  `  ${taskStates(order, dear)
    .map(({ name, status }) => `${name} ${status}`)
    .join(', ')}`,
)
const failed = await sell('Ben', 10)
console.log(toMermaid(order, failed))
