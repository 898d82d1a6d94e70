import type { ModelCallOptions } from '../core/index.ts'
import { providerError } from './provider-error.ts'
import type { FixedStep } from './scripted-step.ts'

/**
 * What a model under test is to be prepared for. In every scenario each call of the model, `doGenerate` or `doStream`, is
 * answered alike:
 * - `text`: the text `Hello there.`, 10 input and 5 output tokens;
 * - `tool-call`: a call of `weather` with `{"city":"Bergen"}`;
 * - `parallel-calls`: two calls of `weather`, with `{"city":"Bergen"}` and `{"city":"Oslo"}`;
 * - `reasoning`: the reasoning `Let me think.`, then the text `Done.`;
 * - `unreported`: the text `Hello there.`, and not a word about usage;
 * - `bad-arguments`: a call of `weather` whose arguments are the text `{"city": "Par`;
 * - `unknown-part`: the text `Hello there.` and a part, or an event, of a type that nobody knows;
 * - `rate-limit`: status 429, to be tried again after 2 seconds; `server-error`: 500; `bad-request`: 400;
 * - `truncated`: the connection ends after the text `Hello`, before a finish;
 * - `hang`: nothing comes; `hang-midway`: after the text `Hello` nothing comes.
 */
export type ModelScenario =
  | 'text'
  | 'tool-call'
  | 'parallel-calls'
  | 'reasoning'
  | 'unreported'
  | 'bad-arguments'
  | 'unknown-part'
  | 'rate-limit'
  | 'server-error'
  | 'bad-request'
  | 'truncated'
  | 'hang'
  | 'hang-midway'

const BERGEN = { name: 'weather', input: { city: 'Bergen' } }
const OSLO = { name: 'weather', input: { city: 'Oslo' } }

const STEPS: Readonly<Record<Exclude<ModelScenario, 'bad-request'>, FixedStep>> = {
  text: { text: 'Hello there.', usage: { inputTokens: 10, outputTokens: 5 } },
  'tool-call': { toolCalls: [BERGEN] },
  'parallel-calls': { toolCalls: [BERGEN, OSLO], interleave: true },
  reasoning: { reasoning: 'Let me think.', text: 'Done.' },
  unreported: { text: 'Hello there.', usage: 'unreported' },
  'bad-arguments': { toolCalls: [{ name: 'weather', input: '{"city": "Par' }] },
  'unknown-part': {
    content: [
      { type: 'text', text: 'Hello there.' },
      { type: 'opspawn-unknown', value: 1 },
    ],
  },
  'rate-limit': { fault: 'rate-limit', retryAfterMs: 2000 },
  'server-error': { fault: 'server-error' },
  truncated: { fault: 'truncated', text: 'Hello there' },
  hang: { fault: 'hang' },
  'hang-midway': { fault: 'hang', text: 'Hello' },
}

/**
 * A scenario as a step of a script, to test what wraps a model:
 * `createModel: (scenario) => cached(scriptedModel([scenarioStep(scenario)], { repeat: true }))`.
 */
export function scenarioStep(scenario: ModelScenario): FixedStep {
  if (scenario !== 'bad-request') return STEPS[scenario]
  return { fault: 'throw', value: providerError('Bad request (scripted)', { statusCode: 400, isRetryable: false }) }
}

/** What the suite asks. Frozen all through: a model that writes into its options fails. */
export function scenarioCall(signal?: AbortSignal): ModelCallOptions {
  const options: ModelCallOptions = {
    prompt: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'text', text: 'What is the weather in Bergen?' }] },
    ],
    tools: [
      {
        type: 'function',
        name: 'weather',
        description: 'Looks up the weather of a city.',
        inputSchema: {
          type: 'object',
          properties: { city: { type: 'string' } },
          required: ['city'],
          additionalProperties: false,
        },
      },
    ],
    toolChoice: { type: 'auto' },
    maxOutputTokens: 256,
  }
  deepFreeze(options)
  return signal === undefined ? options : Object.freeze({ ...options, abortSignal: signal })
}

/** Freezes plain data all through; gives it back. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const item of Object.values(value)) deepFreeze(item)
  return value
}
