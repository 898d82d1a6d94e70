import type { Model, ModelPart } from '../core/index.ts'
import { assert, assertEqual } from './assert.ts'
import { checkResult, checkStream, type Outline } from './model-checks.ts'
import { scenarioCall, type ModelScenario } from './model-scenarios.ts'
import { partIterator } from './part-stream.ts'
import type { ConformanceCase } from './suite.ts'
import { assertNoListener, settled, within } from './within.ts'

/** What a case works with. */
export interface ModelWorld {
  readonly open: (scenario: ModelScenario) => Promise<Model>
  /** Longest wait for anything that must settle. */
  readonly promptMs: number
}

type ModelCase = ConformanceCase<ModelWorld>

const HEALTHY = ['text', 'tool-call', 'parallel-calls', 'reasoning', 'unreported', 'bad-arguments', 'unknown-part'] as const

/** The answers that the scenarios stand for. */
const ANSWERS: Readonly<
  Record<(typeof HEALTHY)[number], Partial<Omit<Outline, 'calls'>> & { readonly inputs: readonly unknown[] }>
> = {
  text: { text: 'Hello there.', reasoning: '', inputs: [], finish: 'stop', usage: [10, 5] },
  'tool-call': { text: '', inputs: [{ city: 'Bergen' }] },
  'parallel-calls': { text: '', inputs: [{ city: 'Bergen' }, { city: 'Oslo' }] },
  reasoning: { text: 'Done.', reasoning: 'Let me think.', inputs: [], finish: 'stop' },
  unreported: { text: 'Hello there.', inputs: [], usage: [undefined, undefined] },
  'bad-arguments': { text: '', inputs: ['{"city": "Par'] },
  'unknown-part': { text: 'Hello there.', inputs: [] },
}

async function generate(world: ModelWorld, scenario: ModelScenario): Promise<Outline> {
  const model = await world.open(scenario)
  return checkResult(await within(model.doGenerate(scenarioCall()), world.promptMs, 'doGenerate'))
}

async function stream(world: ModelWorld, scenario: ModelScenario): Promise<Outline> {
  const model = await world.open(scenario)
  return checkStream(await within(readAll(model), world.promptMs, 'the stream'))
}

async function readAll(model: Model): Promise<readonly ModelPart[]> {
  const { stream: source } = await model.doStream(scenarioCall())
  const parts: ModelPart[] = []
  const iterator = partIterator(source)
  for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) parts.push(step.value)
  return parts
}

function checkAnswer(outline: Outline, scenario: (typeof HEALTHY)[number]): void {
  const { inputs, ...expected } = ANSWERS[scenario]
  for (const [member, value] of Object.entries(expected)) assertEqual(outline[member as keyof Outline], value, member)
  assertEqual(
    outline.calls.map((call) => call.name),
    inputs.map(() => 'weather'),
    'the tools called',
  )
  assertEqual(
    outline.calls.map((call) => parsed(call.input)),
    inputs,
    'the arguments',
  )
}

/** Arguments as data; text that is not JSON as it is. */
function parsed(input: string): unknown {
  try {
    return JSON.parse(input) as unknown
  } catch {
    return input
  }
}

const answerCases = HEALTHY.flatMap((scenario): readonly ModelCase[] => [
  { name: `answer: generate, ${scenario}`, run: async (world) => checkAnswer(await generate(world, scenario), scenario) },
  { name: `answer: stream, ${scenario}`, run: async (world) => checkAnswer(await stream(world, scenario), scenario) },
  {
    name: `answer: generate and stream agree, ${scenario}`,
    async run(world) {
      const [one, other] = [await generate(world, scenario), await stream(world, scenario)]
      const { calls, ...rest } = one
      const { calls: otherCalls, ...otherRest } = other
      assertEqual(otherRest, rest, 'what the stream says, against doGenerate')
      // Ids are drawn anew for each call, so only their number can be equal.
      const untold = (list: Outline['calls']): unknown => list.map(({ name, input }) => ({ name, input: parsed(input) }))
      assertEqual(untold(otherCalls), untold(calls), 'the calls of the stream, against doGenerate')
    },
  },
])

/** What a call failed with: a rejection, or an error part of a stream. */
async function failure(world: ModelWorld, scenario: ModelScenario, method: 'generate' | 'stream'): Promise<unknown> {
  const model = await world.open(scenario)
  const call = method === 'generate' ? model.doGenerate(scenarioCall()).then(() => []) : readAll(model)
  const outcome = await settled<readonly ModelPart[]>(call, world.promptMs, method)
  if (outcome.thrown !== undefined) return outcome.thrown.reason
  const part = outcome.value.find((one) => one.type === 'error') as { error?: unknown } | undefined
  assert(part !== undefined, `${method} fails when the provider does`)
  return part.error
}

const FAILURES = [
  ['rate-limit', 429, true],
  ['server-error', 500, true],
  ['bad-request', 400, false],
] as const

const errorCases = FAILURES.flatMap(([scenario, status, retryable]) =>
  (['generate', 'stream'] as const).map((method): ModelCase => ({
    name: `error: ${method}, ${scenario}`,
    async run(world) {
      const error = await failure(world, scenario, method)
      assert(typeof error === 'object' && error !== null, 'a failure is an object')
      const { statusCode, isRetryable, responseHeaders } = error as Readonly<Record<string, unknown>>
      assertEqual(statusCode, status, 'statusCode')
      assertEqual(isRetryable, retryable, 'isRetryable')
      if (scenario !== 'rate-limit') return
      const headers = (responseHeaders ?? {}) as Readonly<Record<string, string>>
      const asked = headers['retry-after-ms'] === '2000' || headers['retry-after'] === '2'
      assert(asked, 'responseHeaders carry retry-after or retry-after-ms')
    },
  })),
)

