/** What types the definitions of core infer and refuse, for schemas of every library. Checked by `tsc`, never run. */
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import {
  type Agent,
  defineAgent,
  definePlugin,
  defineTool,
  type InferInput,
  type InferOutput,
  jsonSchema,
  type Model,
  type Schema,
  type StandardSchema,
  type Tool,
  type ToolContext,
} from 'opspawn/core'

interface City {
  city: string
  days?: number | undefined
}

const zodCity = z.object({ city: z.string(), days: z.number().optional() })
const valibotCity = toStandardJsonSchema(v.object({ city: v.string(), days: v.optional(v.number()) }))
const documented = { validator: v.object({ city: v.string() }), jsonSchema: { type: 'object' } }
const arkCity = type({ city: 'string', 'days?': 'number' })
const plainCity = jsonSchema<City>({ type: 'object', properties: { city: { type: 'string' } } })

describe('the type of a schema', () => {
  it('is what its library says, coming and going', () => {
    expectTypeOf<InferOutput<typeof zodCity>>().toEqualTypeOf<City>()
    expectTypeOf<InferInput<typeof zodCity>>().toEqualTypeOf<City>()
    expectTypeOf<InferOutput<typeof valibotCity>>().toEqualTypeOf<City>()
    expectTypeOf<InferOutput<typeof documented>>().toEqualTypeOf<{ city: string }>()
    expectTypeOf<InferOutput<typeof arkCity>>().toExtend<{ city: string }>()
    expectTypeOf<InferOutput<typeof arkCity>>().not.toBeAny()
    expectTypeOf<InferOutput<typeof plainCity>>().toEqualTypeOf<City>()
    expectTypeOf<InferInput<typeof plainCity>>().toEqualTypeOf<City>()
  })
  it('differs where the schema changes the value', () => {
    const schema = z.object({ days: z.number().default(3), at: z.string().transform((text) => text.length) })
    expectTypeOf<InferInput<typeof schema>>().toEqualTypeOf<{ days?: number | undefined; at: string }>()
    expectTypeOf<InferOutput<typeof schema>>().toEqualTypeOf<{ days: number; at: number }>()
  })
  it('is unknown where nothing is said, never any', () => {
    expectTypeOf<InferOutput<StandardSchema>>().toBeUnknown()
    expectTypeOf<InferOutput<Schema>>().toBeUnknown()
    expectTypeOf<InferOutput<{ type: 'object' }>>().toBeUnknown()
    expectTypeOf<InferOutput<number>>().toBeUnknown()
    expectTypeOf<InferInput<StandardSchema>>().toBeUnknown()
  })
  it('keeps unions and lists', () => {
    const union = z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('a'), n: z.number() }),
      z.object({ kind: z.literal('b') }),
    ])
    expectTypeOf<InferOutput<typeof union>>().toEqualTypeOf<{ kind: 'a'; n: number } | { kind: 'b' }>()
    expectTypeOf<InferOutput<ReturnType<typeof jsonSchema<readonly string[]>>>>().toEqualTypeOf<readonly string[]>()
  })
})

