/**
 * Two agents. The front desk knows nothing of refunds and hands the conversation over; from then on the other agent
 * speaks, with its own instructions and tools, in a child run that shares the budget and the cancellation.
 */
import { createOrchestrator, defineAgent, defineTool, toError } from 'opspawn'
import { scriptedModel } from 'opspawn/testing'
import { z } from 'zod'

const invoices = defineTool({
  name: 'find_invoice',
  description: 'Finds an invoice by its number.',
  input: z.object({ number: z.string() }),
  effect: 'pure',
  execute: ({ number }) => ({ number, paid: true, amount: 40 }),
})

const billing = defineAgent({
  name: 'billing',
  description: 'Answers questions about invoices and payments.',
  instructions: 'You work in billing. Look invoices up before you speak of them.',
  tools: [invoices],
  model: scriptedModel([
    {
      toolCalls: [{ name: 'find_invoice', input: { number: 'A-17' } }],
      // What the billing agent is shown: its own instructions and the conversation so far.
      expect: { system: 'You work in billing', promptIncludes: 'invoice A-17', promptExcludes: 'front desk' },
    },
    'Invoice A-17 over 40 is paid. Nothing is open.',
  ]),
})

const frontDesk = defineAgent({
  name: 'front-desk',
  instructions: 'You are the front desk. Hand questions about money to billing.',
  agents: [{ agent: 'billing', handoff: true }],
  model: scriptedModel([{ toolCalls: [{ name: 'transfer_to_billing', input: {} }] }]),
})

await using ops = await createOrchestrator({ agents: [frontDesk, billing] })

ops.on('agent', ({ name, status }) => console.log(`${name} is ${status}`))

const run = await ops.start(frontDesk, 'Is invoice A-17 still open?')
const outcome = await run.result
if (outcome.status !== 'completed') throw toError(outcome.error)
console.log(`answer: ${outcome.output}`)

const { spending } = await ops.record(run.id)
console.log(`both together: ${spending.used.steps} model calls, ${spending.used.tokens} tokens`)
