import { Agent } from '@mastra/core/agent'
import { createTool } from '@mastra/core/tools'
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
}