describe('defineTool', () => {
  it('types the body by the schema, for every library', () => {
    const common = { name: 'weather', description: 'Tells the weather.' }
    const byZod = defineTool({ ...common, input: zodCity, execute: (input) => input })
    expectTypeOf(byZod).toEqualTypeOf<Tool<City, City>>()
    const byValibot = defineTool({ ...common, input: valibotCity, execute: (input) => input.days ?? 0 })
    expectTypeOf(byValibot).toEqualTypeOf<Tool<City, number>>()
    const byDocument = defineTool({ ...common, input: documented, execute: ({ city }) => city })
    expectTypeOf(byDocument).toEqualTypeOf<Tool<{ city: string }, string>>()
    const byArktype = defineTool({ ...common, input: arkCity, execute: ({ city }) => city })
    expectTypeOf<Parameters<typeof byArktype.execute>[0]>().toExtend<{ city: string }>()
    expectTypeOf<Parameters<typeof byArktype.execute>[0]>().not.toBeAny()
    const byHand = defineTool({ ...common, input: plainCity, execute: async ({ city, days }) => city.repeat(days ?? 1) })
    expectTypeOf(byHand).toEqualTypeOf<Tool<City, string>>()
  })
  it('gives the body its context', () => {
    defineTool({
      name: 'weather',
      description: '',
      input: zodCity,
      execute(input, context) {
        expectTypeOf(input).toEqualTypeOf<City>()
        expectTypeOf(context).toEqualTypeOf<ToolContext>()
        expectTypeOf(context.signal).toEqualTypeOf<AbortSignal>()
        expectTypeOf(context.tx).toBeUnknown()
      },
      verify(input, context) {
        expectTypeOf(input).toEqualTypeOf<City>()
        expectTypeOf(context).toEqualTypeOf<ToolContext>()
        return { happened: false }
      },
    })
  })
  it('holds what the body returns against the output schema', () => {
    const common = { name: 'weather', description: '', input: zodCity }
    defineTool({ ...common, output: z.object({ degrees: z.number() }), execute: () => ({ degrees: 5 }) })
    defineTool({ ...common, output: z.object({ degrees: z.number() }), execute: async () => ({ degrees: 5 }) })
    // @ts-expect-error the schema wants a number
    defineTool({ ...common, output: z.object({ degrees: z.number() }), execute: () => ({ degrees: 'cold' }) })
    // @ts-expect-error the schema wants a number, also by a promise
    defineTool({ ...common, output: z.object({ degrees: z.number() }), execute: async () => ({ degrees: 'cold' }) })
    // @ts-expect-error nothing is no number
    defineTool({ ...common, output: z.object({ degrees: z.number() }), execute: () => undefined })
    // @ts-expect-error a body that returns nothing
    defineTool({ ...common, output: z.object({ degrees: z.number() }), execute: async () => {} })
    // @ts-expect-error perhaps nothing
    defineTool({ ...common, output: z.object({ degrees: z.number() }), execute: ({ days }) => days && { degrees: days } })
    // @ts-expect-error a claimed type counts like a checked one
    defineTool({ ...common, output: plainCity, execute: () => undefined })
    const told = defineTool({ ...common, output: plainCity, execute: async ({ city }) => ({ city }) })
    expectTypeOf(told).toEqualTypeOf<Tool<City, { city: string }>>()
  })
  it('takes any JSON schema as the output, and no body that returns nothing where there is none', () => {
    const common = { name: 'weather', description: '', input: zodCity }
    expectTypeOf(defineTool({ ...common, execute: () => {} })).toEqualTypeOf<Tool<City, void>>()
    const untyped = defineTool({ ...common, output: { type: 'object' }, execute: () => ({ degrees: 5 }) })
    expectTypeOf(untyped).toEqualTypeOf<Tool<City, { degrees: number }>>()
    defineTool({ ...common, output: undefined, execute: () => 5 })
  })
  it('refuses what is wrong', () => {
    const common = { name: 'weather', description: '', input: zodCity, execute: () => 'sunny' }
    // @ts-expect-error no such class of effects
    defineTool({ ...common, effect: 'safe' })
    // @ts-expect-error no such label
    defineTool({ ...common, labels: ['secret'] })
    // @ts-expect-error no such member
    defineTool({ ...common, timeout: 5 })
    // @ts-expect-error milliseconds are a number
    defineTool({ ...common, timeoutMs: '5s' })
    // @ts-expect-error no such member of a retry
    defineTool({ ...common, retry: { times: 3 } })
    // @ts-expect-error a tool needs a description
    defineTool({ name: 'weather', input: zodCity, execute: () => 'sunny' })
    // @ts-expect-error a tool needs a body
    defineTool({ name: 'weather', description: '', input: zodCity })
    // @ts-expect-error the input has no such member
    defineTool({ ...common, execute: ({ town }) => String(town) })
    // @ts-expect-error the body wants another input than the schema gives
    defineTool({ ...common, execute: (input: { city: number }) => input.city })
    // @ts-expect-error what happened needs its output
    defineTool({ ...common, verify: () => ({ happened: true }) })
    // @ts-expect-error a schema is no text
    defineTool({ ...common, input: 'city' })
  })
  it('makes what agents and orchestrators take', () => {
    const tool = defineTool({ name: 'weather', description: '', input: zodCity, execute: () => 'sunny' })
    expectTypeOf(tool).toExtend<Tool>()
    expectTypeOf(defineAgent({ name: 'a', tools: [tool, 'by.name'] }).tools).toEqualTypeOf<readonly (Tool | string)[]>()
    expectTypeOf(definePlugin(tool)).toEqualTypeOf<Tool<City, string>>()
  })
})

