/**
 * A person decides. The run stops before the tool's body is entered and goes on when somebody has answered; the answer
 * holds for exactly these arguments and is used once. `--approve` or `--deny` answers for you; without a terminal nobody
 * can be asked, and the answer is no.
 */
import { createInterface } from 'node:readline/promises'
import { createOrchestrator, defineAgent, defineTool, type PendingApproval, toError } from 'opspawn'
import { scriptedModel } from 'opspawn/testing'
import { z } from 'zod'

const refund = defineTool({
  name: 'refund',
  description: 'Pays money back to a customer.',
  input: z.object({ customer: z.string(), amount: z.number().positive() }),
  approval: true,
  execute({ customer, amount }, context) {
    context.log(`pays ${amount} to ${customer}`)
    return { paid: amount }
  },
})

const support = defineAgent({
  name: 'support',
  instructions: 'You help customers. Refunds are fine where the goods were broken.',
  tools: [refund],
  model: scriptedModel([
    { toolCalls: [{ name: 'refund', input: { customer: 'Ada', amount: 40 } }] },
    // The model is told the truth either way.
    ({ prompt }) => (JSON.stringify(prompt).includes('execution-denied') ? 'I may not refund this.' : 'Ada has her 40 back.'),
  ]),
})

await using ops = await createOrchestrator({
  agents: [support],
  // Rules come on top: this one would stop a large refund before anybody is asked.
  policy: { rules: [{ verdict: 'deny', tool: 'refund', arguments: { '/amount': { above: 500 } } }], approvalMs: 600_000 },
})

const run = await ops.start(support, 'My cup arrived broken, it cost 40. Ada')
for await (const event of run) {
  if (event.type === 'approval-request') {
    for (const pending of await run.approvals()) await answer(pending)
  }
  if (event.type === 'tool-log') console.log(`the refund tool ${event.message}`)
  if (event.type === 'approval-response') console.log(`${event.by} ${event.approved ? 'approved' : 'denied'} it`)
}
const outcome = await run.result
if (outcome.status !== 'completed') throw toError(outcome.error)
console.log(`answer: ${outcome.output}`)

async function answer({ runId, key, question, input }: PendingApproval): Promise<void> {
  console.log(`${question} ${JSON.stringify(input)}`)
  const by = process.env['USER'] ?? 'somebody'
  // The run that asks: this one, or one that it called.
  const asking = await ops.run(runId)
  if (await isApproved()) await asking.approve(key, { by })
  else await asking.deny(key, { by, reason: 'not this time' })
}

async function isApproved(): Promise<boolean> {
  if (process.argv.includes('--approve')) return true
  if (process.argv.includes('--deny') || !process.stdin.isTTY) return false
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  // Ctrl-C and the end of the input are a no.
  const reply = await terminal.question('Approve? [y/N] ').catch(() => '')
  terminal.close()
  return /^y(es)?$/i.test(reply.trim())
}
