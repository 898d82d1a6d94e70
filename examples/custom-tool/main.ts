/**
 * A tool of your own: its input type follows from the schema, its input is checked before the body is entered, and a
 * failure is something that the model is told, not the end of the run.
 */
import { createOrchestrator, defineAgent, defineTool, OpspawnError, toError } from 'opspawn'
import { scriptedModel } from 'opspawn/testing'
import { z } from 'zod'

const stock: Record<string, number> = { tea: 3, coffee: 0 }
const orders = new Map<string, number>()

const order = defineTool({
  name: 'order',
  description: 'Orders an article for the office kitchen.',
  input: z.object({ article: z.string(), count: z.number().int().min(1).max(10) }),
  output: z.object({ ordered: z.number(), left: z.number() }),
  // The same key again gives the same order, so the engine may repeat the call after a failure or a crash.
  effect: 'idempotent',
  timeoutMs: 5_000,
  execute({ article, count }, context) {
    const left = stock[article]
    if (left === undefined)
      throw new OpspawnError('INPUT_INVALID', `there is no "${article}"; there is ${Object.keys(stock).join(', ')}`)
    context.progress({ looking: article })
    const ordered = orders.get(context.idempotencyKey) ?? Math.min(count, left)
    orders.set(context.idempotencyKey, ordered)
    return { ordered, left: left - ordered }
  },
})

// Stands for a model, so that the example runs without one. It makes two mistakes before it gets it right.
const model = scriptedModel([
  { toolCalls: [{ name: 'order', input: { article: 'tea', count: 500 } }] },
  { toolCalls: [{ name: 'order', input: { article: 'cocoa', count: 2 } }] },
  { toolCalls: [{ name: 'order', input: { article: 'tea', count: 2 } }] },
  'I ordered 2 packets of tea; 1 is left.',
])

const clerk = defineAgent({ name: 'clerk', model, tools: [order] })
await using ops = await createOrchestrator({ agents: [clerk] })

const run = await ops.start(clerk, 'We are nearly out of tea. Order some.')
for await (const event of run) {
  if (event.type === 'decision') {
    for (const effect of event.effects) if (effect.kind === 'tool') console.log(`call    ${JSON.stringify(effect.input)}`)
  }
  if (event.type === 'tool-progress') console.log(`live    ${JSON.stringify(event.value)}`)
  if (event.type === 'effect-end' && event.key.startsWith('tool-')) {
    const { outcome } = event
    console.log(outcome.status === 'completed' ? `result  ${JSON.stringify(outcome.value)}` : `refused ${outcome.error.message}`)
  }
}
const outcome = await run.result
if (outcome.status !== 'completed') throw toError(outcome.error)
console.log(`answer  ${outcome.output}`)
console.log(`The body was entered for ${orders.size} order.`)
