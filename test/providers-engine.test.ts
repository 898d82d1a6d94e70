/**
 * Whole runs with the real provider packages: agent, tools planner, one tool, engine, and a server on this machine that
 * speaks each provider's wire format. Watched runs stream, the others ask for the whole answer.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  createOrchestrator,
  defineAgent,
  defineTool,
  isRecorded,
  type LiveEvent,
  type Orchestrator,
  type Run,
  type RunEvent,
  type RunEventType,
  type RunOutcome,
} from '../src/index.ts'
import { manualClock, type ManualClock } from '../src/testing/index.ts'
import { google, sample, startWireServer, type Scenario, type WireExchange, type WireServer } from './fixtures/wire/index.ts'
import { type WireProvider, wireProviders } from './fixtures/wire-providers.ts'

const opened: (Orchestrator | WireServer)[] = []
afterEach(async () => {
  for (const part of opened.splice(0).toReversed()) await part.close()
})

/** A run that has been started. */
interface Started {
  readonly run: Run<string>
  readonly ops: Orchestrator
  readonly clock: ManualClock
  /** What the tool was called with, in the order in which its body was entered. */
  readonly inputs: readonly { readonly city: string }[]
  readonly live: readonly LiveEvent[]
  readonly events: readonly RunEvent[]
  /** The requests of the run. */
  readonly exchanges: readonly WireExchange[]
}

/** Starts an agent with one tool on a clock that stands still, against a server that will behave as told. */
async function start(provider: WireProvider, watched: boolean, ...scenarios: readonly Scenario[]): Promise<Started> {
  const server = await startWireServer([provider.format])
  opened.push(server)
  server.script(...scenarios)
  const inputs: { city: string }[] = []
  const weather = defineTool({
    name: 'get_weather',
    description: 'Tells the weather in a city.',
    input: z.object({ city: z.string() }),
    effect: 'pure',
    async execute({ city }) {
      inputs.push({ city })
      // The first city is the slower one: what comes back later must not be told later.
      if (city === 'Paris') await pause(10)
      return `sunny in ${city}`
    },
  })
  const agent = defineAgent({
    name: 'guide',
    instructions: 'Answer in one sentence.',
    model: provider.make(server.baseURL(provider.format)),
    tools: [weather],
    // Without this, OpenAI keeps reasoning on its side and is sent only its id.
    settings: { maxOutputTokens: 5000, providerOptions: { openai: { store: false } } },
  })
  const clock = manualClock()
  const ops = await createOrchestrator({ agents: [agent], announce: false, clock, random: () => 0 })
  opened.push(ops)
  const live: LiveEvent[] = []
  const events: RunEvent[] = []
  if (watched) ops.on('live', (_runId, event) => live.push(event))
  ops.on('event', (_runId, event) => events.push(event))
  const run = (await ops.start(agent, 'What is the weather?')) as Run<string>
  return { run, ops, clock, inputs, live, events, exchanges: server.exchanges }
}

/** Lets the run go on until something holds. Time passes only while a retry is waited for. */
async function until<T>(started: Started, what: string, look: () => T | undefined): Promise<T> {
  for (let round = 0; round < 2000; round += 1) {
    const found = look()
    if (found !== undefined) return found
    await started.clock.advance(started.events.at(-1)?.type === 'effect-retry' ? 100 : 0)
    await pause(1)
  }
  throw new Error(`it never came to this: ${what}`)
}

async function ended(started: Started): Promise<RunOutcome<string>> {
  let outcome: RunOutcome<string> | undefined
  void started.run.result.then((value) => (outcome = value))
  return until(started, 'the end of the run', () => outcome)
}

/** The recorded events of one type. */
function ofType<T extends RunEventType>({ events }: Started, type: T): (RunEvent & { readonly type: T })[] {
  return events.filter((event): event is RunEvent & { readonly type: T } => isRecorded(event) && event.type === type)
}

/** What a request says, as JSON text in which arguments inside a text are not escaped. */
function sent(exchange: WireExchange | undefined): string {
  return JSON.stringify(exchange?.request.body).replaceAll('\\"', '"')
}

/** What was said while it was watched, with a mark where that became void. */
function said({ live }: Started): string {
  const pieces = live.map((event) => (event.type === 'text-delta' ? event.delta : event.type === 'delta-reset' ? '(void)' : ''))
  return pieces.join('')
}

const hello = { status: 'completed', output: 'Hello, world!' }

