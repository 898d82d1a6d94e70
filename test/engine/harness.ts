import { inspect, isDeepStrictEqual } from 'node:util'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import {
  type Agent,
  type AgentOptions,
  createOrchestrator,
  type Decision,
  defineAgent,
  defineTool,
  type Effect,
  type EffectRecord,
  type ErrorCode,
  ERROR_CODES,
  isRecorded,
  type Json,
  type Model,
  OpspawnError,
  type Orchestrator,
  type OrchestratorOptions,
  type Outcome,
  type Planner,
  type Run,
  type RunEvent,
  type RunOutcome,
  type RunRecord,
  type RunView,
  type Schema,
  type StartOptions,
  type Tool,
  type ToolContext,
} from '../../src/index.ts'
import { type ManualClock, manualClock } from '../../src/testing/clock.ts'

export { type ManualClock, manualClock }
export { providerError } from '../../src/testing/provider-error.ts'
export { scriptedModel } from '../../src/testing/scripted-model.ts'
export { seededRandom } from '../../src/testing/seeded.ts'
export { gate } from './support/parts.ts'

/** Everything that was opened in a test; closed after it, however it went. */
let opened: Orchestrator[] = []

/** Fails the file when a rejection was left without a handler, and closes what its tests opened. To be called once at the top. */
export function guardFile(): void {
  const unhandled: unknown[] = []
  const listener = (reason: unknown): void => void unhandled.push(reason)
  beforeAll(() => void process.on('unhandledRejection', listener))
  afterEach(async () => {
    const all = opened
    opened = []
    await Promise.all(all.map(close))
    await turns(4)
    expect(unhandled.splice(0), 'unhandled rejections').toEqual([])
    expect(Object.keys(Object.prototype), 'members of Object.prototype').toEqual([])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
  afterAll(() => void process.off('unhandledRejection', listener))
}

async function close(ops: Orchestrator): Promise<void> {
  const closing = ops.drain(1).then(() => ops[Symbol.asyncDispose]())
  // One that cannot be closed is a fault of its own, and must not hold up the tests after it.
  await Promise.race([closing, pause(40)]).catch(() => {})
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms))
}

/** Gives the event loop some turns. */
export async function turns(count: number = 20): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise<void>((resolve) => void setImmediate(resolve))
}

/** An orchestrator that says nothing and has, besides the given agents, a healthy one. */
export async function open(options: OrchestratorOptions = {}): Promise<Orchestrator> {
  const agents = Array.isArray(options.agents) ? [...(options.agents as Agent[]), healthy] : options.agents
  const ops = await createOrchestrator({
    announce: false,
    ...options,
    ...(agents === undefined ? { agents: [healthy] } : { agents }),
  })
  opened.push(ops)
  return ops
}

/** Looks for the code that an attempt to compose ends with. */
export async function refusal(options: OrchestratorOptions): Promise<OpspawnError> {
  return thrownBy(() => createOrchestrator({ announce: false, ...options }).then((ops) => void opened.push(ops)))
}

/** Runs something that must throw an error of this package. */
export async function thrownBy(body: () => unknown): Promise<OpspawnError> {
  let thrown: unknown
  let returned: unknown
  try {
    returned = await body()
  } catch (error) {
    thrown = error
  }
  if (thrown === undefined) throw new Error(`nothing was thrown; it gave ${String(returned)}`)
  if (!OpspawnError.is(thrown)) throw new Error(`not an OpspawnError: ${inspect(thrown)}`, { cause: thrown })
  return thrown
}

export async function expectCode(body: () => unknown, code: ErrorCode, ...texts: (string | RegExp)[]): Promise<OpspawnError> {
  const error = await thrownBy(body)
  expect(`${error.code}: ${error.message}`).toMatch(new RegExp(`^${code}: `))
  for (const text of texts) expect(error.message).toMatch(text)
  return error
}

/** A planner of one function. */
export function plan(decide: (run: RunView) => unknown, more: Partial<Planner> = {}): Planner {
  return { spec: 'planner/1', name: 'test-planner', ...more, decide: decide as Planner['decide'] }
}

/** Asks for effects once, and finishes when all have settled. */
export function once(...effects: readonly Effect[]): Planner {
  return plan((run) => {
    if (run.decisions === 0) return { type: 'act', effects } satisfies Decision
    return run.open > 0 ? { type: 'idle' } : { type: 'finish', output: 'done' }
  })
}

