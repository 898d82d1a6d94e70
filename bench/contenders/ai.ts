import { isStepCount, tool, ToolLoopAgent, type ModelMessage } from 'ai'
import { add, addDescription, addInput, earlier, instructions, question } from '../task.ts'
import { v4Model } from '../v4-model.ts'
import type { Contender } from './contender.ts'

export const contender: Contender = {
  async prepare(work) {
    const agent = new ToolLoopAgent({
      model: v4Model(work),
      instructions,
      tools: { add: tool({ description: addDescription, inputSchema: addInput, execute: add }) },
      stopWhen: isStepCount(1_000),
      telemetry: { isEnabled: false },
    })
    const history = earlier<ModelMessage>(
      work,
      (content) => ({ role: 'user', content }),
      (content) => ({ role: 'assistant', content }),
    )
    const messages = (): ModelMessage[] => [...history, { role: 'user', content: question }]
    return {
      run: async () => (await agent.generate({ messages: messages() })).text,
      async stream(onDelta) {
        const result = await agent.stream({ messages: messages() })
        for await (const delta of result.textStream) onDelta(delta)
      },
    }
  },
}
