/**
 * An agent with an output schema gives a value of that type, or a failure that says what does not fit. It never gives
 * something else.
 */
import { createOrchestrator, defineAgent, type RunOutcome } from 'opspawn'
import { scriptedModel } from 'opspawn/testing'
import { z } from 'zod'

const Invoice = z.object({ number: z.string(), total: z.number().positive(), currency: z.enum(['EUR', 'NOK']) })

function reader(name: string, answers: readonly object[]) {
  return defineAgent({
    name,
    instructions: 'Read the invoice.',
    output: Invoice,
    model: scriptedModel(answers.map((answer) => JSON.stringify(answer))),
  })
}

const careful = reader('careful', [{ number: 'A-17', total: 40, currency: 'EUR' }])
// Told what is wrong, it gets one turn to mend it: limits.repairs.
const hasty = reader('hasty', [
  { number: 'A-17', total: '40', currency: 'euro' },
  { number: 'A-17', total: 40, currency: 'EUR' },
])
const stubborn = reader('stubborn', [
  { number: 'A-17', total: -40, currency: 'EUR' },
  { number: 'A-17', total: -40, currency: 'EUR' },
])

await using ops = await createOrchestrator({ agents: [careful, hasty, stubborn] })

for (const agent of [careful, hasty, stubborn]) {
  const run = await ops.start(agent, 'Invoice A-17, total 40 euro')
  for await (const event of run) {
    if (event.type === 'output-reject') {
      const problems = event.issues.map(({ path, message }) => `${path} ${message}`)
      console.log(`${agent.name}: not accepted: ${problems.join('; ')}`)
    }
  }
  console.log(`${agent.name}: ${describe(await run.result)}`)
}

/** The type of `output` follows from the schema. */
function describe(outcome: RunOutcome<z.infer<typeof Invoice>>): string {
  if (outcome.status !== 'completed') return `${outcome.status}, ${outcome.error.code}`
  const { number, total, currency } = outcome.output
  return `invoice ${number} over ${total.toFixed(2)} ${currency}`
}
