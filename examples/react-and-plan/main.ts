/**
 * One task under three planners. Only the line with `planner` differs; each scripted model answers in the form that its
 * planner asks a real one for.
 */
import { createOrchestrator, defineAgent, defineTool, type Model, type Planner, toError } from 'opspawn'
import { planExecutePlanner } from 'opspawn/plugins/planner-plan-execute'
import { reactPlanner } from 'opspawn/plugins/planner-react'
import { toolsPlanner } from 'opspawn/plugins/planner-tools'
import { scriptedModel } from 'opspawn/testing'
import { z } from 'zod'

const weather = defineTool({
  name: 'weather',
  description: 'The weather in a city.',
  input: z.object({ city: z.string() }),
  effect: 'pure',
  execute: ({ city }) => ({ city, sky: city === 'Bergen' ? 'rain' : 'sun', degrees: 9 }),
})

const answer = 'Bergen: it rains there.'
const call = (city: string) => ({ name: 'weather', input: { city } })

/** Each planner, and what a model answers to it. */
const variants: Record<string, { planner: Planner; model: Model }> = {
  // The model calls tools natively, both at once.
  tools: {
    planner: toolsPlanner(),
    model: scriptedModel([{ toolCalls: [call('Bergen'), call('Lisbon')] }, answer]),
  },
  // The model writes thoughts and actions as text, one at a time: works with any model.
  react: {
    planner: reactPlanner(),
    model: scriptedModel([
      'Thought: First Bergen.\nAction: weather\nAction Input: {"city": "Bergen"}',
      'Thought: Now Lisbon.\nAction: weather\nAction Input: {"city": "Lisbon"}',
      `Thought: Only one is wet.\nFinal Answer: ${answer}`,
    ]),
  },
  // The model writes the plan first; the steps are carried out without asking it again.
  'plan-execute': {
    planner: planExecutePlanner(),
    model: scriptedModel([
      JSON.stringify({
        steps: [
          { id: 'north', goal: 'The weather in Bergen', tool: 'weather', input: { city: 'Bergen' } },
          { id: 'south', goal: 'The weather in Lisbon', tool: 'weather', input: { city: 'Lisbon' } },
        ],
      }),
      answer,
    ]),
  },
}

const agents = Object.entries(variants).map(([name, { planner, model }]) =>
  defineAgent({
    name,
    instructions: 'You know nothing of the weather but what the tool tells you.',
    tools: [weather],
    model,
    planner,
  }),
)
await using ops = await createOrchestrator({ agents })

for (const agent of agents) {
  const run = await ops.start(agent, 'Where do I need an umbrella, in Bergen or in Lisbon?')
  console.log(`${agent.name}:`)
  for await (const event of run) {
    if (event.type === 'decision') {
      const asked = event.effects.map((effect) =>
        effect.kind === 'tool' ? `weather ${JSON.stringify(effect.input)}` : effect.kind,
      )
      console.log(`  ${asked.join(' + ')}`)
    }
  }
  const outcome = await run.result
  if (outcome.status !== 'completed') throw toError(outcome.error)
  console.log(`  ${outcome.output}`)
}
