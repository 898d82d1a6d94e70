/**
 * A planner of your own. It is a pure function from the run's history to what happens next: no I/O, no clock, no state
 * outside the history. This one has no model in it: it asks all suppliers at once and takes the cheapest that answers.
 */
import { createOrchestrator, defineAgent, defineTool, type Planner, type RunView, toError } from 'opspawn'
import { z } from 'zod'

const PRICES: Record<string, number | undefined> = { north: 120, south: 95, west: undefined }

const quote = defineTool({
  name: 'quote',
  description: 'Asks a supplier for a price.',
  input: z.object({ supplier: z.string(), article: z.string() }),
  effect: 'pure',
  execute({ supplier }) {
    const price = PRICES[supplier]
    if (price === undefined) throw new Error(`${supplier} does not answer`)
    return { supplier, price }
  },
})

const buy = defineTool({
  name: 'buy',
  description: 'Buys from a supplier.',
  input: z.object({ supplier: z.string(), article: z.string(), price: z.number() }),
  execute: ({ supplier, article, price }) => `${article} from ${supplier} for ${price}`,
})

const cheapest: Planner = {
  spec: 'planner/1',
  name: 'cheapest',
  decide(run) {
    if (run.open > 0) return { type: 'idle' }
    const article = run.input as string

    // Nothing asked for yet: ask every supplier. The effects of one decision run at the same time.
    if (run.settled.length === 0) {
      const suppliers = Object.keys(PRICES)
      return {
        type: 'act',
        effects: suppliers.map((supplier) => ({
          kind: 'tool',
          key: `quote-${supplier}`,
          tool: 'quote',
          input: { supplier, article },
        })),
      }
    }

    // All have settled: take the best, whatever became of the others.
    const bought = run.effects.get('buy')?.outcome
    if (bought === undefined) {
      const [best] = quotesOf(run).toSorted((left, right) => left.price - right.price)
      if (best === undefined)
        return { type: 'fail', error: { code: 'PLAN_FAILED', message: 'no supplier answers', retryable: true } }
      return { type: 'act', effects: [{ kind: 'tool', key: 'buy', tool: 'buy', input: { ...best, article } }], state: { best } }
    }
    return bought.status === 'completed' ? { type: 'finish', output: bought.value } : { type: 'fail', error: bought.error }
  },
}

function quotesOf(run: RunView): { supplier: string; price: number }[] {
  return run.settled.flatMap(({ effect, outcome }) =>
    effect.key.startsWith('quote-') && outcome?.status === 'completed'
      ? [outcome.value as { supplier: string; price: number }]
      : [],
  )
}

const buyer = defineAgent({ name: 'buyer', planner: cheapest, tools: [quote, buy] })
await using ops = await createOrchestrator({ agents: [buyer] })

const run = await ops.start(buyer, 'a desk')
for await (const event of run) {
  if (event.type === 'decision') console.log(`decided: ${event.effects.map((effect) => effect.key).join(', ')}`)
  if (event.type === 'effect-end') {
    const { outcome } = event
    console.log(`  ${event.key}: ${outcome.status === 'completed' ? JSON.stringify(outcome.value) : outcome.error.message}`)
  }
}
const outcome = await run.result
if (outcome.status !== 'completed') throw toError(outcome.error)
console.log(`bought ${outcome.output}`)
