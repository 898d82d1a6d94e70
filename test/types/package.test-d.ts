/** The package as its users type it. Checked by `tsc`, never run. */
import type { LanguageModelV4 } from '@ai-sdk/provider'
import * as root from 'opspawn'
import type * as core from 'opspawn/core'
import { describe, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { memoryStore } from 'opspawn/plugins/store-memory'
import { fastqScheduler } from 'opspawn/plugins/scheduler-fastq'
import { planExecutePlanner } from 'opspawn/plugins/planner-plan-execute'
import { reactPlanner } from 'opspawn/plugins/planner-react'
import { toolsPlanner } from 'opspawn/plugins/planner-tools'
import { createOrchestrator as createBare } from 'opspawn/orchestrator'

declare const provided: LanguageModelV4

describe('the example of the README', () => {
  it('is typed from the schema to the output', async () => {
    const weather = root.defineTool({
      name: 'weather',
      description: 'Tells the weather in a city.',
      input: z.object({ city: z.string() }),
      effect: 'pure',
      execute: ({ city }) => `sunny in ${city}`,
    })
    const agent = root.defineAgent({
      name: 'guide',
      model: provided,
      tools: [weather],
      output: z.object({ advice: z.string() }),
    })
    await using ops = await root.createOrchestrator({ agents: [agent] })
    expectTypeOf(ops).toEqualTypeOf<root.Orchestrator>()
    const run = await ops.start(agent, 'What to wear in Paris?')
    for await (const event of run) {
      expectTypeOf(event).toEqualTypeOf<root.RunStreamEvent>()
      if (event.type === 'text-delta') expectTypeOf(event.delta).toBeString()
      if (root.isRecorded(event)) expectTypeOf(event.seq).toBeNumber()
    }
    expectTypeOf(root.outputOf(await run.result)).toEqualTypeOf<{ advice: string }>()
  })
})

describe('createOrchestrator', () => {
  it('takes agents of any input and output', async () => {
    const typed = root.defineAgent({ name: 'a', input: z.object({ n: z.number() }), output: z.array(z.string()) })
    const plain = root.defineAgent({ name: 'b' })
    const ops = await root.createOrchestrator({ agents: [typed, plain] })
    expectTypeOf(await ops.start(typed, { n: 1 })).toEqualTypeOf<root.Run<string[]>>()
    // @ts-expect-error this agent takes an object
    await ops.start(typed, 'one')
  })
  it('takes the plugins of the package', async () => {
    await createBare({ store: memoryStore(), scheduler: fastqScheduler(), planner: toolsPlanner() })
    await createBare({ plugins: [memoryStore(), fastqScheduler(), reactPlanner(), planExecutePlanner()] })
  })
  it('refuses what is wrong', async () => {
    // @ts-expect-error claim is missing
    await root.createOrchestrator({ store: {} as Omit<root.Store, 'claim'> })
    // @ts-expect-error no such option
    await root.createOrchestrator({ agent: [] })
    // @ts-expect-error no such time
    await root.createOrchestrator({ timing: { leaseSeconds: 1 } })
    // @ts-expect-error no such verdict
    await root.createOrchestrator({ policy: { rules: [{ verdict: 'forbid' }] } })
    // @ts-expect-error no such condition
    await root.createOrchestrator({ policy: { rules: [{ verdict: 'deny', arguments: { '/n': { morethan: 5 } } }] } })
    // @ts-expect-error a price says what output costs
    await root.createOrchestrator({ prices: { '*': { input: 1 } } })
    // @ts-expect-error a planner is no store
    await root.createOrchestrator({ store: toolsPlanner() })
    // @ts-expect-error a path is a text
    await root.createOrchestrator({ store: 1 })
  })
})

describe('the entries', () => {
  it('share their types: what comes from one goes into the other', () => {
    expectTypeOf<root.Agent>().toEqualTypeOf<core.Agent>()
    expectTypeOf(root.defineTool).toEqualTypeOf<typeof core.defineTool>()
    expectTypeOf(root.OpspawnError).toEqualTypeOf<typeof core.OpspawnError>()
    // It takes a path besides.
    expectTypeOf(root.createOrchestrator).toExtend<typeof createBare>()
  })
  it('give no any', () => {
    expectTypeOf(root.createOrchestrator).not.toBeAny()
    expectTypeOf(root.createOrchestrator).parameter(0).not.toBeAny()
    expectTypeOf(memoryStore).returns.toExtend<core.Store>()
    expectTypeOf(fastqScheduler).returns.toExtend<core.Scheduler>()
    expectTypeOf(toolsPlanner).returns.toEqualTypeOf<core.Planner>()
    expectTypeOf<keyof typeof root>().not.toBeAny()
  })
})
