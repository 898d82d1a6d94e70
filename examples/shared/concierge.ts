import { setTimeout as sleep } from 'node:timers/promises'
import { type Agent, defineAgent, defineTool } from 'opspawn'
import { scriptedModel } from 'opspawn/testing'
import { z } from 'zod'

/** How long the weather service takes, in milliseconds. */
const WEATHER_MS = Number(process.env['WEATHER_MS'] ?? 700)

const weather = defineTool({
  name: 'weather',
  description: 'The weather in a city.',
  input: z.object({ city: z.string() }),
  effect: 'pure',
  async execute({ city }, { signal }) {
    await sleep(WEATHER_MS, undefined, { signal })
    return { city, sky: 'rain', degrees: 9 }
  },
})

/** The agent that both services offer. Its model stands for a real one, so that the examples run without a key. */
export const concierge: Agent<string, string> = defineAgent({
  name: 'concierge',
  instructions: 'You help travellers.',
  input: z.string().min(1).max(2_000),
  tools: [weather],
  model: scriptedModel(
    [
      ({ prompt }) =>
        prompt.at(-1)?.role === 'tool'
          ? 'Yes, take one: it rains in Bergen.'
          : { toolCalls: [{ name: 'weather', input: { city: 'Bergen' } }] },
    ],
    { repeat: true },
  ),
})
