import { Agent } from '@mastra/core/agent'
import { createTool } from '@mastra/core/tools'
import { z } from 'zod'
import { add, addDescription, addInput, addName, earlier, instructions, question } from '../task.ts'
import { v4Model } from '../v4-model.ts'
import type { Contender } from './contender.ts'

type Message = { role: 'user'; content: string } | { role: 'assistant'; content: string }

export const contender: Contender = {
  async prepare(work) {
    const agent = new Agent({
      id: 'bench',
      name: 'bench',
      instructions,
      // Mastra accepts V4 models; its types are those of an earlier patch of the interface.
      model: v4Model(work) as never,
      tools: {
        add: createTool({
          id: addName,
          description: addDescription,
          inputSchema: addInput,
          execute: async (input) => add(input),
        }),
      },
    })
    const history = earlier<Message>(
      work,
      (content) => ({ role: 'user', content }),
      (content) => ({ role: 'assistant', content }),
    )
    const messages = (): Message[] => [...history, { role: 'user', content: question }]
    return {
      run: async () => (await agent.generate(messages(), { maxSteps: 1_000 })).text,
      async stream(onDelta) {
        const result = await agent.stream(messages(), { maxSteps: 1_000 })
        for await (const delta of result.textStream) onDelta(delta)
      },
    }
  },
  async workflow(shape) {
    const { createStep, createWorkflow } = await import('@mastra/core/workflows')
    const sumOutput = z.object({ sum: z.number() })
    const call = createStep({
      id: addName,
      inputSchema: addInput,
      outputSchema: sumOutput,
      execute: async ({ inputData }) => add(inputData),
    })
    if (shape === 'fan') {
      const fan = createWorkflow({ id: 'fan', inputSchema: z.array(addInput), outputSchema: z.array(sumOutput) })
        .foreach(call, { concurrency: 100 })
        .commit()
      const inputs = Array.from({ length: 100 }, (_, a) => ({ a, b: 1 }))
      return async () => {
        const result = await (await fan.createRun()).start({ inputData: inputs })
        if (result.status !== 'success') throw new Error(`the run ended as ${result.status}`)
        return result.result.reduce((total, { sum }) => total + sum, 0)
      }
    }
    // Each step takes what the one before gave and adds one.
    const next = (id: number) =>
      createStep({
        id: `${addName}-${id}`,
        inputSchema: sumOutput,
        outputSchema: sumOutput,
        execute: async ({ inputData }) => add({ a: inputData.sum, b: 1 }),
      })
    let chain: { then(step: ReturnType<typeof next>): unknown; commit(): unknown } = createWorkflow({
      id: 'linear',
      inputSchema: sumOutput,
      outputSchema: sumOutput,
    }) as never
    for (let step = 0; step < 10; step += 1) chain = chain.then(next(step)) as typeof chain
    const linear = chain.commit() as {
      createRun(): Promise<{ start(options: object): Promise<{ status: string; result?: { sum: number } }> }>
    }
    return async () => {
      const { status, result } = await (await linear.createRun()).start({ inputData: { sum: 0 } })
      if (status !== 'success' || result === undefined) throw new Error(`the run ended as ${status}`)
      return result.sum
    }
  },
}