/** One effect after the other. */
export function inTurn(...effects: readonly Effect[]): Planner {
  return plan((run) => {
    if (run.open > 0) return { type: 'idle' }
    const next = effects[run.decisions]
    return next === undefined ? { type: 'finish', output: 'done' } : { type: 'act', effects: [next] }
  })
}

export const callTool = (key: string, tool: string, input: Json = {}): Effect => ({ kind: 'tool', key, tool, input })
export const callModel = (key: string, more: object = {}): Effect => ({
  kind: 'model',
  key,
  messages: [{ role: 'user', content: [{ type: 'text', text: 'go' }] }],
  ...more,
})

export const anything: Schema = { type: 'object' } as Schema

/** A pure tool of one function. */
export function tool(name: string, execute: (input: never, context: ToolContext) => unknown, more: object = {}): Tool {
  return defineTool({ name, description: name, input: anything, effect: 'pure', execute: execute as () => unknown, ...more })
}

export function agent(name: string, planner: Planner | undefined, more: Partial<AgentOptions> = {}): Agent {
  return defineAgent({ name, ...(planner === undefined ? undefined : { planner }), ...more } as AgentOptions) as Agent
}

/** A model of one function, whatever it gives. */
export function modelOf(
  answer: (options: Parameters<Model['doGenerate']>[0], call: number) => unknown,
  more: object = {},
): Model & { calls: number } {
  const model = {
    specificationVersion: 'v4' as const,
    provider: 'test',
    modelId: 'm',
    calls: 0,
    ...more,
    doGenerate: (async (options: Parameters<Model['doGenerate']>[0]) => {
      model.calls += 1
      return answer(options, model.calls)
    }) as Model['doGenerate'],
    doStream: (async () => {
      throw new Error('not streamed')
    }) as Model['doStream'],
  }
  return model
}

/** A reply as `doGenerate` gives it. */
export function reply(text: string, usage: { input?: number; output?: number } = { input: 10, output: 5 }): object {
  return {
    content: [{ type: 'text', text }],
    finishReason: { unified: 'stop', raw: undefined },
    usage: { inputTokens: { total: usage.input }, outputTokens: { total: usage.output } },
    warnings: [],
  }
}

const healthy = agent('healthy', once(callTool('a', 'beat')), { tools: [tool('beat', () => 'thump')] })

/** What a run came to, with all that can be known of it. */
export interface Played {
  readonly ops: Orchestrator
  readonly run: Run
  readonly clock: ManualClock
  readonly outcome: RunOutcome
  readonly record: RunRecord
  readonly history: readonly RunEvent[]
  /** The recorded outcome of an effect. */
  effect(key: string): Outcome
  retries(key: string): readonly (RunEvent & { type: 'effect-retry' })[]
}

export interface Play {
  readonly agents?: readonly Agent[]
  readonly input?: unknown
  readonly start?: StartOptions
  readonly options?: OrchestratorOptions
  /** Somebody watches, so models stream and progress is told. */
  readonly watch?: boolean
  readonly clock?: ManualClock
  /** What happens between the start and the end. */
  readonly meanwhile?: (run: Run, clock: ManualClock, ops: Orchestrator) => unknown
}

/**
 * Runs an agent to its end on a manual clock and checks what must hold whatever went wrong: the run ends with a typed
 * outcome, its history is whole and plain JSON, and another run of the same orchestrator completes.
 */
export async function play(subject: Agent, given: Play = {}): Promise<Played> {
  const clock = given.clock ?? manualClock()
  const ops = await open({ clock, random: () => 0.5, ...given.options, agents: [subject, ...(given.agents ?? [])] })
  const run = await ops.start(subject.name, given.input ?? 'go', given.start)
  if (given.watch === true) void drainEvents(run)
  await given.meanwhile?.(run, clock, ops)
  const outcome = await ended(run, clock)
  const history = await historyOf(run)
  await expectHealthy(ops, clock)
  return {
    ops,
    run,
    clock,
    outcome,
    history,
    record: await ops.record(run.id),
    effect(key) {
      const event = history.find((candidate) => candidate.type === 'effect-end' && candidate.key === key)
      if (event?.type !== 'effect-end') throw new Error(`effect "${key}" has no outcome in the history`)
      return event.outcome
    },
    retries: (key) => history.filter((event) => event.type === 'effect-retry' && event.key === key) as never,
  }
}

