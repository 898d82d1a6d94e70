/** What types the contracts of core give and refuse. Checked by `tsc`, never run. */
import { describe, expectTypeOf, it } from 'vitest'
import {
  type Decision,
  defineAgent,
  defineExtension,
  definePlugin,
  type Effect,
  type ErrorCode,
  type Json,
  type JsonObject,
  jsonSchema,
  type Message,
  type Model,
  type ModelAnswer,
  modelAnswer,
  type Orchestrator,
  type Outcome,
  outputOf,
  type Planner,
  type Run,
  type RunEvent,
  type RunOutcome,
  type RunView,
  type Store,
  type Tool,
} from 'opspawn/core'

interface City {
  city: string
}

declare const model: Model
declare const ops: Orchestrator

describe('a run', () => {
  const agent = defineAgent({
    name: 'a',
    input: jsonSchema<City>({ type: 'object' }),
    output: jsonSchema<{ degrees: number }>({ type: 'object' }),
  })
  it('takes the input of its agent and gives its output', async () => {
    const run = await ops.start(agent, { city: 'Oslo' })
    expectTypeOf(run).toEqualTypeOf<Run<{ degrees: number }>>()
    const outcome = await run.result
    expectTypeOf(outcome).toEqualTypeOf<RunOutcome<{ degrees: number }>>()
    if (outcome.status === 'completed') expectTypeOf(outcome.output).toEqualTypeOf<{ degrees: number }>()
    else expectTypeOf(outcome.error.code).toEqualTypeOf<string>()
    expectTypeOf(outputOf(outcome)).toEqualTypeOf<{ degrees: number }>()
    // @ts-expect-error an outcome has an output only when the run completed
    void outcome.output
  })
  it('of text takes text', async () => {
    const text = defineAgent({ name: 'text', model })
    expectTypeOf(await ops.start(text, 'hello')).toEqualTypeOf<Run<string>>()
    // @ts-expect-error a number is no text
    await ops.start(text, 5)
  })
  it('refuses another input', async () => {
    // @ts-expect-error the city is a text
    await ops.start(agent, { city: 5 })
    // @ts-expect-error the city is missing
    await ops.start(agent, {})
    // @ts-expect-error no such option
    await ops.start(agent, { city: 'Oslo' }, { tenantId: 'acme' })
    // @ts-expect-error no such limit
    await ops.start(agent, { city: 'Oslo' }, { limits: { step: 1 } })
  })
  it('of an agent by name takes anything and gives JSON', async () => {
    const run = await ops.start('a', { whatever: true })
    expectTypeOf(run).toEqualTypeOf<Run>()
    expectTypeOf((await run.result) satisfies RunOutcome).toEqualTypeOf<RunOutcome<Json>>()
  })
  it('is no promise', () => {
    expectTypeOf<Run>().not.toHaveProperty('then')
    expectTypeOf<Run>().toExtend<AsyncIterable<unknown>>()
  })
})

declare const view: RunView

describe('a planner', () => {
  it('decides from a view that it cannot change', () => {
    const planner: Planner = {
      spec: 'planner/1',
      name: 'p',
      decide(run) {
        expectTypeOf(run).toEqualTypeOf<RunView>()
        return { type: 'finish', output: { done: true } }
      },
    }
    expectTypeOf(definePlugin(planner)).toEqualTypeOf<Planner>()
    // @ts-expect-error a view is only read
    view.open = 5
    // @ts-expect-error its maps too
    view.effects.delete('a')
    // @ts-expect-error and its lists
    view.settled.push()
  })
  it('cannot decide what does not exist', () => {
    const bare = { spec: 'planner/1', name: 'p' } as const
    // @ts-expect-error no such decision
    definePlugin({ ...bare, decide: () => ({ type: 'stop' }) })
    // @ts-expect-error acting needs effects
    definePlugin({ ...bare, decide: () => ({ type: 'act' }) })
    // @ts-expect-error finishing needs an output
    definePlugin({ ...bare, decide: () => ({ type: 'finish' }) })
    // @ts-expect-error a date is no JSON
    definePlugin<Planner>({ ...bare, decide: () => ({ type: 'finish', output: new Date() }) })
    // @ts-expect-error effects are of closed kinds
    definePlugin<Planner>({ ...bare, decide: () => ({ type: 'act', effects: [{ kind: 'http', key: 'a', url: 'x' }] }) })
    // @ts-expect-error every effect has a key
    definePlugin<Planner>({ ...bare, decide: () => ({ type: 'act', effects: [{ kind: 'tool', tool: 'x', input: {} }] }) })
    // @ts-expect-error a tool effect has no member called arguments
    void ({ kind: 'tool', key: 'a', tool: 'x', arguments: {} } satisfies Effect)
    // @ts-expect-error failing needs a whole failure
    void ({ type: 'fail', error: { message: 'x' } } satisfies Decision)
  })
})

