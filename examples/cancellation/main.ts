/**
 * Cancelling a run reaches everything under it: the run, the child run that it started, and the tool that the child is
 * in the middle of. What was already done stays in the history.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createOrchestrator, defineAgent, defineTool } from 'opspawn'
import { scriptedModel } from 'opspawn/testing'
import { z } from 'zod'

const send = defineTool({
  name: 'send',
  description: 'Sends one letter.',
  input: z.object({ to: z.string() }),
  async execute({ to }, { signal }) {
    // Everything that takes time takes the signal; what ignores it is abandoned, not stopped.
    try {
      await sleep(to === 'Cy' ? 60_000 : 10, undefined, { signal })
    } catch (error) {
      console.log(`tool:   told to stop while sending to ${to}`)
      throw error
    }
    return `sent to ${to}`
  },
})

const call = (to: string) => ({ toolCalls: [{ name: 'send', input: { to } }] })
const mailer = defineAgent({
  name: 'mailer',
  description: 'Sends letters to people.',
  tools: [send],
  model: scriptedModel([call('Ada'), call('Ben'), call('Cy'), call('Dot'), 'All sent.']),
})
const secretary = defineAgent({
  name: 'secretary',
  agents: [mailer],
  model: scriptedModel([{ toolCalls: [{ name: 'mailer', input: { input: 'Write to Ada, Ben, Cy and Dot.' } }] }, 'Done.']),
})

await using ops = await createOrchestrator({ agents: [secretary, mailer] })

// The third letter hangs: that is when somebody presses the button.
let calls = 0
ops.on('event', (_runId, event) => {
  if (event.type === 'decision' && event.effects.some((effect) => effect.kind === 'tool') && ++calls === 3)
    setTimeout(() => void run.cancel('the list is wrong'), 50)
})

const run = await ops.start(secretary, 'Write to everybody on the list.')
const outcome = await run.result
console.log(`run:    ${outcome.status}, ${run.agent}${outcome.status === 'completed' ? '' : `: ${outcome.error.message}`}`)

const { runs } = await ops.list({ rootId: run.id })
const child = runs.find((record) => record.runId !== run.id)
if (child === undefined) throw new Error('there should be a child run')
console.log(`child:  ${child.status}, ${child.agent}`)

console.log('What was already done, from the history of the child:')
const history = await ops.run(child.runId)
const letters = new Map<string, string>()
for await (const event of history) {
  if (event.type === 'decision') {
    for (const effect of event.effects) if (effect.kind === 'tool') letters.set(effect.key, JSON.stringify(effect.input))
  }
  if (event.type !== 'effect-end' || !letters.has(event.key)) continue
  // "unknown" is the truth: sending is not repeatable, and it was interrupted in the middle.
  console.log(`  send ${letters.get(event.key)}: ${event.outcome.status}`)
}
