import { createOrchestrator, defineAgent, defineTool, type Message } from 'opspawn'
import { toolsPlanner } from 'opspawn/plugins/planner-tools'
import { add, addDescription, addInput, addName, earlier, instructions, question } from '../task.ts'
import { v4Model } from '../v4-model.ts'
import type { Contender } from './contender.ts'

export const contender: Contender = {
  async prepare(work) {
    const tool = defineTool({
      name: addName,
      description: addDescription,
      input: addInput,
      effect: 'pure',
      execute: (input) => add(input),
    })
    const agent = defineAgent({
      name: 'bench',
      instructions,
      model: v4Model(work),
      planner: toolsPlanner(),
      tools: [tool],
      limits: { steps: 1_000 },
    })
    // Lives as long as the child process: each child measures one job or a few.
    const store = process.env['OPSPAWN_BENCH_STORE']
    const ops = await createOrchestrator({ agents: [agent], ...(store !== undefined && { store }) })
    const messages = earlier<Message>(
      work,
      (text) => ({ role: 'user', content: [{ type: 'text', text }] }),
      (text) => ({ role: 'assistant', content: [{ type: 'text', text }] }),
    )
    const start = () => (work.history > 0 ? ops.start('bench', question, { messages }) : ops.start('bench', question))
    return {
      async run() {
        const handle = await start()
        const outcome = await handle.result
        if (outcome.status !== 'completed') throw new Error(`the run ended as ${outcome.status}: ${JSON.stringify(outcome)}`)
        return typeof outcome.output === 'string' ? outcome.output : JSON.stringify(outcome.output)
      },
      async stream(onDelta) {
        const handle = await start()
        for await (const event of handle) if (event.type === 'text-delta') onDelta(event.delta)
        const outcome = await handle.result
        if (outcome.status !== 'completed') throw new Error(`the run ended as ${outcome.status}: ${JSON.stringify(outcome)}`)
      },
    }
  },
}