declare const store: Store

describe('a store', () => {
  it('needs every method', () => {
    expectTypeOf(definePlugin(store)).toEqualTypeOf<Store>()
    // @ts-expect-error sweep is missing
    definePlugin({} as Omit<Store, 'sweep'>)
    // @ts-expect-error capabilities say what it survives
    definePlugin<Store>({ ...store, capabilities: { ...store.capabilities, durability: 'forever' } })
    // @ts-expect-error another version of the contract
    definePlugin({ ...store, spec: 'store/2' })
  })
})

describe('an extension', () => {
  it('may give back what undoes it', () => {
    defineExtension({ name: 'a', setup: () => {} })
    defineExtension({ name: 'a', setup: () => () => {} })
    defineExtension({ name: 'a', setup: async () => async () => {} })
    // @ts-expect-error what undoes it is a function
    defineExtension({ name: 'a', setup: () => 'undo' })
    // @ts-expect-error stores are not added late
    defineExtension({ name: 'a', setup: (host) => host.add(store) })
  })
  it('sees effects and events with their types', () => {
    defineExtension({
      name: 'a',
      setup(host) {
        host.addMiddleware(async (effect, context, next) => {
          expectTypeOf(effect).toEqualTypeOf<Effect>()
          expectTypeOf(context.attempt).toBeNumber()
          expectTypeOf(await next()).toEqualTypeOf<Json>()
          return next()
        })
        host.observe((runId, event) => {
          expectTypeOf(runId).toBeString()
          expectTypeOf(event).toEqualTypeOf<RunEvent>()
          if (event.type === 'effect-end') expectTypeOf(event.outcome).toEqualTypeOf<Outcome>()
        })
        // @ts-expect-error no such verdict
        host.addRule({ verdict: 'maybe' })
      },
    })
  })
})

describe('an orchestrator', () => {
  it('tells listeners what they listen to', () => {
    ops.on('event', (runId, event) => expectTypeOf([runId, event]).toEqualTypeOf<(string | RunEvent)[]>())
    ops.on('fault', (failure) => expectTypeOf(failure.code).toEqualTypeOf<string>())
    // @ts-expect-error no such event
    ops.on('evnt', () => {})
  })
})

it('JSON has no place for anything else', () => {
  expectTypeOf<{ readonly a: readonly [1, 'b', null] }>().toExtend<Json>()
  expectTypeOf<Date>().not.toExtend<Json>()
  expectTypeOf<undefined>().not.toExtend<Json>()
  expectTypeOf<() => void>().not.toExtend<Json>()
  expectTypeOf<bigint>().not.toExtend<Json>()
  expectTypeOf<Map<string, string>>().not.toExtend<JsonObject>()
})

it('nothing that users meet is any', () => {
  expectTypeOf<ModelAnswer['content'][number][string]>().not.toBeAny()
  expectTypeOf(modelAnswer).returns.toEqualTypeOf<ModelAnswer | undefined>()
  expectTypeOf<RunView['effects']>().not.toBeAny()
  expectTypeOf<RunEvent>().not.toBeAny()
  expectTypeOf<Message['content']>().not.toBeAny()
  expectTypeOf<string>().not.toExtend<ErrorCode>()
  expectTypeOf<Parameters<Tool['execute']>[0]>().toBeUnknown()
  expectTypeOf<Awaited<ReturnType<Tool['execute']>>>().toBeUnknown()
  expectTypeOf<Parameters<Model['doGenerate']>[0]>().not.toBeAny()
})