/** Finish reasons of a whole answer: after them tools are run. */
const WHOLE: readonly unknown[] = ['stop', 'tool-calls', 'length', 'content-filter']

const truncationCase: ModelCase = {
  name: 'error: a truncated stream does not pass for a whole one',
  async run(world) {
    const model = await world.open('truncated')
    const outcome = await settled(readAll(model), world.promptMs, 'a truncated stream')
    if (outcome.thrown !== undefined) return
    const finish = outcome.value.find((part) => part.type === 'finish') as { finishReason?: { unified?: unknown } } | undefined
    const broken = finish === undefined || outcome.value.some((part) => part.type === 'error')
    assert(
      broken || !WHOLE.includes(finish.finishReason?.unified),
      'the finish reason of a truncated stream is that of a whole answer',
    )
  },
}

/** Aborts a call that hangs, and checks that it ends at once. */
async function abortHanging(world: ModelWorld, run: (signal: AbortSignal) => Promise<unknown>, what: string): Promise<void> {
  const control = new AbortController()
  const running = run(control.signal)
  setTimeout(() => control.abort(new Error('stopped by the suite')), 10)
  const outcome = await settled(running, world.promptMs, `${what} after an abort`)
  assert(outcome.thrown !== undefined, `${what} rejects after an abort`)
  await assertNoListener(control.signal, world.promptMs)
}

async function readThrough(model: Model, signal: AbortSignal): Promise<void> {
  const { stream: source } = await model.doStream(scenarioCall(signal))
  const iterator = partIterator(source)
  while ((await iterator.next()).done !== true);
}

const abortCases: readonly ModelCase[] = [
  {
    name: 'abort: a call with an aborted signal rejects',
    async run(world) {
      for (const method of ['doGenerate', 'doStream'] as const) {
        const model = await world.open('text')
        const signal = AbortSignal.abort(new Error('stopped by the suite'))
        const call = method === 'doGenerate' ? model.doGenerate(scenarioCall(signal)) : readThrough(model, signal)
        const outcome = await settled<unknown>(call, world.promptMs, method)
        assert(outcome.thrown !== undefined, `${method} rejects when its signal is aborted already`)
        await assertNoListener(signal, world.promptMs)
      }
    },
  },
  {
    name: 'abort: doGenerate while it waits',
    run: (world) =>
      abortHanging(world, async (signal) => (await world.open('hang')).doGenerate(scenarioCall(signal)), 'doGenerate'),
  },
  {
    name: 'abort: a stream before its first part',
    run: (world) => abortHanging(world, async (signal) => readThrough(await world.open('hang'), signal), 'the stream'),
  },
  {
    name: 'abort: a stream midway',
    run: (world) => abortHanging(world, async (signal) => readThrough(await world.open('hang-midway'), signal), 'the stream'),
  },
  {
    name: 'abort: nothing listens after an answer',
    async run(world) {
      const { signal } = new AbortController()
      const model = await world.open('text')
      await within(model.doGenerate(scenarioCall(signal)), world.promptMs, 'doGenerate')
      await within(readThrough(await world.open('text'), signal), world.promptMs, 'the stream')
      await assertNoListener(signal, world.promptMs)
    },
  },
  {
    name: 'abort: a stream that is given up midway lets go',
    async run(world) {
      const { signal } = new AbortController()
      const model = await world.open('hang-midway')
      const { stream: source } = await within(model.doStream(scenarioCall(signal)), world.promptMs, 'doStream')
      const iterator = partIterator(source)
      await within(iterator.next(), world.promptMs, 'the first part')
      await within(Promise.resolve(iterator.return?.()), world.promptMs, 'giving up the stream')
      await assertNoListener(signal, world.promptMs)
    },
  },
]

/** Every case of the suite. */
export const modelCases: readonly ModelCase[] = [
  {
    name: 'model: it is a V4 model with a provider and an id',
    async run(world) {
      const model: Partial<Model> | undefined = await world.open('text')
      assert(
        model?.specificationVersion === 'v4' && typeof model.doGenerate === 'function' && typeof model.doStream === 'function',
        `the model must be an AI SDK LanguageModelV4, found specification version ${String(model?.specificationVersion)}`,
      )
      assert(typeof model.provider === 'string' && model.provider !== '', 'provider is a text')
      assert(typeof model.modelId === 'string' && model.modelId !== '', 'modelId is a text')
    },
  },
  ...answerCases,
  ...errorCases,
  truncationCase,
  ...abortCases,
  {
    name: 'model: calls at once do not mix',
    async run(world) {
      const model = await world.open('text')
      const results = await within(
        Promise.all([model.doGenerate(scenarioCall()), model.doGenerate(scenarioCall())]),
        world.promptMs,
        'two calls',
      )
      for (const result of results) checkAnswer(checkResult(result), 'text')
      const streams = await within(Promise.all([readAll(model), readAll(model)]), world.promptMs, 'two streams')
      for (const parts of streams) checkAnswer(checkStream(parts), 'text')
    },
  },
]