declare const model: Model
const bare = () => defineAgent({ name: 'a', model })

type InputOf<A> = A extends Agent<infer I, infer _O> ? I : never
type OutputOf<A> = A extends Agent<infer _I, infer O> ? O : never

describe('defineAgent', () => {
  it('takes text and gives text where nothing is said', () => {
    expectTypeOf<OutputOf<ReturnType<typeof bare>>>().toEqualTypeOf<string>()
    expectTypeOf(bare()).toEqualTypeOf<Agent<string, string>>()
  })
  it('takes its input as the schema does, and gives its output as the schema does', () => {
    const report = z.object({ text: z.string(), at: z.number().default(0) })
    const agent = defineAgent({ name: 'a', model, input: report, output: report })
    expectTypeOf(agent).toEqualTypeOf<Agent<{ text: string; at?: number | undefined }, { text: string; at: number }>>()
    expectTypeOf(defineAgent({ name: 'a', input: plainCity })).toEqualTypeOf<Agent<City, string>>()
    const byValibot = defineAgent({ name: 'a', input: valibotCity, output: valibotCity })
    expectTypeOf(byValibot).toEqualTypeOf<Agent<City, City>>()
    const byDocument = defineAgent({ name: 'a', input: plainCity, output: documented })
    expectTypeOf(byDocument).toEqualTypeOf<Agent<City, { city: string }>>()
  })
  it('takes a member that is undefined like one that is not there', () => {
    const whole = { model, models: undefined, agents: undefined, memory: undefined, planner: undefined, tools: undefined }
    expectTypeOf(defineAgent({ name: 'a', ...whole, limits: undefined })).toEqualTypeOf<Agent<string, string>>()
    defineAgent({ name: 'a', delegates: undefined, memories: undefined, input: undefined, output: undefined })
    const perhaps = { input: plainCity as typeof plainCity | undefined, model: model as Model | undefined }
    expectTypeOf(defineAgent({ name: 'a', ...perhaps })).toEqualTypeOf<Agent<City, string>>()
  })
  it('refuses what is wrong', () => {
    // @ts-expect-error an agent needs a name
    defineAgent({ model })
    // @ts-expect-error a model is no text: there is no default gateway
    defineAgent({ name: 'a', model: 'gpt-5' })
    // @ts-expect-error no such member
    defineAgent({ name: 'a', prompt: 'be brief' })
    // @ts-expect-error no such limit
    defineAgent({ name: 'a', limits: { setps: 5 } })
    // @ts-expect-error limits are numbers
    defineAgent({ name: 'a', limits: { steps: '5' } })
    // @ts-expect-error no such member of a delegate
    defineAgent({ name: 'a', agents: [{ agent: 'b', hand_off: true }] })
    // @ts-expect-error no such effort
    defineAgent({ name: 'a', settings: { reasoning: 'enormous' } })
    // @ts-expect-error a planner is no function
    defineAgent({ name: 'a', planner: () => ({ type: 'idle' }) })
  })
  it('makes what other agents may call', () => {
    const expert = defineAgent({ name: 'expert', input: plainCity, output: valibotCity })
    const caller = defineAgent({ name: 'a', agents: [expert, 'other', { agent: 'third', handoff: true }] })
    expectTypeOf<OutputOf<typeof caller>>().toEqualTypeOf<string>()
    expectTypeOf<InputOf<typeof caller>>().not.toBeAny()
  })
})