describe.each(wireProviders)('$name', (provider) => {
  describe.each([
    ['watched', true],
    ['unwatched', false],
  ] as const)('%s', (_how, watched) => {
    it('calls the tool, is told the result and answers', async () => {
      const started = await start(provider, watched, 'tool-call', 'text')
      expect(await ended(started)).toEqual(hello)
      expect(started.inputs).toEqual([{ city: 'Paris' }])
      const [first, second, ...more] = started.exchanges
      expect(more).toEqual([])
      expect(first).toMatchObject({ format: provider.format.name, streamed: watched })
      expect(second).toMatchObject({ streamed: watched })
      expect(sent(first)).toContain('Answer in one sentence.')
      expect(sent(first)).toContain('Tells the weather in a city.')
      expect(sent(second)).toContain('{"city":"Paris"}')
      expect(sent(second)).toContain('sunny in Paris')
      expect(said(started)).toBe(watched ? 'Hello, world!' : '')
    })

    it('leaves in the record what was reported to have been used', async () => {
      const started = await start(provider, watched, 'tool-call', 'text')
      await ended(started)
      const record = await started.ops.record(started.run.id)
      const tokens = 2 * (sample.usage.input + sample.usage.output)
      expect(record.spending).toMatchObject({ used: { steps: 2, tokens }, reserved: { steps: 0, tokens: 0 }, unreported: 0 })
      const answers = ofType(started, 'effect-end').filter((event) => event.key.startsWith('model'))
      const usage = { input: sample.usage.input, output: sample.usage.output, cacheRead: sample.usage.cacheRead }
      expect(answers.map((event) => event.outcome)).toMatchObject([{ value: { usage } }, { value: { usage } }])
    })

    it('calls tools at once and is told their results in the order of the calls', async () => {
      const started = await start(provider, watched, 'parallel-tool-calls', 'text')
      expect(await ended(started)).toEqual(hello)
      expect(started.inputs).toEqual([{ city: 'Paris' }, { city: 'Oslo' }])
      const settled = ofType(started, 'effect-end').map((event) => event.key)
      expect(settled).toEqual(['model-0', 'tool-1-1', 'tool-1-0', 'model-2'])
      expect(sent(started.exchanges[1])).toMatch(/sunny in Paris.*sunny in Oslo/)
    })

    it('gets its reasoning and signature back with the results', async () => {
      const started = await start(provider, watched, 'reasoning-tool-call', 'text')
      expect(await ended(started)).toEqual(hello)
      expect(started.inputs).toEqual([{ city: 'Paris' }])
      for (const text of provider.reasoningSentBack) expect(sent(started.exchanges[1])).toContain(text)
    })

    it('is left alone for as long as it asked for, then called again', async () => {
      const started = await start(provider, watched, 'rate-limited', 'text')
      const retry = await until(started, 'a retry', () => ofType(started, 'effect-retry')[0])
      expect(retry.error).toMatchObject({ code: 'MODEL_RATE_LIMITED', retryable: true, details: { status: 429 } })
      expect(retry.dueAt - retry.at).toBeGreaterThanOrEqual(sample.retryAfterSeconds * 1000)
      await started.clock.advance(retry.dueAt - started.clock.now() - 1)
      await pause(5)
      expect(started.exchanges).toHaveLength(1)
      expect(await ended(started)).toEqual(hello)
      expect(started.exchanges).toHaveLength(2)
      expect(started.clock.now()).toBeGreaterThanOrEqual(retry.dueAt)
    })

    it('is called again after errors of the server, at any turn', async () => {
      const started = await start(provider, watched, 'server-error', 'tool-call', 'server-error', 'overloaded', 'text')
      expect(await ended(started)).toEqual(hello)
      expect(started.exchanges).toHaveLength(5)
      expect(started.inputs).toEqual([{ city: 'Paris' }])
      expect(ofType(started, 'effect-retry').map((event) => [event.key, event.attempt, event.error.code])).toEqual([
        ['model-0', 1, 'MODEL_UNAVAILABLE'],
        ['model-2', 1, 'MODEL_UNAVAILABLE'],
        ['model-2', 2, 'MODEL_UNAVAILABLE'],
      ])
    })

    it('fails the run when the server errs for good, and the run says so', async () => {
      const started = await start(provider, watched, 'server-error', 'server-error', 'server-error', 'server-error')
      expect(await ended(started)).toMatchObject({ status: 'failed', error: { code: 'MODEL_UNAVAILABLE', retryable: true } })
      expect(started.exchanges).toHaveLength(4)
    })

    it.each(['bad-request', 'unauthorized'] as const)('is not asked twice what it refused (%s)', async (scenario) => {
      const started = await start(provider, watched, scenario)
      expect(await ended(started)).toMatchObject({ status: 'failed', error: { code: 'MODEL_FAILED', retryable: false } })
      expect(started.exchanges).toHaveLength(1)
    })

    it('is called again when the connection is torn', async () => {
      const started = await start(provider, watched, 'reset', 'text')
      expect(await ended(started)).toEqual(hello)
      expect(started.exchanges).toHaveLength(2)
      expect(said(started)).toBe(watched ? 'Hello, world!(void)Hello, world!' : '')
    })

    it.each(['hang-before-output', 'hang'] as const)('is hung up on when the run is cancelled (%s)', async (scenario) => {
      const started = await start(provider, watched, scenario)
      const exchange = await until(started, 'a request', () => started.exchanges[0])
      if (watched && scenario === 'hang')
        await until(started, 'a delta', () => started.live.find(({ type }) => type === 'text-delta'))
      const before = performance.now()
      await started.run.cancel('enough')
      expect(await ended(started)).toMatchObject({ status: 'cancelled', error: { code: 'RUN_CANCELLED' } })
      expect(await exchange.outcome).toBe('aborted')
      expect(performance.now() - before).toBeLessThan(1000)
      expect(started.exchanges).toHaveLength(1)
    })
  })

  it.each(['error-before-output', 'error-mid-stream'] as const)(
    'is called again after an error inside a stream (%s)',
    async (scenario) => {
      const started = await start(provider, true, scenario, 'text')
      expect(await ended(started)).toEqual(hello)
      expect(started.exchanges).toHaveLength(2)
      const [retry] = ofType(started, 'effect-retry')
      expect(['MODEL_INTERRUPTED', 'MODEL_UNAVAILABLE']).toContain(retry?.error.code)
      expect(said(started)).toBe(scenario === 'error-mid-stream' ? 'Hello, world!(void)Hello, world!' : 'Hello, world!')
    },
  )

  it('is called again when half a stream ends as if it were whole, and what was said is void', async () => {
    const started = await start(provider, true, 'truncated', 'text')
    expect(await ended(started)).toEqual(hello)
    expect(started.exchanges).toHaveLength(2)
    expect(said(started)).toBe('Hello, world!(void)Hello, world!')
  })

  it.each(['truncated', 'truncated-tool-call', 'malformed', 'empty'] as const)(
    'is called again when what came is no whole answer, though nobody watches (%s)',
    async (scenario) => {
      const started = await start(provider, false, scenario, 'text')
      expect(await ended(started)).toEqual(hello)
      expect(started.exchanges).toHaveLength(2)
      expect(started.inputs).toEqual([])
      expect(ofType(started, 'effect-retry').map((event) => event.error.code)).toEqual(['MODEL_INTERRUPTED'])
    },
  )

  it.each([true, false])('fails the run when the answer was cut at its longest, watched: %s', async (watched) => {
    const started = await start(provider, watched, 'length')
    expect(await ended(started)).toMatchObject({ status: 'failed', error: { code: 'MODEL_ANSWER_INVALID' } })
    expect(started.exchanges).toHaveLength(1)
  })

  it('goes on behind a piece of a stream that is no JSON, or is called again where the package gives up', async () => {
    const started = await start(provider, true, 'malformed', 'text')
    expect(await ended(started)).toEqual(hello)
    const givesUp = provider.name === 'openai responses'
    expect(ofType(started, 'effect-retry').map((event) => event.error.code)).toEqual(givesUp ? ['MODEL_INTERRUPTED'] : [])
    expect(started.exchanges).toHaveLength(givesUp ? 2 : 1)
  })

  it.each(['truncated', 'truncated-tool-call', 'empty'] as const)(
    'never has half a stream pass for an answer (%s)',
    async (scenario) => {
      const started = await start(provider, true, scenario, scenario, scenario, scenario)
      const outcome = await ended(started)
      expect(outcome.status).toBe('failed')
      expect(started.inputs).toEqual([])
    },
  )
})