async function drainEvents(run: Run): Promise<void> {
  try {
    for await (const _ of run);
  } catch {
    // It was closed before its end; other assertions say so.
  }
}

/** Lets time go on until a run has ended; throws when it has not after ten minutes of the clock. */
export async function ended<O>(run: Run<O>, clock: ManualClock, limitMs: number = 600_000): Promise<RunOutcome<O>> {
  let result: { readonly outcome: RunOutcome<O> } | { readonly thrown: unknown } | undefined
  run.result.then(
    (outcome) => (result = { outcome }),
    (thrown: unknown) => (result = { thrown }),
  )
  await clock.advance(0)
  await turns(4)
  for (let passed = 0; result === undefined && passed < limitMs; passed += 500) await clock.advance(500)
  if (result === undefined) throw new Error(`run ${run.id} had not ended after ${limitMs} ms`)
  if ('thrown' in result) throw result.thrown
  expect(['completed', 'failed', 'cancelled']).toContain(result.outcome.status)
  return result.outcome
}

/** The whole history of an ended run, checked for gaps and for being plain JSON. */
export async function historyOf(run: Run): Promise<readonly RunEvent[]> {
  const events: RunEvent[] = []
  for await (const event of run.events()) if (isRecorded(event)) events.push(event)
  expect(events[0]?.type).toBe('run-start')
  expect(events.at(-1)?.type).toBe('run-end')
  expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1))
  expectJson(events)
  const asked = events.flatMap((event) => (event.type === 'decision' ? event.effects.map((effect) => effect.key) : []))
  const settled = events.flatMap((event) => (event.type === 'effect-end' ? [event.key] : []))
  expect(settled.toSorted(), 'every effect has one outcome').toEqual(asked.toSorted())
  for (const event of events) if (event.type === 'effect-end') expectTyped(event.outcome)
  return events
}

/** Exactly what JSON carries: nothing is lost on the way through text. */
export function expectJson(value: unknown): void {
  const text = JSON.stringify(value)
  const back: unknown = JSON.parse(text)
  if (isDeepStrictEqual(back, value)) return
  // The difference of ten megabytes would take longer to print than everything else.
  if (text.length < 100_000) expect(back).toStrictEqual(value)
  throw new Error('what JSON gives back differs from the value')
}

function expectTyped(outcome: Outcome): void {
  if (outcome.status === 'completed') return
  expect(ERROR_CODES).toContain(outcome.error.code)
  expect(typeof outcome.error.message).toBe('string')
  expect(outcome.error.message.length).toBeGreaterThan(0)
  expect(typeof outcome.error.retryable).toBe('boolean')
}

/** Other runs go on as ever. */
export async function expectHealthy(ops: Orchestrator, clock?: ManualClock): Promise<void> {
  const run = await ops.start('healthy', 'hello')
  const outcome = clock === undefined ? await run.result : await ended(run, clock)
  expect(outcome).toEqual({ status: 'completed', output: 'done' })
}

/** The failure of an outcome that is one. */
export function errorOf(outcome: Outcome | RunOutcome): { code: string; message: string; retryable: boolean; details?: unknown } {
  if (outcome.status === 'completed') throw new Error(`it completed: ${JSON.stringify(outcome).slice(0, 200)}`)
  return outcome.error
}

export function expectFailure(outcome: Outcome | RunOutcome, code: ErrorCode, ...texts: (string | RegExp)[]): void {
  const error = errorOf(outcome)
  expect(`${error.code}: ${error.message}`).toMatch(new RegExp(`^${code}: `))
  for (const text of texts) expect(error.message).toMatch(text)
}

/** Counts how many are inside at once. */
export function gauge(): { now: number; most: number; total: number; run<T>(body: () => Promise<T>): Promise<T> } {
  const counter = {
    now: 0,
    most: 0,
    total: 0,
    async run<T>(body: () => Promise<T>): Promise<T> {
      counter.now += 1
      counter.total += 1
      counter.most = Math.max(counter.most, counter.now)
      try {
        return await body()
      } finally {
        counter.now -= 1
      }
    },
  }
  return counter
}

/** An object with an own member of that very name, as `JSON.parse` makes it. */
export function hostile(value: unknown = { polluted: 'yes' }): never {
  return JSON.parse(`{"__proto__":${JSON.stringify(value)}}`) as never
}

export type { EffectRecord }