describe.each([
  ['watched', true],
  ['unwatched', false],
] as const)('%s', (_how, watched) => {
  /** Google's API refuses broken arguments itself. */
  const [direct, refusing] = [
    wireProviders.filter(({ format }) => format !== google),
    wireProviders.filter(({ format }) => format === google),
  ]

  async function expectMended(provider: WireProvider): Promise<void> {
    const started = await start(provider, watched, 'invalid-tool-arguments', 'tool-call', 'text')
    expect(await ended(started)).toEqual(hello)
    expect(started.inputs).toEqual([{ city: 'Paris' }])
    expect(started.exchanges).toHaveLength(3)
    // Anthropic's whole answers hold arguments as values: there they can only break the schema.
    expect(sent(started.exchanges[1])).toMatch(/the arguments are not valid JSON|its arguments are wrong: \/city/)
    expect(sent(started.exchanges[1])).not.toContain('{"city": "Par')
    expect(sent(started.exchanges[2])).toContain('sunny in Paris')
  }
  it.each(direct)('$name is told of broken arguments, and mends them', expectMended)
  it.each(refusing)('$name, which gives no answer then, is asked again', async (provider) => {
    const started = await start(provider, watched, 'invalid-tool-arguments', 'tool-call', 'text')
    expect(await ended(started)).toEqual(hello)
    expect(started.exchanges).toHaveLength(3)
  })
})
